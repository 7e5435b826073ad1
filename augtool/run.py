"""A run, from top to bottom: source → plan → apply → sink."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from augtool import images, kernels, labels, machine, sinks, worker
from augtool import masks as mask_rules
from augtool import pairing as pair_rules
from augtool.apply import prepared
from augtool.block import Ints
from augtool.books import (
    Books,
    check_free,
    check_place,
    open_books,
    open_notes,
    publish_all,
)
from augtool.chain import kernels_of
from augtool.engines import open_engine
from augtool.engines.processes import warm_up
from augtool.errors import SourceError, UsageError
from augtool.job import INLINE, Job
from augtool.known import known_of
from augtool.methods._contract import ChannelStatistics
from augtool.orders import check_options, rows_of
from augtool.plan import Plan, make_plan
from augtool.product import Made, Product, laid_out, make
from augtool.recipe import Recipe
from augtool.sources import open_source
from augtool.sources._contract import Source, Varying
from augtool.sources._specs import expanded
from augtool.statistics import channel_statistics

_SMALL_JOB_BYTES = 32 << 20
_SCAN_ROWS = 256


@dataclass(frozen=True)
class Skipped:
    """A source row that could not be read, and why."""

    row: int
    name: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far a run is: rows done of ``total`` (None when there is no end), ``seconds`` since the
    first task."""

    rows: int
    total: int | None
    workers: int
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What a run made.

    ``seconds`` is the pass alone, from the first task to the last report. ``decodes`` counts the
    images that were read one by one: none when the source's array is used in place.
    ``processes`` counts those that wrote rows; ``digests`` has the record of each field.
    ``holdout`` is the validation output, if there is one.
    """

    output: str
    rows: int
    nbytes: int
    classes: int
    seconds: float
    decodes: int
    processes: int
    skipped: tuple[Skipped, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    holdout: Summary | None = None


Listener = Callable[[Progress], None]


def run(job: Job, listener: Listener | None = None) -> Summary:
    """Do a job: afterwards its output is complete, or there is none.

    ``listener`` hears how far the run is, at the start and after each task. Raises `AugtoolError`;
    when it does, and when it is interrupted, nothing is left beside the output.
    """
    jobs = with_holdout(job)
    for one in jobs:
        check_options(one)
        check_output(one)
    if job.workers != INLINE:
        warm_up(_kernels_of(job.recipe))
    with _open(job) as first, _open(*jobs[1:]) as second:
        for one in jobs:
            check_output(one)  # again: a run that ended meanwhile has made it
        return _run(jobs, [first, second][: len(jobs)], listener or (lambda _progress: None))


def _run(jobs: list[Job], books: list[Books], tell: Listener) -> Summary:
    """Do a job, and that of its validation output if there are two, in their books."""
    job = jobs[0]
    source = open_for(
        job.recipe, job.inputs, books[0].scratch, job.masks, job.labels, job.in_format
    )
    workers = workers_of(job, source)
    if workers == INLINE:
        kernels.load(_kernels_of(job.recipe))
    with open_engine(workers) as engine, ExitStack() as stack:
        skipped = unreadable(source, engine, books[0]) if job.on_error == "skip" else ()
        plan = plan_of(job.recipe, source, skipped)
        plans = (plan, plan.validation())
        products = [
            laid_out(*each, source, stack) for each in zip(jobs, plans, books, strict=False)
        ]
        made = _make_all(products, source, engine, workers, tell)
        if not _vanishes(job):
            publish_all(books, job.overwrite)
    first, *more = (_summary(*each, source) for each in zip(products, made, strict=True))
    return dataclasses.replace(
        first,
        skipped=skipped,
        left_out=source.notes.left_out,
        warnings=(
            *source.notes.warnings,
            *plan_warnings(source, plan),
            *pair_rules.said(job.recipe.sampling.pair, made[0].unmet, made[0].rows),
        ),
        holdout=more[0] if more else None,
    )


def _make_all(
    products: list[Product], source: Source, engine: Executor, workers: int, tell: Listener
) -> list[Made]:
    """Make the outputs, the held-out one first, since a stream may never end: it has its name
    before that begins."""
    totals = [rows_of(one.job, one.plan, one.order) for one in products]
    total = None if None in totals else sum(map(int, filter(None, totals)))
    began, done, made = time.perf_counter(), 0, list[Made]()
    tell(Progress(0, total, workers, 0.0))
    for product in reversed(products):

        def say(rows: int, before: int = done) -> None:
            tell(Progress(before + rows, total, workers, time.perf_counter() - began))

        made.insert(0, make(product, source, engine, workers, say))
        done += made[0].rows
        if _vanishes(products[0].job) and not _vanishes(product.job):
            product.books.publish(product.job.overwrite)
    return made


def _open(job: Job | None = None) -> AbstractContextManager[Books]:
    """The books of an output; of what leaves no output, or of none, in a temporary folder."""
    return open_notes() if job is None or _vanishes(job) else open_books(Path(job.output))


def _kernels_of(recipe: Recipe) -> tuple[str, ...]:
    of_steps = kernels_of(recipe.steps, by_objects=recipe.weight_by != "area")
    return (*of_steps, *images.kernels_of(recipe.reading))


def _vanishes(job: Job) -> bool:
    return sinks.leaves_nothing(job.output, job.format)


def _summary(output: Product, made: Made, source: Source) -> Summary:
    return Summary(
        output=output.job.output,
        rows=made.rows,
        nbytes=made.nbytes,
        classes=source.targets[0].width,
        seconds=made.seconds,
        decodes=made.decodes,
        processes=made.processes,
        digests=made.digests,
    )


def with_holdout(job: Job) -> list[Job]:
    """A job, and that of the validation output, if any: unmixed rows have labels as they are."""
    if job.recipe.sampling.holdout is None:
        return [job]
    if job.holdout_output is None and job.output == sinks.STDOUT:
        raise UsageError(
            "holdout: a stream has no place for what is held out; name one with --holdout-out FILE"
        )
    if job.holdout_output is None and _vanishes(job):
        return [job]
    output = Path(job.output)
    beside = output.with_name(f"{output.stem}-validation{output.suffix}")
    named = Path(job.holdout_output or beside)
    held = dataclasses.replace(
        job,
        output=str(named),
        recipe=dataclasses.replace(job.recipe, label_smoothing=0.0),
        format=None if job.holdout_output and named.suffix else job.format,
        shards=None,
        copy=None,
        endless=False,
        task_index=0,
        num_tasks=1,
    )
    if not _vanishes(job) and named.resolve() == output.resolve():
        raise UsageError(f"holdout-out {named}: is the output itself; choose another place")
    return [job, held]


def check_output(job: Job) -> None:
    """Raise `UsageError` or `OutputExists` when the output must not be written."""
    if sinks.leaves_nothing(job.output, job.format):
        return
    output = Path(job.output)
    for spec in expanded(job.inputs):
        check_place(output, spec, folder=sinks.is_folder(job.output, job.format))
    check_free(output, job.overwrite)


def open_for(
    recipe: Recipe,
    spec: str | Sequence[str],
    scratch: Path,
    masks: str | None = None,
    labels_in: str | None = None,
    kind: str | None = None,
) -> Source:
    """The source at ``spec``, with rows of one shape and targets and masks that the recipe can mix.

    ``masks`` is a folder of label images, ``labels_in`` a file of labels, ``kind`` the
    name of the input's format. Raises `UsageError` when
    images of several sizes need ``--size``, or when a step, smoothing or a weight has no meaning
    for what the source holds.
    """
    source = open_source(spec, recipe.reading, scratch, labels_in, kind)
    if source.shape is None:
        raise cast(Varying, source).sizes_error()
    if masks is not None:
        source = mask_rules.with_folder(source, masks, scratch, recipe.mask_fill)
    for target in source.targets:
        labels.check_smoothing(target, recipe.label_smoothing)
    mask_rules.check(recipe, source.masks)
    return source


def plan_of(recipe: Recipe, source: Source, skipped: tuple[Skipped, ...] = ()) -> Plan:
    """The plan of a recipe over the rows of a source that can be read."""
    assert source.shape is not None
    good = None
    if skipped:
        good = np.setdiff1d(np.arange(source.n), [one.row for one in skipped])
    known = known_of(recipe.sampling, source)
    plan = make_plan(recipe, source.n, source.shape, source.dtype.itemsize, good, known)
    return dataclasses.replace(plan, recipe=_prepared(plan.recipe, source, plan.rows_of_pass()))


def _prepared(recipe: Recipe, source: Source, selection: Ints | None) -> Recipe:
    """The recipe with what its methods must know of the source, such as its mean colour."""

    def statistics() -> ChannelStatistics:
        return channel_statistics(source, recipe.seed, selection)

    steps = tuple(prepared(one, statistics) for one in recipe.steps)
    return dataclasses.replace(recipe, steps=steps)


def plan_warnings(source: Source, plan: Plan) -> tuple[str, ...]:
    """What is odd about the classes that take part."""
    target = source.targets[0]
    if target.kind != "classes" or all(link.slots == 1 for link in plan.links):
        return plan.warnings
    present = np.flatnonzero(labels.mass(target, plan.rows_of_pass()))
    if len(present) > 1:
        return plan.warnings
    return (*plan.warnings, "all images are of one class: mixing them changes no label")


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
    return machine.workers_for(block_bytes=(high - low) * row_bytes)


def unreadable(source: Source, engine: Executor, books: Books) -> tuple[Skipped, ...]:
    """Every row that cannot be read, found by reading each once. Raises `SourceError` when none
    can."""
    path = books.keep(source)
    starts = range(0, source.n, _SCAN_ROWS)
    futures = [
        engine.submit(worker.unreadable, path, start, min(start + _SCAN_ROWS, source.n))
        for start in starts
    ]
    skipped = tuple(Skipped(*one) for future in futures for one in future.result())
    if len(skipped) == source.n:
        first = f"{skipped[0].name}: {skipped[0].reason}"
        raise SourceError(f"none of the {source.n} images can be read; the first, {first}")
    return skipped
