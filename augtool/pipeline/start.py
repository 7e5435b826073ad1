"""What a job begins with: its source, and how many workers it pays for."""

from __future__ import annotations

import math
from pathlib import Path

from augtool.engines.inline import INLINE
from augtool.job import Job
from augtool.mixing.inputs import open_for
from augtool.planning.plan import Plan
from augtool.sources._contract import Source
from augtool.system import resources

_SMALL_JOB_BYTES = 32 << 20


def source_of(job: Job, scratch: Path) -> Source:
    """The source of a job, as `open_for` opens it."""
    return open_for(
        job.recipe, job.inputs, scratch, job.masks, job.labels, job.in_format, job.listing
    )


def workers_of(job: Job, source: Source) -> int:
    """How many processes to use; none for a job too small to pay for them."""
    if job.workers is not None:
        return job.workers
    assert source.shape is not None
    recipe = job.recipe
    used = min(source.n, recipe.limit or source.n)
    plan = Plan(recipe, used, source.shape, source.dtype.itemsize)
    row_bytes = math.prod(source.shape) * source.dtype.itemsize
    if plan.total * row_bytes < _SMALL_JOB_BYTES:
        return INLINE
    low, high = plan.bounds(plan.blocks - 1)  # the largest: it takes the remainder
    return resources.workers_for(block_bytes=(high - low) * row_bytes)
