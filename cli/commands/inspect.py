"""Say what is in an output or an input, or what one row is made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from .. import build_job, config, inspect_text, options, param_types, stdout
from ..report import printable, say_warnings
from ._command import Command

if TYPE_CHECKING:
    from augtool.inspection.explain import RowInfo
    from augtool.recipe.recipe import Reading


@click.command("inspect", cls=Command)
@click.argument("path", metavar="PATH")
@click.option("--row", type=param_types.Whole(0), help="Explain this row of an output.")
@click.option(
    "--in", "-i", "input", metavar="PATH", help="With --row: the source, to name its files."
)
@click.option(
    "--list",
    "as_list",
    is_flag=True,
    help="Print class and path of each row of an input, as CSV.",
)
@click.option(
    "--recipe", "as_recipe", is_flag=True, help="Print an output's recipe, for mix --recipe."
)
@click.option(
    "--cite", is_flag=True, help="Print a paragraph for the methods section of a paper, and BibTeX."
)
@options.READING
@config.CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.DEBUG
def command(
    path: str,
    row: int | None,
    input: str | None,
    as_list: bool,
    as_recipe: bool,
    cite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Say what is in an output of augtool, or in anything that it reads.

    For an output: schema, recipe, label mass per class and the base's weight (λ). For an input:
    rows, shape and classes.
    """
    from augtool.inspection import summary
    from augtool.outputs import output
    from augtool.recipe.recipe import Reading

    reading = build_job.reading_from(given)
    beside = given["labels"], given["in_format"]
    if (row is not None) + as_list + as_recipe + cite > 1:
        raise UsageError("--row, --list, --recipe and --cite each print something else: give one")
    if input is not None and row is None:
        raise UsageError("--in names the files of a row: give --row too")
    if as_list:
        _list(path, reading, beside, as_json)
    elif as_recipe:
        _print_recipe(path, as_json)
    elif cite:
        _cite(path, as_json)
    elif row is not None:
        _explain(path, row, input, reading, beside, as_json)
    elif output.is_output(path) and reading == Reading() and beside == (None, None):
        with output.open(path) as opened:
            _tell(summary.inspect(opened), inspect_text.output_lines, as_json)
    else:
        info = summary.inspect_source(path, reading, build_job.masks_from(given), *beside)
        _tell(info, inspect_text.source_lines, as_json)
        say_warnings(info.warnings)


def _check_output(path: str, purpose: str) -> None:
    from augtool.outputs.output import is_output

    if path.startswith("sample:") or (Path(path).is_dir() and not is_output(path)):
        raise UsageError(f"{path}: is an input; {purpose}")


def _print_recipe(path: str, as_json: bool) -> None:
    from augtool.outputs import output
    from augtool.recipe.recipe import without_grants
    from augtool.recipe.toml import to_toml

    _check_output(path, "--recipe prints that of an output of augtool")
    with output.looked_at(path) as opened:
        recipe = opened.recipe
    stdout.write(f"{recipe.as_json()}\n" if as_json else to_toml(without_grants(recipe)))


def _cite(path: str, as_json: bool) -> None:
    from augtool.inspection.cite import paragraph, references
    from augtool.outputs import output

    _check_output(path, "--cite is about an output of augtool")
    with output.looked_at(path) as opened:
        text, bibtex = paragraph(opened), references(opened)
    if as_json:
        stdout.as_json({"citation": text, "bibtex": bibtex})
    else:
        stdout.line("\n".join(map(printable, [text, "", *bibtex.splitlines()])))


def _explain(
    path: str,
    row: int,
    spec: str | None,
    reading: Reading,
    beside: tuple[str | None, str | None],
    as_json: bool,
) -> None:
    from augtool.outputs import output

    _check_output(path, "--row explains a row of an output of augtool")
    with output.looked_at(path) as opened:
        _tell(_explained(opened, row, spec, reading, beside), inspect_text.row_lines, as_json)


def _explained(
    opened: Any, row: int, spec: str | None, reading: Reading, beside: tuple[str | None, str | None]
) -> RowInfo:
    from augtool.inspection.explain import explain
    from augtool.recipe.recipe import GRANTS, Reading, without_grants
    from augtool.sources import open_source
    from augtool.system.scratch import temporary

    if spec is None:
        return explain(opened, row)
    grants = {name: getattr(reading, name) for name in GRANTS}
    if reading == Reading(**grants):  # the output knows how else it was read
        reading = dataclasses.replace(without_grants(opened.recipe).reading, **grants)
    with temporary() as scratch:
        return explain(opened, row, open_source(spec, reading, scratch, *beside))


def _list(
    path: str, reading: Reading, beside: tuple[str | None, str | None], as_json: bool
) -> None:
    import csv

    from augtool.inspection.summary import listed, listing
    from augtool.sources import open_source
    from augtool.system.scratch import temporary

    with temporary() as scratch:
        source = open_source(path, reading, scratch, *beside)
        keys, rows = listed(source), listing(source)
        if as_json:
            for one in rows:
                stdout.as_json(dict(zip(keys, one, strict=True)), indent=None)
            return
        table = csv.writer(stdout, lineterminator="\n")
        table.writerow(keys)
        table.writerows([printable(str(cell)) for cell in one] for one in rows)


def _tell(info: Any, lines: Any, as_json: bool) -> None:
    if as_json:
        stdout.as_json(dataclasses.asdict(info))
        return
    for line in lines(info):
        stdout.line(printable(line))
