"""One output of a run: laid out, made by tasks in plan order, finished under a temporary name.

Each finished task is a line of the journal. A run that goes on with what another has left passes
over these, and does the rest.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from augtool import sinks
from augtool.errors import OutputError
from augtool.job import Job
from augtool.pipeline import retry, worker
from augtool.pipeline.journal import Done, Journal, Place
from augtool.pipeline.layout import order_of, ranges_of, shape_of
from augtool.pipeline.recheck import check_kept
from augtool.pipeline.resume import identity_of, made_before
from augtool.pipeline.spool import Spool
from augtool.pipeline.workdir import Books, check_free, size_of
from augtool.pipeline.worker import Context, Report, Task, blocks_of_task, cut
from augtool.planning.plan import Plan
from augtool.sinks import _manifest
from augtool.sinks._checksums import Records, crc
from augtool.sinks._contract import Encoded, Order, Position, Sink
from augtool.sinks._positional_writer import refused
from augtool.sources._contract import Source
from augtool.system.fsync import flush_all
from augtool.system.handover import Kept

_IN_FLIGHT = 4  # tasks per worker that wait or run
_SAFE_EVERY = 30.0  # seconds of work that a loss of power may cost


Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Product:
    """An output that is laid out, to be made; without a ``sink`` when an earlier run has made all
    of it and given it its name. ``known`` are its records where nothing else is left of that."""

    job: Job
    plan: Plan
    books: Books
    order: Order
    sink: Sink | None
    context: Kept | None
    chunk_rows: int | None
    known: Mapping[str, str] | None = None

    @property
    def past(self) -> tuple[Done, ...]:
        """The tasks that an earlier run has finished, as far as they are known."""
        return () if self.books.past is None else self.books.past.tasks

    @property
    def kept(self) -> int:
        """The rows that an earlier run has made."""
        return self.order.rows if self.known is not None else sum(one.rows for one in self.past)


@dataclass(frozen=True)
class Made:
    """What the tasks of an output did; ``kept`` rows were made by an earlier run."""

    rows: int
    kept: int
    unmet: int
    bare: int
    not_finite: int
    decodes: int
    processes: int
    seconds: float
    nbytes: int
    digests: Mapping[str, str]


@dataclass
class _Count:
    """What the tasks have done so far."""

    rows: int
    unmet: int
    bare: int
    not_finite: int
    decodes: int = 0
    processes: set[int] = field(default_factory=set)

    def add(self, report: Report) -> None:
        self.rows += report.rows
        self.unmet += report.unmet
        self.bare += report.bare
        self.not_finite += report.not_finite
        self.decodes += report.decodes
        self.processes.add(report.process)


def laid_out(
    job: Job,
    plan: Plan | None,
    books: Books,
    source: Source,
    kept_source: Kept,
    skipped: Sequence[tuple[int, str, str]],
    content: str,
    stack: ExitStack,
) -> Product:
    """The output of a job over a plan, laid out in its books or as an earlier run has left it;
    ``stack`` closes it, and workers are handed ``kept_source``. Raises `OutputExists` when
    what is left must not be gone on with."""
    assert plan is not None
    layout = sinks.load(sinks.format_of(job.output, job.format))
    order = order_of(job, plan, source, books.unfinished, content)
    chunk_rows = layout.chunk_rows(order)
    identity = identity_of(job, order, source, tuple(skipped))
    leaves_nothing = sinks.leaves_nothing(job.output, job.format)
    books.settle(identity, resume=job.resume, overwrite=job.overwrite)
    if books.has_its_name():
        if made_before(job, order, books.output) is not None:
            return Product(job, plan, books, order, None, None, chunk_rows)
        books.forget_past()  # what has the name now is another, or it is gone
    if job.resume and not job.overwrite and books.past is None and not skipped:
        known = made_before(job, order, books.output)
        if known is not None:
            books.named_before = True
            return Product(job, plan, books, order, None, None, chunk_rows, known)
    if not leaves_nothing:
        check_free(books.output, job.overwrite)
    if sinks.is_folder(job.output, job.format):
        books.unfinished.mkdir(exist_ok=True)
    sink = stack.enter_context(closing(layout.lay_out(order, _since(books))))
    context = books.keep(Context(kept_source, plan, sink.writer, shape_of(job)))
    if not leaves_nothing:
        books.begin(identity)
    return Product(job, plan, books, order, sink, context, chunk_rows)


def _since(books: Books) -> Position | None:
    """Where the sink stood after the last task that counts; None where nothing is laid out."""
    return None if books.past is None else books.past.tasks[-1].position


def make(output: Product, source: Source, engine: Executor, workers: int, say: Say) -> Made:
    """Make all rows of an output that are not made, and finish it under its temporary name;
    ``say`` hears how many there are, after each task; before that, how many rows of an earlier run
    have been found as they were written."""
    records, past = Records(), output.past
    for one in past:
        records.add(one.parts)
    count = _Count(
        output.kept,
        sum(done.unmet for done in past),
        sum(done.bare for done in past),
        sum(done.not_finite for done in past),
    )
    kept, began = count.rows, time.perf_counter()
    if output.sink is not None:
        _check_kept(output, output.sink, engine, workers, say)
        _replay(output, output.sink, records)
        for report in _made(output, output.sink, source, engine, workers, records):
            count.add(report)
            say(count.rows - kept, kept)
    began = max(began, getattr(engine, "began", None) or began)  # its start is no part of the work
    seconds = time.perf_counter() - began
    worker.forget()
    if output.sink is not None:
        _finish(output, output.sink, source, records)
    return Made(
        count.rows,
        kept,
        count.unmet,
        count.bare,
        count.not_finite,
        count.decodes,
        len(count.processes),
        seconds,
        _nbytes(output),
        records.digests() if output.known is None else output.known,
    )


def _check_kept(output: Product, sink: Sink, engine: Executor, workers: int, say: Say) -> None:
    """Compare what an earlier run has left with its journal, before going on with it."""
    if not output.past:
        return
    assert output.context is not None
    layout = sinks.format_of(output.job.output, output.job.format)
    try:
        check_kept(
            output.past,
            output.books,
            output.order,
            sink,
            layout,
            output.context,
            engine,
            workers,
            lambda rows: say(0, rows),
        )
    except OutputError:
        output.books.damaged = True
        raise


def _replay(output: Product, sink: Sink, records: Records) -> None:
    """Append again what an earlier run had appended to the file that was open when it stopped."""
    past = output.past
    if not (sink.replays and past):
        return
    spool = Spool(output.books.folder)
    for one in past:
        if one.position.file == past[-1].position.file:
            sink.append(spool.pieces(one), records)


def _made(
    output: Product,
    sink: Sink,
    source: Source,
    engine: Executor,
    workers: int,
    records: Records,
) -> Iterator[Report]:
    """What the tasks that are left report, once it is in the records and in the journal."""
    job, plan, books = output.job, output.plan, output.books
    blocks = blocks_of_task(job.task_blocks, source, output.chunk_rows)
    tasks = cut(plan, output.chunk_rows, blocks, ranges_of(job, plan, output.order))
    left = itertools.islice(tasks, len(output.past), None)
    assert output.context is not None
    with closing(Spool(books.folder)) as spool:
        ledger = _Ledger(sink, books, spool)
        for report in _reports(left, engine, workers, output.context, source):
            if not job.endless:  # what never ends has no record
                records.add(report.parts)
            sink.append(report.encoded, records)
            ledger.enter(report)
            yield report


@dataclass
class _Ledger:
    """Writes finished tasks into the journal, if there is one, with what it takes to go on."""

    sink: Sink
    books: Books
    spool: Spool
    safe_at: float = field(default_factory=time.monotonic)

    def enter(self, report: Report) -> None:
        """A task is finished, and its pieces are appended."""
        journal = self.books.journal
        if journal is None:
            return
        position = self.sink.position()
        if self.sink.replays:
            places = self.spool.add(position.file, report.encoded)
        else:
            places = _appended(report.encoded, position)
        counts = report.rows, report.unmet, report.bare, report.not_finite
        journal.add(Done(*counts, report.parts, position, places))
        if self.sink.replays:
            self.spool.forget_before(position.file)
        if time.monotonic() - self.safe_at > _SAFE_EVERY:
            self._make_safe(journal)

    def _make_safe(self, journal: Journal) -> None:
        try:
            flush_all(self.books.unfinished)
            self.spool.flush()
            journal.safe()
        except OSError as error:
            raise refused(self.books.unfinished, error) from error
        self.safe_at = time.monotonic()


def _appended(pieces: Sequence[Encoded], position: Position) -> tuple[Place, ...]:
    """Where pieces lie that a file ends with."""
    ends = itertools.accumulate(len(one.data) for one in pieces)
    first = position.size - sum(len(one.data) for one in pieces)
    return tuple(
        Place(one.field, one.row, first + end - len(one.data), len(one.data), crc(one.data))
        for one, end in zip(pieces, ends, strict=True)
    )


def _finish(output: Product, sink: Sink, source: Source, records: Records) -> None:
    job, books = output.job, output.books
    _ = source.pixels  # raises when an array that was read in place has changed meanwhile
    sink.finish(records)
    if books.unfinished.is_dir():
        _manifest.write(output.order, sinks.format_of(job.output, job.format), records)
    if books.journal is not None:
        books.journal.complete()


def _nbytes(output: Product) -> int:
    if sinks.leaves_nothing(output.job.output, output.job.format):
        return 0
    return size_of(output.books.output if output.sink is None else output.books.unfinished)


def _reports(
    tasks: Iterable[Task], engine: Executor, workers: int, context: Kept, source: Source
) -> Iterator[Report]:
    """What the tasks report, in plan order, with a bounded number of them in flight."""
    return retry.in_order(
        lambda task: engine.submit(worker.render, context, task),
        tasks,
        _IN_FLIGHT * workers or 1,  # in this process a task is done when it is submitted
        lambda task: retry.rendered(context, task, source),
    )
