"""The words in which a run is summed up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from . import stdout

if TYPE_CHECKING:
    from augtool.pipeline.dry_run import Estimate
    from augtool.pipeline.summary import Summary

_SHOWN_SKIPPED = 20
_SHOWN_CLASSES = 20
_WORTH_SAYING = 1 << 20  # bytes of a copy that a run makes for itself


def say_summary(summary: Summary, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Warnings, skipped inputs and one line of what was made, on stderr; JSON on stdout."""
    if as_json:
        stdout.as_json(dataclasses.asdict(summary))
    if quiet:
        return
    say_warnings(summary.warnings)
    shown = summary.skipped if verbose else summary.skipped[:_SHOWN_SKIPPED]
    for one in shown:
        click.echo(f"skipped {printable(one.name)}: {printable(one.reason)}", err=True)
    if len(shown) < len(summary.skipped):
        click.echo(f"… and {len(summary.skipped) - len(shown)} more (--verbose)", err=True)
    if verbose:
        from augtool import kernels

        if unused := kernels.unused_cache():
            say = f"kernels were compiled without the cache: {printable(unused)}"
            click.echo(say, err=True)
        for name, digest in summary.digests.items():
            click.echo(f"record {name} {digest}", err=True)
    click.echo(summary_line(summary), err=True)
    if summary.holdout is not None:
        click.echo(summary_line(summary.holdout), err=True)


def summary_line(summary: Summary) -> str:
    """One line: rows, classes, bytes, seconds, rate, decodes, skipped and left-out inputs."""
    made = summary.rows - summary.kept
    rate = made / summary.seconds if summary.seconds else 0
    parts = [
        counted(summary.rows, "row"),
        counted(summary.classes, "class", "classes"),
        human_bytes(summary.nbytes),
        f"{summary.seconds:.2f} s",
        f"{rate:,.0f} images/s",
    ]
    if summary.kept:
        parts.append(f"{summary.kept:,} rows of an earlier run")
    if summary.decodes:
        parts.append(f"{summary.decodes:,} decodes")
    if summary.skipped:
        parts.append(f"{len(summary.skipped):,} skipped")
    if summary.left_out:
        parts.append(f"not read: {counts(summary.left_out)}")
    return f"{printable(summary.output)}: {', '.join(parts)}"


def say_estimate(estimate: Estimate, *, as_json: bool) -> None:
    """What a dry run found, on stdout."""
    if as_json:
        stdout.as_json(dataclasses.asdict(estimate))
        return
    where = counted(estimate.workers, "worker") if estimate.workers else "this process"
    ratio = ""
    if estimate.source_bytes:
        ratio = f", {estimate.nbytes / estimate.source_bytes:.2f} × the source"
    stdout.line(f"rows     {estimate.rows:,} of shape {'×'.join(map(str, estimate.shape))}")
    if estimate.held_out:
        stdout.line(f"held out {counted(estimate.held_out, 'row')}, for validation")
    stdout.line(f"bytes    {human_bytes(estimate.nbytes)}{ratio}")
    if estimate.scratch_bytes >= _WORTH_SAYING:
        stdout.line(f"scratch  {human_bytes(estimate.scratch_bytes)}, while it runs")
    stdout.line(f"work     {counted(estimate.tasks, 'task')} in {where}")
    stdout.line(f"time     about {estimate.seconds:,.1f} s")
    stdout.line("label mass per class (expected)")
    for name, mass in list(estimate.label_mass.items())[:_SHOWN_CLASSES]:
        stdout.line(f"  {mass:12,.1f}  {printable(name)}")
    if len(estimate.label_mass) > _SHOWN_CLASSES:
        stdout.line(f"  … and {len(estimate.label_mass) - _SHOWN_CLASSES:,} more (--json)")
    if estimate.left_out:
        stdout.line(f"not read {counts(estimate.left_out)}")
    say_warnings(estimate.warnings)


def say_warnings(warnings: tuple[str, ...]) -> None:
    """Each on a line of stderr."""
    for warning in warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def counts(left_out: Mapping[str, int]) -> str:
    """ "380 .heic, 30 .mov": the commonest first."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {printable(kind)}" for kind, count in ordered)


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 row", "2,000 rows"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def human_bytes(count: int) -> str:
    """1,234,567 as "1.2 MB"."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def printable(text: str) -> str:
    """A name as one line that any terminal takes, whatever bytes are in it."""
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in safe)
