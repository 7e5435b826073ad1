"""Write one HTML page that shows what is in an output or an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from .. import build_job, config, options, param_types, stdout
from ._command import Command

if TYPE_CHECKING:
    from augtool.report import Options, Written
    from augtool.system.overlap import Place
    from augtool.verification.rerender import Input


@click.command("report", cls=Command)
@click.argument("path", metavar="PATH")
@click.option(
    "--in",
    "-i",
    "input",
    multiple=True,
    metavar="PATH",
    help="Of an output: its source, to show base and partner images and their names.",
)
@click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    metavar="FILE.html",
    help="The page to write; an older one of augtool is replaced.",
)
@options.OVERWRITE
@click.option(
    "--rows",
    "shown",
    type=param_types.Whole(1, 2000),
    default=240,
    show_default=True,
    help="Show at most this many rows, spread evenly.",
)
@click.option(
    "--check",
    "with_check",
    is_flag=True,
    help="Also look at every image of the source, as augtool check does.",
)
@click.option(
    "--verify",
    "with_verify",
    is_flag=True,
    help="Also compare the output with its checksums, as augtool verify does.",
)
@click.option(
    "--workers",
    "-j",
    type=param_types.Workers(),
    default="auto",
    show_default=True,
    help="With --check or --verify: number of worker processes; auto uses the available cores.",
)
@click.option(
    "--card",
    is_flag=True,
    help="Also write README.md and croissant.json, for data hubs: into a folder OUT, or beside a "
    "file.",
)
@click.option(
    "--license",
    metavar="ID",
    help="With --card: the licence, such as cc-by-4.0.  [default: as the source]",
)
@options.READING
@click.option(
    "--other-source",
    is_flag=True,
    help="Take --in even when its names, sizes or labels are not those of the first time.",
)
@config.CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
@options.DEBUG
def command(path: str, output: Path, as_json: bool, quiet: bool, **given: Any) -> None:
    """Write one HTML page that shows what is in an output, or in anything that augtool reads.

    PATH is an output of augtool or an input. The page needs no network and no other file: rows
    with their labels, what each is made of, class masses, λ and boxes, how often each source row is
    used, warnings, and the command that makes it all again.
    """
    import dataclasses

    from augtool.report import write

    from ..progress import Meter

    _check_place(output, build_job.inputs_read(given, path, *given["input"]))
    if given["license"] is not None and not given["card"]:
        raise UsageError("--license is for the card; add --card")
    with Meter(quiet=quiet or as_json, doing="reading") as meter:
        written = write(path, output, _options(given), meter, overwrite=given["overwrite"])
    cards = _cards(path, given["license"]) if given["card"] else ()
    if as_json:
        stdout.as_json({**dataclasses.asdict(written), "cards": list(map(str, cards))})
    elif not quiet:
        _tell(written)
        for card in cards:
            click.echo(str(card), err=True)


def _cards(path: str, license: str | None) -> tuple[Path, ...]:
    """Write the cards of an output: where they are."""
    from augtool.outputs import output
    from augtool.report.card import write_card

    with output.looked_at(path) as opened:
        return write_card(opened, license)


def _check_place(output: Path, reads: Sequence[Place]) -> None:
    """Raise `UsageError` unless a page can be put there, outside of what it is about."""
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {output}: the report is a page; end its name in .html")
    build_job.check_apart("--out", output, reads)


def _options(given: Mapping[str, Any]) -> Options:
    from augtool.report import Options

    return Options(
        rows=given["shown"],
        source=_source(given),
        reading=build_job.reading_from(given),
        check=given["with_check"],
        verify=given["with_verify"],
        workers=given["workers"],
    )


def _source(given: Mapping[str, Any]) -> Input | None:
    """Where the source of an output is, or what lies beside the images of an input."""
    from augtool.verification.rerender import Input

    masks = build_job.masks_from(given)
    beside = (masks, given["labels"], given["in_format"])
    if not given["input"]:
        if given["other_source"]:
            raise UsageError("--other-source is about the source: give --in too")
        if beside == (None, None, None):
            return None
    return Input(given["input"], *beside, given["other_source"])


def _tell(written: Written) -> None:
    from ..report import counted, human_bytes, printable

    shown = f"{written.shown:,} of {counted(written.rows, 'row')} shown"
    estimated = ", counts estimated" if written.estimated else ""
    click.echo(
        f"{printable(written.path)}: {human_bytes(written.nbytes)}, {shown}{estimated}", err=True
    )
