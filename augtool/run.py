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
from augtool.books import Books, check_free, check_place, open_books, open_notes, size_of
from augtool.chain import kernels_of
from augtool.engines import open_engine
from augtool.engines.processes import warm_up
from augtool.errors import SourceError
from augtool.job import INLINE, Job
from augtool.known import known_of
from augtool.methods._contract import ChannelStatistics
from augtool.orders import check_options, order_of, ranges_of, rows_of, shape_of
from augtool.plan import Plan, make_plan
from augtool.recipe import Recipe
from augtool.records import Records
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


Listener = Callable[[Progress], None]


def run(job: Job, listener: Listener | None = None) -> Summary:
    """Do a job: afterwards its output is complete, or there is none.

    ``listener`` hears how far the run is, at the start and after each task. Raises `AugtoolError`;
    when it does, and when it is interrupted, nothing is left beside the output.
    """
    output = Path(job.output)
    layout = sinks.load(sinks.format_of(job.output, job.format))
    check_options(job)
    check_output(job)
    names = kernels_of(job.recipe.steps, by_objects=job.recipe.weight_by != "area")
    if job.workers != INLINE:
        warm_up(names)
    with ExitStack() as stack:
        vanishes = sinks.leaves_nothing(job.output, job.format)
        books = stack.enter_context(open_notes() if vanishes else open_books(output))
        check_output(job)  # again: a run that ended meanwhile has made it
        source = open_for(job.recipe, job.input, books.scratch, job.masks, job.labels)
        workers = workers_of(job, source)
        if workers == INLINE:
            kernels.load(names)
        engine = stack.enter_context(open_engine(workers))
        skipped = unreadable(source, engine, books) if job.on_error == "skip" else ()
        plan = plan_of(job.recipe, source, skipped)
        order = order_of(job, plan, source, books.unfinished)
        chunk_rows = layout.chunk_rows(order)
        if sinks.is_folder(job.output, job.format):
            books.unfinished.mkdir()
        sink = stack.enter_context(closing(layout.lay_out(order)))
        context = books.keep(Context(source, plan, sink.writer, shape_of(job)))

        records = Records()
        processes: set[int] = set()
        decodes, done, unmet, began = 0, 0, 0, time.perf_counter()
        tell = listener or (lambda _progress: None)
        total = rows_of(job, plan, order)
        tell(Progress(0, total, workers, 0.0))
        tasks = cut(plan, chunk_rows, job.task_blocks or 1, ranges_of(job, plan, order))
        for report in _reports(tasks, engine, workers, context):
            if not job.endless:  # what never ends has no record
                records.add(report.parts)
            sink.append(report.encoded, records)
            processes.add(report.process)
            unmet += report.unmet
            done, decodes = done + report.rows, decodes + report.decodes
            tell(Progress(done, total, workers, time.perf_counter() - began))
        seconds = time.perf_counter() - began
        worker.forget()
        _ = source.pixels  # raises when an array that was read in place has changed meanwhile

        sink.finish(records)
        if books.unfinished.is_dir():
            manifest.write(order, sinks.format_of(job.output, job.format), records)
        nbytes = 0 if vanishes else size_of(books.unfinished)
        if not vanishes:
            books.publish(job.overwrite)
    return Summary(
        output=job.output,
        rows=done,
        nbytes=nbytes,
        classes=source.targets[0].width,
        seconds=seconds,
        decodes=decodes,
        processes=len(processes),
        skipped=skipped,
        left_out=source.notes.left_out,
        warnings=(
            *source.notes.warnings,
            *plan_warnings(source, plan),
            *pair_rules.said(job.recipe.sampling.pair, unmet, done),
        ),
        digests=records.digests(),
    )


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
