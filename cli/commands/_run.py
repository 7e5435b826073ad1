"""A method's command: run it over a source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click

from augtool.errors import UsageError
from augtool.recipe import Step

from .. import options
from ._method import method_command

_SKIPPED = 3


@cache
def command(name: str) -> click.Command:
    """The command that runs the method ``name``."""
    return method_command(
        name,
        _run,
        options.INPUT,
        options.RUN,
        options.RECIPE,
        options.READING,
        options.CONFIG,
        options.TALK,
    )


def _run(step: Step, given: Mapping[str, Any]) -> int:
    job = options.job_from(given, step)
    if given["dry_run"]:
        from augtool.estimate import estimate

        from ..report import say_estimate

        say_estimate(estimate(job), as_json=given["as_json"])
        return 0
    from augtool.run import run

    from ..progress import Meter
    from ..report import say_summary

    preview = given["preview"]
    if preview is not None:
        _check_preview(preview)
    with Meter(quiet=given["quiet"] or given["as_json"]) as meter:
        summary = run(job, meter)
    if preview is not None:
        _draw_preview(Path(job.output), preview)
    say_summary(summary, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"])
    return _SKIPPED if summary.skipped else 0


def _check_preview(preview: Path) -> None:
    if preview.suffix.lower() != ".png":
        raise UsageError(f"--preview {preview}: the preview is a PNG; end its name in .png")
    if not preview.absolute().parent.is_dir():
        raise UsageError(f"--preview {preview}: its folder does not exist; create it first")


def _draw_preview(output: Path, preview: Path) -> None:
    from augtool.look import View, preview_of
    from augtool.preview import save

    save(preview_of(str(output), View(outline=True)), preview)
