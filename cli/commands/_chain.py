"""The command of a chain: the steps of a recipe file, or as arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from augtool import methods, registry
from augtool.errors import UsageError
from augtool.recipe.recipe import Recipe

from .. import options
from ._command import Command
from ._method import Callback
from ._steps import steps_of

_HELP = """\
Apply methods one after the other, each to the rows as the one before left them.

A step is a method with its parameters. Several with | between them are a choice: each row takes
one of them, drawn by weight; without weights all are equal, and none leaves the row as it is.

\b
  augtool {called} flip "cutmix alpha=1" "erase prob=0.25" --in data/ --out {out}
  augtool {called} flip "0.5 cutmix | 0.3 mixup alpha=0.2 | 0.2 none" --in data/ --out {out}

The same in a file, for --recipe; `augtool inspect --recipe` prints that of an output:

\b
  seed = 1
  copies = 2
  label_smoothing = 0.1

\b
  [[steps]]
  method = "flip"
  prob = 0.5

\b
  [[steps]]
  one_of = [
    {{ weight = 0.5, method = "cutmix", alpha = 1.0 }},
    {{ weight = 0.3, method = "mixup", alpha = 0.2 }},
    {{ weight = 0.2, method = "none" }},
  ]

\b
  [reading]
  size = [32, 32]

Options that are given beat those of the file. The methods are {methods}: `augtool methods` lists
their parameters.
"""

_RECIPE = click.option(
    "--recipe",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="Take the steps, and options that are not given here, from this file.",
)


NAME = "mix"


class _Chain(Command):
    """A command that says where a parameter of a method belongs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what is no option here may be one of a method's own command."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            key = error.option_name.lstrip("-")
            method = _method_with(key.replace("-", "_"), args)
            if method is None:
                raise
            raise click.UsageError(
                f"{error.option_name} is of a step: write it there, in quotes, as in "
                f"'{method} {key}=…'"
            ) from None


def _method_with(parameter: str, args: Sequence[str]) -> str | None:
    """A method that has this parameter: one that is named in the arguments, if any of them."""
    able = [
        name
        for name in registry.names("methods")
        if parameter in {"prob", *methods.load(name).Params.__dataclass_fields__}
    ]
    said = (word for one in args for word in one.split() if word in able)
    return next(said, able[0] if able else None)


def chain_command(
    callback: Callback,
    before: Sequence[options.Decorator],
    after: Sequence[options.Decorator],
    *,
    called: str,
    out: str,
) -> click.Command:
    """A command that takes steps or a recipe file, with the options ``before`` and ``after``.

    ``callback`` gets the recipe and all other values. ``called`` and ``out`` stand in the examples
    of its help.
    """

    def run(steps: tuple[str, ...], recipe: Path | None, **given: Any) -> int | None:
        return callback(_recipe(steps, recipe), given)

    text = _HELP.format(called=called, out=out, methods=", ".join(registry.names("methods")))
    steps = click.argument("steps", nargs=-1, metavar="[STEP]…")
    decorate = options.together(steps, *before, _RECIPE, *after)
    return click.command(NAME, cls=_Chain, help=text)(decorate(run))


def _recipe(steps: Sequence[str], file: Path | None) -> Recipe:
    from augtool.recipe.toml import read_recipe

    if steps and file is not None:
        raise UsageError(f"--recipe {file} and the step {steps[0]!r}: give steps in one way")
    if file is not None:
        return read_recipe(file)
    if not steps:
        raise UsageError(
            'there is no step: give some, as in augtool mix flip "cutmix alpha=1", '
            "or --recipe FILE.toml"
        )
    return Recipe(steps_of(steps))
