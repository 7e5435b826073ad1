"""What a run would make, without making it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import labels, schema, sinks, worker
from augtool.apply import apply, measured
from augtool.job import Job
from augtool.plan import Block, Plan
from augtool.run import check_output, open_for, plan_of, plan_warnings, workers_of
from augtool.sources._contract import Source

_PROBE_ROWS = 128
_BYTES_PER_SECOND = 1e9  # how fast one process writes, roughly


@dataclass(frozen=True)
class Estimate:
    """What a run would make. ``label_mass`` is the expected sum of each class's labels;
    ``seconds`` comes from reading and mixing a few rows."""

    rows: int
    shape: tuple[int, ...]
    nbytes: int
    source_bytes: int
    tasks: int
    workers: int
    seconds: float
    label_mass: Mapping[str, float]
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


def estimate(job: Job) -> Estimate:
    """What `augtool.run` would make of this job. Nothing is written beside the output; raises
    what the run would raise before it begins."""
    sinks.format_of(Path(job.output))
    check_output(job)
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        source = open_for(job.recipe, job.input, Path(scratch))
        plan = plan_of(job.recipe, source)
        workers = workers_of(job, source)
        fields = schema.fields(plan, source.targets, source.dtype)
        nbytes = sum(field.row_bytes for field in fields) * plan.total
        return Estimate(
            rows=plan.total,
            shape=plan.shape,
            nbytes=nbytes,
            source_bytes=source.nbytes,
            tasks=_tasks(plan, job.task_blocks or 1),
            workers=workers,
            seconds=_seconds(plan, source, nbytes) / max(workers, 1),
            label_mass=_label_mass(source, plan),
            left_out=source.notes.left_out,
            warnings=(*source.notes.warnings, *plan_warnings(source, plan)),
        )


def _tasks(plan: Plan, blocks: int) -> int:
    """Tasks of whole blocks: one for each group of passes that share their members."""
    groups = plan.group(plan.passes - 1) + 1
    return groups * -(-plan.blocks // blocks)


def _seconds(plan: Plan, source: Source, nbytes: int) -> float:
    """Seconds that one process would take, from reading and mixing a few rows."""
    few = min(_PROBE_ROWS, plan.rows_of_block(0, 0))
    block = plan.draw(0, 0).part(0, few).compact()
    out = np.empty((few, *plan.shape), source.dtype)
    _make(plan, block.part(0, 1), source, out[:1])  # kernels are loaded outside the clock
    began = time.perf_counter()
    _make(plan, block, source, out)
    per_row = (time.perf_counter() - began) / few
    return per_row * plan.total + nbytes / _BYTES_PER_SECOND


def _make(plan: Plan, block: Block, source: Source, out: npt.NDArray[Any]) -> None:
    members, _ = worker.members_of(source, block)
    apply(plan, measured(plan, block, members), members, out)


def _label_mass(source: Source, plan: Plan) -> dict[str, float]:
    """Each class's expected share of the rows: each source row is as often base as partner."""
    target = source.targets[0]
    names = target.class_names or tuple(map(str, range(target.width)))
    mass = labels.mass(target, plan.selection) * plan.total / plan.n
    return dict(zip(names, mass.tolist(), strict=True))
