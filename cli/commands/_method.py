"""The command of a method, made from its parameter dataclass."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

import click

from augtool import methods
from augtool.params import Bounds, bounds_of, shown
from augtool.recipe.recipe import Recipe, step

from .. import options, param_types
from ._command import Command

Callback = Callable[[Recipe, Mapping[str, Any]], int | None]


def method_command(
    name: str,
    callback: Callback,
    before: Sequence[options.Decorator],
    after: Sequence[options.Decorator],
) -> click.Command:
    """A command named like the method: the options ``before``, one for each of its parameters and
    its probability, then the options ``after``. ``callback`` gets a recipe of the step and all
    other values."""
    method = methods.load(name)
    fields = dataclasses.fields(method.Params)

    def run(prob: float | None, **given: Any) -> int | None:
        chosen = {field.name: given.pop(field.name) for field in fields}
        params = {key: value for key, value in chosen.items() if value is not None}
        return callback(Recipe((step(name, prob=prob, **params),)), given)

    hints = get_type_hints(method.Params)
    own = [
        _option(field.name, hints[field.name], bounds_of(field), field.default) for field in fields
    ]
    decorate = options.together(*before, *own, _prob(method.PROB), *after)
    return click.command(name, cls=Command, help=_help(method))(decorate(run))


def _option(name: str, hint: Any, bounds: Bounds, default: Any) -> options.Decorator:
    remarks = [bounds.shown_default or ("" if default is None else shown(default))]
    remarks = [f"default: {remark}" for remark in remarks if remark]
    if not bounds.choices and hint is not bool:
        remarks.append(bounds.words())
    help_text = f"{bounds.help}  [{'; '.join(remarks)}]" if remarks else bounds.help
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=value_type(hint, bounds),
        default=None,
        help=help_text,
    )


def _prob(default: float) -> options.Decorator:
    return click.option(
        "--prob",
        type=param_types.Number(),
        help="Mix a row with this probability, else leave it as it is.  "
        f"[default: {default}; at least 0, at most 1]",
    )


def value_type(hint: Any, bounds: Bounds) -> Any:
    """The type of click that turns text into the value of a parameter."""
    if bounds.choices:
        return click.Choice(bounds.choices)
    parts = [part for part in get_args(hint) if part is not type(None)]
    plain = parts[0] if len(parts) == 1 else hint  # of "float or None" the float
    return _VALUES.get(plain, plain)


_VALUES: dict[Any, param_types.Value] = {
    float: param_types.Number(),
    int: param_types.Integer(),
    str: param_types.Text(),
    tuple[float, float]: param_types.Span(),
    tuple[int, int]: param_types.Span(whole=True),
    tuple[float, ...]: param_types.Values(),
}


def _help(method: Any) -> str:
    return f"{inspect.cleandoc(method.__doc__)}\n\n{method.PAPER}".replace("``", "")
