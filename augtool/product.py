"""One output of a run: laid out, made by tasks in plan order, finished under a temporary name."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from augtool import manifest, sinks, worker
from augtool.books import Books, size_of
from augtool.job import Job
from augtool.orders import order_of, ranges_of, shape_of
from augtool.plan import Plan
from augtool.records import Records
from augtool.sinks._contract import Order, Sink
from augtool.sources._contract import Source
from augtool.worker import Context, Report, Task, blocks_of_task, cut

_IN_FLIGHT = 4  # tasks per worker that wait or run

Result = TypeVar("Result")


@dataclass(frozen=True)
class Product:
    """An output that is laid out, to be made."""

    job: Job
    plan: Plan
    books: Books
    order: Order
    sink: Sink
    context: Path
    chunk_rows: int | None


@dataclass(frozen=True)
class Made:
    """What the tasks of an output did."""

    rows: int
    unmet: int
    decodes: int
    processes: int
    seconds: float
    nbytes: int
    digests: Mapping[str, str]


def laid_out(
    job: Job, plan: Plan | None, books: Books, source: Source, stack: ExitStack
) -> Product:
    """The output of a job over a plan, laid out in its books; ``stack`` closes it."""
    assert plan is not None
    layout = sinks.load(sinks.format_of(job.output, job.format))
    order = order_of(job, plan, source, books.unfinished)
    chunk_rows = layout.chunk_rows(order)
    if sinks.is_folder(job.output, job.format):
        books.unfinished.mkdir()
    sink = stack.enter_context(closing(layout.lay_out(order)))
    context = books.keep(Context(source, plan, sink.writer, shape_of(job)))
    return Product(job, plan, books, order, sink, context, chunk_rows)


def make(
    output: Product, source: Source, engine: Executor, workers: int, say: Callable[[int], None]
) -> Made:
    """Make all rows of an output and finish it under its temporary name."""
    job, plan, sink, order = output.job, output.plan, output.sink, output.order
    records, processes = Records(), set[int]()
    decodes, done, unmet, began = 0, 0, 0, time.perf_counter()
    ranges = ranges_of(job, plan, order)
    blocks = blocks_of_task(job.task_blocks, source, output.chunk_rows)
    tasks = cut(plan, output.chunk_rows, blocks, ranges)
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
    vanishes = sinks.leaves_nothing(job.output, job.format)
    nbytes = 0 if vanishes else size_of(output.books.unfinished)
    return Made(done, unmet, decodes, len(processes), seconds, nbytes, records.digests())


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
