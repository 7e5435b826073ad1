"""Print or save rows of a plan as CSV, without touching pixels."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool import registry
from augtool.errors import OutputError, OutputExists, UsageError

from .. import build_job, config, options, stdout
from .. import param_types as values
from ._command import Group

if TYPE_CHECKING:
    from augtool.planning.plan import Plan
    from augtool.recipe.recipe import Recipe
    from augtool.system.overlap import Place

_CHAIN = "mix"
ROWS = click.option(
    "--rows", type=values.RowRange(), help="The first B rows, or rows A to B−1.  [default: all]"
)
OUT = click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Save to this file.  [default: print]",
)
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace --out when it exists.")


class _Recipes(Group):
    """One subcommand for each method, and one for chains."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*registry.names("methods"), _CHAIN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _planned(cmd_name) if cmd_name in self.list_commands(ctx) else None

    def sections(self, ctx: click.Context) -> dict[str, list[str]]:
        """Methods, and chains."""
        return {"Methods": list(registry.names("methods")), "Chains": [_CHAIN]}


@click.group(
    "plan",
    cls=_Recipes,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print or save rows of a plan as CSV, without touching pixels.

    One line a row: its number, source rows, their weights, and what its method or methods drew. A
    saved plan begins with a line "# augtool-plan …" that says what it belongs to; `augtool render`
    makes its rows.
    """
    if ctx.invoked_subcommand is None:
        stdout.line(ctx.get_help())


@cache
def _planned(name: str) -> click.Command:
    from ._chain import chain_command
    from ._method import method_command

    before = (options.INPUT, OUT, OVERWRITE, ROWS)
    after = (options.RECIPE, options.SAMPLING, options.READING, config.CONFIG, options.DEBUG)
    if name == _CHAIN:
        return chain_command(_plan, before, after, called="plan mix", out="plan.csv")
    return method_command(name, _plan, before, after)


def _plan(recipe: Recipe, given: Mapping[str, Any]) -> None:
    from augtool.mixing.inputs import open_for
    from augtool.mixing.source_plan import plan_of
    from augtool.outputs.stored_plan import first_line
    from augtool.system.scratch import temporary

    output, recipe = given["output"], build_job.recipe_from(given, recipe)
    if output is not None:
        _check_output(output, build_job.inputs_read(given, *given["input"]), given["overwrite"])
    with temporary() as scratch:
        masks = build_job.masks_from(given)
        source = open_for(
            recipe, given["input"], scratch, masks, given["labels"], given["in_format"]
        )
        plan = plan_of(recipe, source)
    start, stop = given["rows"] or (0, plan.total)
    if start >= plan.total:
        raise UsageError(f"--rows {start}:{stop}: there are only rows 0…{plan.total - 1}")
    lines = _lines(plan, start, stop := min(stop, plan.total))
    if output is not None:
        lines = itertools.chain([first_line(plan, source, start, stop)], lines)
    _write(output, lines, overwrite=given["overwrite"])


def _check_output(output: Path, read: Sequence[Place], overwrite: bool) -> None:
    if output.suffix.lower() != ".csv":  # a mixed.h5 from --config must not become a CSV file
        raise UsageError(f"--out {output}: the plan is a CSV; end its name in .csv")
    build_job.check_apart("--out", output, read)
    if os.path.lexists(output) and not overwrite:
        raise OutputExists(f"{output}: exists already; use --overwrite or choose another --out")


def _lines(plan: Plan, start: int, stop: int) -> Iterator[str]:
    import numpy as np

    from augtool.mixing.source_map import weighed
    from augtool.planning.plan import pieces

    header = True
    for piece in pieces(plan, start, stop):
        drawn = plan.draw(piece.number, piece.block).part(piece.low, piece.high)
        block = weighed(drawn, plan.shape)
        table: dict[str, Any] = {
            "row": block.out,
            "src": block.src,
            "weight": block.weight,
            **block.columns,
        }
        columns = [
            (name if values.ndim == 1 else f"{name}_{index}", column)
            for name, values in table.items()
            for index, column in enumerate(np.reshape(values, (len(block), -1)).T)
        ]
        if header:
            yield ",".join(name for name, _ in columns)
            header = False
        for row in zip(*(column.tolist() for _, column in columns), strict=True):
            yield ",".join(map(repr, row))


def _write(output: Path | None, lines: Iterator[str], *, overwrite: bool) -> None:
    if output is None:
        for line in lines:
            stdout.line(line)
        return
    from augtool.system import publishing

    try:
        with publishing.written(output, overwrite=overwrite) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
    except FileExistsError as error:
        raise OutputExists(
            f"{output}: exists already; use --overwrite or choose another --out"
        ) from error
    except OSError as error:
        raise OutputError(f"{output}: {error.strerror or error}; choose another --out") from error
