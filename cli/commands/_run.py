"""What a method's command does, and that of a chain: run a recipe over a source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import KEPT, UsageError

from .. import build_job, config, options
from ._method import method_command

if TYPE_CHECKING:
    from augtool.job import Job
    from augtool.recipe.recipe import Recipe

BEFORE = (options.INPUT, options.OUTPUT)
AFTER = (
    options.RECIPE,
    options.SAMPLING_RUN,
    options.RUN,
    options.READING,
    config.CONFIG,
    options.TALK,
)
_SKIPPED = 3


@cache
def command(name: str) -> click.Command:
    """The command that runs the method ``name``."""
    return method_command(name, run, BEFORE, AFTER)


def run(recipe: Recipe, given: Mapping[str, Any]) -> int:
    """Do what the options say with a recipe: the exit code."""
    job = build_job.job_from(given, recipe)
    _check_talk(job, given)
    _check_places(job, given)
    if given["dry_run"]:
        return _estimate(job, as_json=given["as_json"])
    return _make(job, given)


def _check_places(job: Job, given: Mapping[str, Any]) -> None:
    """Raise `UsageError` when the run would write over a file that only this command reads, or the
    picture over anything."""
    from augtool.pipeline import places
    from augtool.pipeline.holdout_job import with_holdout
    from augtool.system import overlap

    jobs = with_holdout(job)
    overlap.check(build_job.files_read(), [*places.written_by(jobs), *places.beside(jobs)])
    if given["preview"] is not None:
        build_job.check_picture(
            "--preview",
            given["preview"],
            places.read_by(job),
            places.written_by(jobs),
            overwrite=job.overwrite,
        )


def _check_talk(job: Job, given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for what does not go with data on stdout, or with no output at all."""
    from augtool import sinks

    if not given["dry_run"]:
        build_job.check_talk(job.output, as_json=given["as_json"])
    if given["preview"] is not None and sinks.leaves_nothing(job.output, job.format):
        raise UsageError("--preview looks at a file, and this run leaves none: give one")


def _estimate(job: Job, *, as_json: bool) -> int:
    from augtool.pipeline.dry_run import estimate

    from ..report import say_estimate

    say_estimate(estimate(job), as_json=as_json)
    return 0


def _make(job: Job, given: Mapping[str, Any]) -> int:
    from augtool.run import run as do
    from augtool.system import progress

    from ..progress import Meter
    from ..report import say_summary

    quiet = given["quiet"] or given["as_json"]
    with Meter(quiet=quiet, verbose=given["verbose"]) as meter, progress.to(meter.found):
        summary = do(job, meter)
    say_summary(summary, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"])
    if given["preview"] is not None:
        _draw_preview(job, given["preview"])
    return _SKIPPED if summary.skipped else 0


def _draw_preview(job: Job, preview: Path) -> None:
    import augtool
    from augtool.preview.grid import save
    from augtool.preview.preview import View, preview_of

    try:
        with augtool.open(job.output) as made:
            view = View(outline=True, masks=made.masks is not None)
        save(preview_of(job.output, view), preview, "--preview", overwrite=job.overwrite)
    except BaseException as error:
        error.add_note(f"{KEPT}{job.output} is complete, and has no new --preview")
        raise
