"""Check an output against its records, and its rows against their source."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from .. import build_job, options, param_types, stdout
from ._command import Command

if TYPE_CHECKING:
    from augtool.verification.verify import Findings

_WRONG = 1
_SHOWN = 50


@click.command("verify", cls=Command)
@click.argument("path", metavar="OUT")
@click.option(
    "--in",
    "-i",
    "input",
    multiple=True,
    metavar="PATH",
    help="The source: make rows again from their stored plan and compare all that they have.",
)
@click.option(
    "--sample",
    type=param_types.Whole(1),
    metavar="N",
    help="With --in: this many rows, spread evenly.  [default: all]",
)
@options.BESIDE
@click.option(
    "--digest",
    "with_digest",
    is_flag=True,
    help="Print a hash of images, labels and plan, whatever file holds them.",
)
@click.option(
    "--workers",
    "-j",
    type=param_types.Workers(),
    default="auto",
    show_default=True,
    help="Processes; at least one, since a damaged file can kill what reads it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors; the exit code tells.")
@options.DEBUG
def command(path: str, with_digest: bool, as_json: bool, quiet: bool, **given: Any) -> int:
    """Check an output against its records: structure, counts and contents.

    OUT is a file or a folder that augtool has made. Every row is read; what was cut short, changed,
    lost or added is named. Exit code 1 when something is wrong.

    With --in, rows are made again from their stored plan: pixels and labels must be the same. A
    lossy image (JPEG, WebP) may differ from a new one by 2 of 256 levels on the average.
    """
    from augtool.verification.verify import verify

    from ..progress import Meter

    if not path:
        raise UsageError("OUT is empty; name an output")

    with Meter(quiet=quiet or as_json, doing="checking") as meter:
        found = verify(
            path,
            with_digest=with_digest,
            workers=given["workers"],
            listener=meter,
            **_comparison(given),
        )
    if as_json:
        stdout.as_json({**dataclasses.asdict(found), "ok": not found.problems})
    else:
        _tell(found, with_digest, quiet)
    return _WRONG if found.problems else 0


def _comparison(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `verify` is to look at besides, when there is a source."""
    if not given["input"]:
        beside = ("sample", "masks", "labels", "in_format", "other_source")
        grants = build_job.grants_from(given)
        named = next((name for name in beside if given[name] not in (None, False)), None)
        named = named or next(iter(grants), None)
        if named is not None:
            raise UsageError(f"--{named.replace('_', '-')} is about the source: give --in too")
        return {}
    from functools import partial

    from augtool.verification.rerender import compare, rows_to_compare

    sample = given["sample"]
    return {
        "further": partial(compare, given=build_job.origin_from(given), sample=sample),
        "further_rows": lambda rows: len(rows_to_compare(rows, sample)),
    }


def _tell(found: Findings, with_digest: bool, quiet: bool) -> None:
    """The digest on stdout, all else on stderr."""
    from ..report import counted, printable

    if with_digest and found.digest is not None:
        stdout.line(found.digest)
    if quiet:
        return
    for problem in found.problems[:_SHOWN]:
        click.echo(printable(f"{found.path}: {problem}"), err=True)
    if len(found.problems) > _SHOWN:
        click.echo(f"… and {len(found.problems) - _SHOWN:,} more (--json)", err=True)
    for note in found.notes:
        click.echo(f"note: {printable(note)}", err=True)
    verdict = "is as it was written" if not found.problems else "is NOT as it was written"
    rows = counted(found.rows, "row")
    again = f"{found.compared:,} made again, " if found.compared else ""
    click.echo(
        f"{printable(found.path)}: {verdict} ({rows}, {again}{found.seconds:.1f} s)", err=True
    )
