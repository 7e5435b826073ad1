"""Steps as they are written on a command line.

``flip``, ``"cutmix alpha=1 prob=0.5"``, and one of several by weight:
``"0.5 cutmix | 0.3 mixup alpha=0.2 | 0.2 none"``.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any, get_type_hints

import click

from augtool import methods
from augtool.errors import UsageError
from augtool.params import bounds_of
from augtool.recipe.recipe import NONE, Choice, Step, step_of

from .. import param_types
from ._method import value_type

_BETWEEN = "|"


def steps_of(arguments: Sequence[str]) -> tuple[Step | Choice, ...]:
    """The step of each argument. Raises `UsageError` that names its place, method and parameter."""
    return tuple(_step(one, f"step {place}") for place, one in enumerate(arguments, start=1))


def _step(argument: str, where: str) -> Step | Choice:
    try:
        table = _table(argument)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return step_of(table, where)


def _table(argument: str) -> dict[str, Any]:
    """A step as plain values, as `step_of` takes them."""
    parts = [_words(part) for part in argument.split(_BETWEEN)]
    if len(parts) == 1:
        if _weight(parts[0]) is not None:
            raise UsageError(
                f"{argument!r}: a weight is for one of several, as in '0.5 cutmix | 0.5 none'; "
                "for some of the rows, give prob=0.5"
            )
        return _values_of(parts[0])
    weights = [_weight(part) for part in parts]
    if all(weight is None for weight in weights):
        weights = [1 / len(parts)] * len(parts)
    if None in weights:
        raise UsageError(f"{argument!r}: give each of them a weight, or none of them")
    bare = [part[_weight(part) is not None :] for part in parts]
    return {
        "one_of": [
            {"weight": weight, **_option(part, number)}
            for number, (weight, part) in enumerate(zip(weights, bare, strict=True), start=1)
        ]
    }


def _option(part: Sequence[str], number: int) -> dict[str, Any]:
    try:
        return _values_of(part)
    except UsageError as error:
        raise UsageError(f"option {number}: {error}") from None


def _words(part: str) -> list[str]:
    try:
        return shlex.split(part)
    except ValueError as error:
        raise UsageError(f"{part.strip()!r}: {str(error).lower()}") from None


def _weight(words: Sequence[str]) -> float | None:
    """The number that a step begins with, if any."""
    try:
        return float(words[0])
    except (ValueError, IndexError):
        return None


def _values_of(words: Sequence[str]) -> dict[str, Any]:
    """ "cutmix alpha=1" as a method with parameters of the right types."""
    if not words or "=" in words[0]:
        said = f"{words[0]!r} has no method" if words else "there is no method"
        raise UsageError(f"{said}: put a step in quotes, as in 'cutmix alpha=1 prob=0.5'")
    method, *given = words
    if method == NONE and not given:
        return {"method": NONE}
    hints = {"prob": (float, None), **_hints(method)}
    found: dict[str, Any] = {"method": method}
    for word in given:
        key, equals, text = word.partition("=")
        name = key.replace("-", "_")
        if not equals:
            raise UsageError(f"{method}: {word!r}: write parameters as name=value, such as prob=1")
        if name in found:
            raise UsageError(f"{method}: {key} is given twice")
        found[name] = _value(method, key, text, hints[name]) if name in hints else text
    return found


def _hints(method: str) -> dict[str, Any]:
    """The type and the bounds of each parameter of a method."""
    params = methods.load(method).Params
    types = get_type_hints(params)
    return {
        field.name: (types[field.name], bounds_of(field)) for field in dataclasses.fields(params)
    }


def _value(method: str, key: str, text: str, hint: tuple[Any, Any]) -> Any:
    kind, bounds = hint
    wanted = param_types.Number() if bounds is None else value_type(kind, bounds)
    try:
        return click.types.convert_type(wanted).convert(text, None, None)
    except click.BadParameter as error:
        raise UsageError(f"{method}: {key} {error.message.rstrip('.')}") from None
