"""Parameters of methods: fields that know their bounds, unit and help.

A method's ``Params`` is a frozen dataclass whose fields are made by `param`. From that one
declaration come the checks (here), the CLI options, ``augtool methods`` and the recipe.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import (
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from augtool.errors import UsageError


class ParamsLike(Protocol):
    """Any frozen dataclass whose fields are made by `param`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


AnyParams = TypeVar("AnyParams", bound=ParamsLike)


@dataclass(frozen=True)
class Bounds:
    """What a parameter's value must satisfy; each element of it, when it is a tuple.

    ``low`` and ``high`` are inclusive, ``above`` and ``below`` exclusive. ``rising`` asks a pair to
    be in order. ``shown_default`` is what help says when the default depends on other parameters.
    ``admits`` decides on values that are no numbers, such as text; ``form`` says what it admits.
    """

    help: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    rising: bool = False
    choices: tuple[str, ...] = ()
    shown_default: str = ""
    admits: Callable[[Any], bool] | None = None
    form: str = ""

    def fault(self, value: Any) -> str | None:
        """What is wrong with ``value``, or None."""
        if self.choices:
            return None if value in self.choices else f"choose from {', '.join(self.choices)}"
        if self.admits:
            return None if self.admits(value) else f"must be {self.form}"
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            return "must be a finite number"
        if not all(isinstance(number, int | float) and self._admits(number) for number in numbers):
            return f"must be {self.words()}"
        if self.rising and list(numbers) != sorted(numbers):
            return "the first value must not be larger than the second"
        return None

    def _admits(self, number: float) -> bool:
        return self.low <= number <= self.high and self.above < number < self.below

    def words(self) -> str:
        """The bounds as a person says them: "above 0, at most 1"."""
        parts = [
            f"{word} {bound:g}"
            for word, bound in (
                ("at least", self.low),
                ("above", self.above),
                ("at most", self.high),
                ("below", self.below),
            )
            if math.isfinite(bound)
        ]
        return self.form or ", ".join(parts) or "a finite number"


def param(default: Any, help: str, **bounds: Any) -> Any:
    """A dataclass field with its `Bounds`. None, as a default, means "not given"."""
    return dataclasses.field(default=default, metadata={"bounds": Bounds(help, **bounds)})


def bounds_of(field: dataclasses.Field[Any]) -> Bounds:
    """The bounds that `param` put on a field."""
    bounds: Bounds = field.metadata["bounds"]
    return bounds


def check(params: ParamsLike) -> None:
    """Raise `UsageError`, naming the parameter, when a value is out of its bounds."""
    hints = get_type_hints(type(params))
    for field in dataclasses.fields(params):
        value = getattr(params, field.name)
        if value is None and field.default is None:
            continue
        hint, bounds = hints[field.name], bounds_of(field)
        numbers = value if isinstance(value, tuple) else (value,)
        if not bounds.choices and not bounds.admits and not _fits(value, hint, fractions=True):
            raise UsageError(f"{field.name} {shown(value)!r}: must be {_words_of(hint)}")
        fault = bounds.fault(value)
        if is_whole(hints[field.name]) and any(type(one) is not int for one in numbers):
            fault = "must be whole numbers" if len(numbers) > 1 else "must be a whole number"
        if fault:
            raise UsageError(f"{field.name} {shown(value)}: {fault}")


def is_whole(hint: Any) -> bool:
    """Whether a field of this type takes whole numbers."""
    return hint is int or any(map(is_whole, get_args(hint)))


def build(cls: type[AnyParams], values: Mapping[str, Any], where: str) -> AnyParams:
    """``cls(**values)`` with lists as tuples; `UsageError` names an unknown key and the nearest
    right one. ``where`` begins the message ("step cutmix")."""
    known = [field.name for field in dataclasses.fields(cls)]
    hints = get_type_hints(cls)
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{where}: unknown parameter {key!r}{did_you_mean(key, known)}")
        bounded = "bounds" in cls.__dataclass_fields__[key].metadata  # `check` knows more
        if not bounded and not _fits(_frozen(value), hints[key]):
            raise UsageError(f"{where}: {key} {value!r}: must be {_words_of(hints[key])}")
    try:
        return cls(**{key: _frozen(value) for key, value in values.items()})
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def is_number(value: Any) -> bool:
    """Whether a value is a number that a float can hold: no bool, and no whole number beyond."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 1 << 1023


def _fits(value: Any, hint: Any, *, fractions: bool = False) -> bool:
    """Whether a value is of a type, where whole numbers pass as floats and no bool as a number.
    With ``fractions`` they pass as whole numbers, for which `check` has its own words."""
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return value in parts
    if get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return False
        every = len(parts) == 2 and parts[1] is Ellipsis
        wanted = parts[:1] * len(value) if every else parts
        return len(value) == len(wanted) and all(
            _fits(one, part, fractions=fractions) for one, part in zip(value, wanted, strict=True)
        )
    if parts:
        return any(_fits(value, part, fractions=fractions) for part in parts)
    if hint in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole if hint is int and not fractions else is_number(value)
    return isinstance(value, hint)


def _words_of(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    parts = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is tuple and parts[-1] in (int, float):
        kind = "whole numbers" if parts[-1] is int else "numbers"
        return f"a list of {len(parts)} {kind}"
    if get_origin(hint) is tuple and parts == [str, Ellipsis]:
        return "a list of text"
    if len(parts) == 1 and get_origin(hint) is not tuple:
        return _words_of(parts[0])
    return names.get(hint, "a list")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean 'alpha'?" when a known word is near, else what there is."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; choose from {', '.join(known)}" if known else ""


def shown(value: Any) -> str:
    """A value as the user types it: 0.2,0.8 for a pair."""
    if isinstance(value, tuple):
        return ",".join(shown(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value
