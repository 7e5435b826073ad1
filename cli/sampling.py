"""The options that choose source rows: which take part, how often, and which are paired."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import param_types

if TYPE_CHECKING:
    from augtool.recipe.sampling import Sampling

_PAIR = click.option(
    "--pair",
    type=click.Choice(["any", "other-class", "same-class", "other-group", "same-group"]),
    default="any",
    show_default=True,
    help="Which rows are mixed with each other.",
)
_GROUP_BY = click.option(
    "--group-by",
    metavar="KEY|FILE",
    help="What a group is, for --pair and --holdout: rows with one value.",
)
_BALANCE = click.option(
    "--balance",
    type=click.Choice(["none", "classes", "sqrt"]),
    default="none",
    show_default=True,
    help="Draw all classes equally often, or by the square root of their counts.",
)
_ROW_WEIGHTS = click.option(
    "--row-weights", metavar="KEY|FILE", help="Draw rows in proportion to these numbers."
)
_ONLY_CLASSES = click.option(
    "--only-classes", type=param_types.Words(), help="Use only these classes: names or numbers."
)
_PER_CLASS = click.option(
    "--per-class", type=param_types.Whole(1), help="Use at most this many rows of each class."
)
_HOLDOUT = click.option(
    "--holdout",
    type=param_types.Number(),
    metavar="SHARE",
    help="Mix only the rest, and write this share of the source unmixed, for validation.",
)
_HOLDOUT_SEED = click.option(
    "--holdout-seed",
    type=param_types.Whole(0),
    default=0,
    show_default=True,
    help="Which rows --holdout takes; --seed changes none of them.",
)
_CARRY = click.option(
    "--carry", metavar="KEY", multiple=True, help="Copy this of the base row, as carry_KEY."
)
_HELP = "Use only the rows that this file lists, one name or number a line."
ROWS = click.option("--rows", "--only-rows", "only_rows", metavar="FILE", help=_HELP)
ONLY_ROWS = click.option("--only-rows", "only_rows", metavar="FILE", help=_HELP)
HOLDOUT_OUT = click.option(
    "--holdout-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where --holdout goes.  [default: OUT-validation, of the format of --out]",
)
OPTIONS = (
    _PAIR,
    _GROUP_BY,
    _BALANCE,
    _ROW_WEIGHTS,
    _ONLY_CLASSES,
    _PER_CLASS,
    _HOLDOUT,
    _HOLDOUT_SEED,
    _CARRY,
)


def sampling_from(given: Mapping[str, Any], names: set[str], sampling: Sampling) -> Sampling:
    """``sampling`` with the options that were given, by ``names``: they beat its own."""
    fields = {field.name for field in dataclasses.fields(sampling)} - {"rows"}
    chosen: dict[str, Any] = {name: given[name] for name in fields & names}
    if "only_rows" in names:
        chosen["rows"] = given["only_rows"]
    return dataclasses.replace(sampling, **chosen)
