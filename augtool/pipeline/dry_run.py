"""What a run would make, without making it."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import sinks
from augtool.errors import BrokenInput
from augtool.job import Job
from augtool.mixing import labels
from augtool.mixing.apply import apply
from augtool.mixing.members import members_of
from augtool.mixing.source_map import looked
from augtool.mixing.source_plan import plan_of, plan_warnings
from augtool.pipeline import worker
from augtool.pipeline.holdout_job import with_holdout
from augtool.pipeline.layout import check_options, check_places, order_of
from augtool.pipeline.resume import files_of, made_before
from augtool.pipeline.start import source_of, workers_of
from augtool.pipeline.workdir import books_of, check_free, size_of
from augtool.planning import pairing
from augtool.planning.block import Block
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Recipe
from augtool.sources._contract import Source
from augtool.sources._fingerprint import content_of
from augtool.system.scratch import scratch_in, temporary

_PROBE_ROWS = 128
_PAIR_ROWS = 1 << 16
_PROBE_BYTES = 8 << 20
_BYTES_PER_SECOND = 1e9  # how fast one process writes, roughly


@dataclass(frozen=True)
class Estimate:
    """What a run would make. ``scratch_bytes`` is what a copy of the source and its listing take
    while it lasts; ``label_mass`` is the expected sum of each class's labels;
    ``seconds`` comes from reading and mixing a few rows; ``held_out`` rows go to the validation
    output."""

    rows: int
    shape: tuple[int, ...]
    nbytes: int
    source_bytes: int
    scratch_bytes: int
    tasks: int
    workers: int
    seconds: float
    label_mass: Mapping[str, float]
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]
    held_out: int = 0


def estimate(job: Job) -> Estimate:
    """What `augtool.run` would make of this job. Nothing is written beside the output; raises
    what the run would raise before its first task, save that too little space is a warning."""
    output = Path(job.output)
    layout = sinks.load(sinks.format_of(job.output, job.format))
    jobs = with_holdout(job)
    for one in jobs:
        check_options(one)
    check_places(jobs)
    vanishes = sinks.leaves_nothing(job.output, job.format)
    with (
        temporary() as usual,
        scratch_in(job.scratch, usual) as scratch,
    ):
        listing = job.listing if job.listing and Path(job.listing).exists() else None
        source = source_of(dataclasses.replace(job, listing=listing), scratch)
        plan, row_seconds, broken = _probed(job, source)
        workers = workers_of(job, source)
        order = order_of(job, plan, source, output)
        if job.resume and not broken:
            _check_made_before(job, source, plan)
        nbytes = sum(field.row_bytes for field in order.fields) * plan.total
        chunk_rows = layout.chunk_rows(order)
        blocks = worker.blocks_of_task(job.task_blocks, source, chunk_rows)
        seconds = row_seconds * plan.total + nbytes / _BYTES_PER_SECOND
        return Estimate(
            rows=plan.total,
            shape=plan.shape,
            nbytes=nbytes,
            source_bytes=source.nbytes,
            scratch_bytes=size_of(scratch),
            tasks=_tasks(plan, chunk_rows, blocks, order.shards),
            workers=workers,
            seconds=seconds / max(workers, 1),
            label_mass=_label_mass(source, plan, job.recipe),
            left_out=source.notes.left_out,
            warnings=(
                *source.notes.warnings,
                *plan_warnings(source, plan),
                *_pair_warnings(plan),
                *([] if vanishes or chunk_rows else _space_warnings(output, nbytes)),
                *_skip_warnings(job, broken),
            ),
            held_out=0 if plan.held is None else len(plan.held),
        )


def _check_made_before(job: Job, source: Source, plan: Plan) -> None:
    """Raise `OutputExists` for an output that a run with ``resume`` would not take for its own."""
    output = Path(job.output)
    if books_of(output).exists() or not os.path.lexists(output) or job.overwrite:
        return
    content = content_of(files_of(job), job.recipe.reading.follow_links) if job.strict else ""
    if made_before(job, order_of(job, plan, source, output, content), output) is None:
        check_free(output, overwrite=False)


def _tasks(
    plan: Plan, chunk_rows: int | None, blocks: float, shards: Sequence[tuple[int, int]]
) -> int:
    """How many tasks `worker.cut` makes, however many there are."""
    if chunk_rows is not None and not worker.in_pieces(chunk_rows, blocks):
        rows = worker.rows_of_task(plan, chunk_rows, blocks)
        return sum(-(-(stop - start) // rows) for start, stop in shards)
    blocks = int(blocks)
    if chunk_rows is not None:
        return sum(-(-_pieces(plan, *shard) // blocks) for shard in shards)
    last = plan.passes - 1
    groups = plan.group(last) - plan.group(0) + 1
    begins_group = last == 0 or plan.group(last - 1) < plan.group(last)
    rows = plan.total - last * plan.n if begins_group else plan.n  # of the last group's first pass
    begun = sum(plan.bounds(block)[0] < rows for block in range(0, plan.blocks, blocks))
    return (groups - 1) * -(-plan.blocks // blocks) + begun


def _pieces(plan: Plan, start: int, stop: int) -> int:
    """How many pieces of blocks the plan rows start … stop−1 are in."""

    def place(row: int) -> int:
        number, at = divmod(row, plan.n)
        return number * plan.blocks + min(at // plan.block_rows, plan.blocks - 1)

    return place(stop - 1) - place(start) + 1


def _probed(job: Job, source: Source) -> tuple[Plan, float, int]:
    """The plan, the seconds a row takes, and how many broken images the probe met and skipped."""
    skipped: list[int] = []
    while True:
        plan = plan_of(job.recipe, source, skipped)
        try:
            return plan, _row_seconds(plan, source), len(skipped)
        except BrokenInput as error:
            if job.on_error != "skip" or len(skipped) == _PROBE_ROWS:
                raise
            skipped.append(error.row)


def _pair_warnings(plan: Plan) -> tuple[str, ...]:
    """What the run would say of pairs, from the first blocks of the first mixed pass."""
    if plan.keys is None and (plan.places is None or not plan.places.drawn):
        return ()
    number, rows, unmet = int(plan.recipe.keep_originals), 0, 0
    for block in range(plan.blocks):
        if rows >= _PAIR_ROWS:
            break
        drawn = plan.draw(number, block)
        rows += len(drawn)
        unmet += 0 if drawn.unmet is None else int(drawn.unmet.sum())
    mixed = plan.total - number * plan.n
    about = "" if rows == mixed else "about "
    return pairing.said(plan.recipe.sampling.pair, unmet * mixed // rows, mixed, about)


def _space_warnings(output: Path, nbytes: int) -> tuple[str, ...]:
    free = shutil.disk_usage(output.parent).free
    if nbytes <= free:
        return ()
    return (f"the output needs {nbytes:,} bytes and {free:,} are free: this run would stop",)


def _skip_warnings(job: Job, broken: int) -> tuple[str, ...]:
    if job.on_error != "skip":
        return ()
    return (f"the probe met {broken} broken images; a run looks at all, and makes fewer rows",)


def _row_seconds(plan: Plan, source: Source) -> float:
    """Seconds that one process takes for a row, from reading and mixing a few."""
    fitting = max(1, _PROBE_BYTES // max(1, math.prod(plan.shape) * plan.itemsize))
    few = min(_PROBE_ROWS, fitting, plan.rows_of_block(0, 0))
    block = plan.draw(0, 0).part(0, few).compact()
    out = np.empty((few, *plan.shape), source.dtype)
    _make(block.part(0, 1).compact(), source, out[:1])  # kernels are loaded outside the clock
    began = time.perf_counter()
    _make(block, source, out)
    return (time.perf_counter() - began) / few


def _make(block: Block, source: Source, out: npt.NDArray[Any]) -> None:
    members, _ = members_of(source, block)
    apply(looked(block, members), out)


def _label_mass(source: Source, plan: Plan, recipe: Recipe) -> dict[str, float]:
    """Each class's expected share of the rows: each source row is as often base as partner."""
    target = source.targets[0]
    names = target.class_names or tuple(map(str, range(target.width)))
    unmixed = min(plan.total, plan.n) if plan.recipe.keep_originals else 0
    mass = labels.mass(target, plan.rows_of_pass()) * (plan.total - unmixed) / plan.n
    if unmixed:
        rows = None if plan.places is None else plan.places.rows
        mass = mass + labels.mass(target, rows) * unmixed / plan.n
    if recipe.label_noise:
        others = (mass.sum() - mass) / (target.width - 1)
        mass = mass * (1 - recipe.label_noise) + others * recipe.label_noise
    smoothing = recipe.label_smoothing
    mass = mass * (1 - smoothing) + smoothing * plan.total / target.width
    return dict(zip(names, mass.tolist(), strict=True))
