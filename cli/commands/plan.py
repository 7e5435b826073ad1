"""Print or save rows of a plan as CSV, without touching pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool import _modules
from augtool.errors import OutputError, OutputExists
from augtool.recipe import Step

from .. import options, values
from ._method import method_command

if TYPE_CHECKING:
    from augtool.plan import Plan

ROWS = click.option(
    "--rows", type=values.RowRange(), help="Which rows: 20, or 100:120.  [default: all]"
)
OUT = click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save to this file.  [default: print]",
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace --out.")


class _Methods(click.Group):
    """One subcommand for each method."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_modules.names("methods"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _of_method(cmd_name) if cmd_name in self.list_commands(ctx) else None


@click.group("plan", cls=_Methods, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Print or save rows of a method's plan as CSV, without touching pixels.

    One line a row: its number, source rows, their weights, and the method's draws.
    """


@cache
def _of_method(name: str) -> click.Command:
    return method_command(
        name,
        _plan,
        options.INPUT,
        OUT,
        OVERWRITE,
        ROWS,
        options.RECIPE,
        options.READING,
        options.CONFIG,
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    )


def _plan(step: Step, given: Mapping[str, Any]) -> None:
    import tempfile

    from augtool.run import open_for, plan_of

    recipe = options.recipe_from(given, step)
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        source = open_for(recipe, given["input"], Path(scratch))
        plan = plan_of(recipe, source)
    start, stop = given["rows"] or (0, plan.total)
    _write(given["output"], given["overwrite"], _lines(plan, start, min(stop, plan.total)))


def _lines(plan: Plan, start: int, stop: int) -> Iterator[str]:
    import numpy as np

    from augtool.plan import pieces

    header = True
    for piece in pieces(plan, start, stop):
        block = plan.draw(piece.number, piece.block).part(piece.low, piece.high)
        table: dict[str, Any] = {
            "row": block.out,
            "src": block.src,
            "weight": block.weight,
            **block.columns,
        }
        columns = [
            (name if values.ndim == 1 else f"{name}_{index}", column)
            for name, values in table.items()
            for index, column in enumerate(np.atleast_2d(values.T))
        ]
        if header:
            yield ",".join(name for name, _ in columns)
            header = False
        for row in zip(*(column.tolist() for _, column in columns), strict=True):
            yield ",".join(map(repr, row))


def _write(output: Path | None, overwrite: bool, lines: Iterator[str]) -> None:
    if output is None:
        for line in lines:
            click.echo(line)
        return
    if output.exists() and not overwrite:
        raise OutputExists(f"{output}: exists already; use --overwrite or choose another --out")
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        unfinished.replace(output)
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror or error}; choose another --out") from error
    finally:
        unfinished.unlink(missing_ok=True)
