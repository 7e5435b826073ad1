"""The second job of a run with a holdout: its validation output."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from augtool import sinks
from augtool.errors import UsageError
from augtool.job import Job
from augtool.pipeline.layout import vanishes


def with_holdout(job: Job) -> list[Job]:
    """A job, and that of the validation output, if any: unmixed rows have labels as they are."""
    if job.recipe.sampling.holdout is None or job.plan is not None:
        return [job]
    if job.holdout_output is None and job.output == sinks.STDOUT:
        raise UsageError(
            "holdout: a stream has no place for what is held out; name one with --holdout-out FILE"
        )
    if job.holdout_output is None and vanishes(job):
        return [job]
    output = Path(job.output)
    beside = output.with_name(f"{output.stem}-validation{output.suffix}")
    named = Path(job.holdout_output or beside)
    held = dataclasses.replace(
        job,
        output=str(named),
        recipe=dataclasses.replace(job.recipe, label_smoothing=0.0, label_noise=0.0),
        format=None if job.holdout_output and named.suffix else job.format,
        shards=None,
        index=None,
        copy=None,
        endless=False,
        task_index=0,
        num_tasks=1,
    )
    return [job, held]
