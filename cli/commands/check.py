"""Look through a source for what cannot be used and what is odd, without making anything."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from .. import build_job, config, options, param_types, stdout
from ._command import Command

if TYPE_CHECKING:
    from augtool.inspection.check import Report

_UNUSABLE = 1
_EXAMPLES = 3


@click.command("check", cls=Command)
@options.INPUT
@click.option(
    "--workers",
    "-j",
    type=param_types.Workers(),
    default="auto",
    show_default=True,
    help="Processes; auto asks the machine, and looks at small sources in this process.",
)
@options.READING
@config.CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print all that was found as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors; the exit code tells.")
@options.DEBUG
def command(input: tuple[str, ...], as_json: bool, quiet: bool, **given: Any) -> int:
    """Look through a source for what cannot be used and what is odd, without making anything.

    Every image is decoded. Found are images that cannot be read, end early or are empty; the same
    content twice, and under two classes; odd modes and sizes, pictures on their side, wrong names;
    and files that are left out. Exit code 1 when an image cannot be used.
    """
    from augtool.inspection.check import check

    from ..progress import Meter
    from ..report import say_warnings

    if build_job.masks_from(given) is not None:
        raise UsageError("--masks: check looks at images only; leave it out")
    with Meter(quiet=quiet or as_json, doing="checking") as meter:
        report = check(
            input,
            build_job.reading_from(given),
            labels=given["labels"],
            kind=given["in_format"],
            workers=given["workers"],
            listener=meter,
        )
    if as_json:
        stdout.as_json({"usable": report.usable, **dataclasses.asdict(report)})
    elif not quiet:
        say_warnings(report.warnings)
        _tell(report)
    return 0 if report.usable else _UNUSABLE


def _tell(report: Report) -> None:
    """A table: a line for each kind of finding, with examples."""
    from augtool.inspection.check import KINDS

    from ..report import counted, printable

    sizes = ", ".join(f"{height}×{width} ({count:,})" for height, width, count in report.sizes)
    more = f" and {report.more_sizes:,} more" if report.more_sizes else ""
    rows, classes = counted(report.rows, "image"), counted(report.classes, "class", "classes")
    stdout.line(f"{printable(report.path)}: {rows}, {classes}")
    stdout.line(f"sizes {sizes}{more}")
    for kind, what in KINDS.items():
        found = [one for one in report.found if one.kind == kind]
        stdout.line(f"{kind:<14} {len(found):>8,}  {what}")
        for one in found[:_EXAMPLES]:
            stdout.line(printable(f"    {one.path}: {one.words}"))
        if len(found) > _EXAMPLES:
            stdout.line(f"    … and {len(found) - _EXAMPLES:,} more (--json)")
