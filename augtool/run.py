"""A run, from top to bottom: source → plan → apply → sink."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from augtool import kernels, labels, machine, manifest, sinks, worker
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
    size_of,
)
from augtool.chain import kernels_of
from augtool.engines import open_engine
from augtool.engines.processes import warm_up
from augtool.errors import SourceError, UsageError
from augtool.job import INLINE, Job
from augtool.known import known_of
from augtool.methods._contract import ChannelStatistics
from augtool.orders import check_options, order_of, ranges_of, rows_of, shape_of
from augtool.plan import Plan, make_plan
from augtool.recipe import Recipe
from augtool.records import Records
from augtool.sinks._contract import Order, Sink
from augtool.sources import open_source
from augtool.sources._contract import Source, Varying
from augtool.statistics import channel_statistics
from augtool.worker import Context, Report, Task, cut

_SMALL_JOB_BYTES = 32 << 20
_SCAN_ROWS = 256
_IN_FLIGHT = 4  # tasks per worker that wait or run

Result = TypeVar("Result")


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
    both = with_holdout(job)
    for one in both:
        check_options(one)
        check_output(one)
    names = kernels_of(job.recipe.steps, by_objects=job.recipe.weight_by != "area")
    if job.workers != INLINE:
        warm_up(names)
    with ExitStack() as stack:
        books = [
            stack.enter_context(open_notes() if _vanishes(one) else open_books(Path(one.output)))
            for one in both
        ]
        for one in both:
            check_output(one)  # again: a run that ended meanwhile has made it
        source = open_for(job.recipe, job.input, books[0].scratch, job.masks, job.labels)
        workers = workers_of(job, source)
        if workers == INLINE:
            kernels.load(names)
        engine = stack.enter_context(open_engine(workers))
        skipped = unreadable(source, engine, books[0]) if job.on_error == "skip" else ()
        plan = plan_of(job.recipe, source, skipped)
        plans = (plan, plan.validation())
        outputs = [
            _laid_out(*each, source, stack) for each in zip(both, plans, books, strict=False)
        ]
        totals = [rows_of(one.job, one.plan, one.order) for one in outputs]
        total = None if None in totals else sum(map(int, filter(None, totals)))
        tell, began = listener or (lambda _progress: None), time.perf_counter()
        tell(Progress(0, total, workers, 0.0))
        made: list[_Made] = []
        for output in reversed(outputs):  # what is held out comes first: a stream may never end
            before = sum(one.rows for one in made)

            def say(rows: int, before: int = before) -> None:
                tell(Progress(before + rows, total, workers, time.perf_counter() - began))

            made.append(_made(output, source, engine, workers, say))
            if output is not outputs[0] and _vanishes(job) and not _vanishes(output.job):
                output.books.publish(job.overwrite)
        if not _vanishes(job):
            publish_all([one.books for one in outputs], job.overwrite)
    summaries = [
        _summary(output, one, source) for output, one in zip(outputs, reversed(made), strict=True)
    ]
    return dataclasses.replace(
        summaries[0],
        skipped=skipped,
        left_out=source.notes.left_out,
        warnings=(
            *source.notes.warnings,
            *plan_warnings(source, plan),
            *pair_rules.said(job.recipe.sampling.pair, made[-1].unmet, made[-1].rows),
        ),
        holdout=summaries[1] if len(summaries) > 1 else None,
    )


@dataclass(frozen=True)
class _Output:
    """An output that is laid out, to be made."""

    job: Job
    plan: Plan
    books: Books
    order: Order
    sink: Sink
    context: Path
    chunk_rows: int | None


@dataclass(frozen=True)
class _Made:
    """What the tasks of an output did."""

    rows: int
    unmet: int
    decodes: int
    processes: int
    seconds: float
    nbytes: int
    digests: Mapping[str, str]


def _vanishes(job: Job) -> bool:
    return sinks.leaves_nothing(job.output, job.format)


def _laid_out(
    job: Job, plan: Plan | None, books: Books, source: Source, stack: ExitStack
) -> _Output:
    assert plan is not None
    layout = sinks.load(sinks.format_of(job.output, job.format))
    order = order_of(job, plan, source, books.unfinished)
    chunk_rows = layout.chunk_rows(order)
    if sinks.is_folder(job.output, job.format):
        books.unfinished.mkdir()
    sink = stack.enter_context(closing(layout.lay_out(order)))
    context = books.keep(Context(source, plan, sink.writer, shape_of(job)))
    return _Output(job, plan, books, order, sink, context, chunk_rows)


def _made(
    output: _Output, source: Source, engine: Executor, workers: int, say: Callable[[int], None]
) -> _Made:
    """Make all rows of an output and finish it under its temporary name."""
    job, plan, sink, order = output.job, output.plan, output.sink, output.order
    records, processes = Records(), set[int]()
    decodes, done, unmet, began = 0, 0, 0, time.perf_counter()
    ranges = ranges_of(job, plan, order)
    tasks = cut(plan, output.chunk_rows, job.task_blocks or 1, ranges)
    for report in _reports(tasks, engine, workers, output.context):
        if not job.endless:  # what never ends has no record
            records.add(report.parts)
        sink.append(report.encoded, records)
        processes.add(report.process)
        unmet += report.unmet
        done, decodes = done + report.rows, decodes + report.decodes
        say(done)
    seconds = time.perf_counter() - began
    worker.forget()
    _ = source.pixels  # raises when an array that was read in place has changed meanwhile
    sink.finish(records)
    if output.books.unfinished.is_dir():
        manifest.write(order, sinks.format_of(job.output, job.format), records)
    nbytes = 0 if _vanishes(job) else size_of(output.books.unfinished)
    return _Made(done, unmet, decodes, len(processes), seconds, nbytes, records.digests())


def _summary(output: _Output, made: _Made, source: Source) -> Summary:
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
    check_place(output, job.input, folder=sinks.is_folder(job.output, job.format))
    check_free(output, job.overwrite)


def open_for(
    recipe: Recipe, spec: str, scratch: Path, masks: str | None = None, labels_in: str | None = None
) -> Source:
    """The source at ``spec``, with rows of one shape and targets and masks that the recipe can mix.

    ``masks`` is a folder of label images, ``labels_in`` a file of labels. Raises `UsageError` when
    images of several sizes need ``--size``, or when a step, smoothing or a weight has no meaning
    for what the source holds.
    """
    source = open_source(spec, recipe.reading, scratch, labels_in)
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


def _reports(
    tasks: Iterable[Task], engine: Executor, workers: int, context: Path
) -> Iterator[Report]:
    """What the tasks report, in plan order, with a bounded number of them in flight."""
    submitted = (engine.submit(worker.render, context, task) for task in tasks)
    return _in_order(submitted, _IN_FLIGHT * max(workers, 1))


def _in_order(futures: Iterable[Future[Result]], ahead: int) -> Iterator[Result]:
    waiting: deque[Future[Any]] = deque()
    for future in futures:
        waiting.append(future)
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
