"""Which rows of a source cannot be read, found before they are planned for."""

from __future__ import annotations

import dataclasses
import itertools
from concurrent.futures import Executor
from dataclasses import dataclass

from augtool.errors import SourceError
from augtool.job import Job
from augtool.pipeline import retry, unused_report, worker
from augtool.pipeline.resume import skipped_before
from augtool.pipeline.workdir import Books
from augtool.sources import _unused as left_out
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.system.handover import Kept

_SCAN_ROWS = 256


@dataclass(frozen=True)
class Skipped:
    """A source row that could not be read, and why."""

    row: int
    name: str
    reason: str


def skipped_of(
    job: Job, source: Source, kept_source: Kept, engine: Executor, books: Books
) -> tuple[Skipped, ...]:
    """The rows to go on without. What is not used is reported, before there are too many errors."""
    found = _broken(job, source, kept_source, engine, books)
    specs = expanded(job.inputs)
    if job.errors is not None:
        rows = (left_out.skipped(specs, source, *dataclasses.astuple(one)) for one in found)
        rest = left_out.left_out(specs, source, job.labels)
        unused = itertools.chain(rows, rest)
        unused_report.write(job.errors, unused, len(specs) > 1, overwrite=job.overwrite)
    if found:
        first = f"{found[0].name}: {found[0].reason}"
        if len(found) == source.n:
            raise SourceError(f"none of the {source.n} images can be read; the first, {first}")
        unused_report.check_count(len(found), job.max_errors, first)
    return found


def _broken(
    job: Job, source: Source, kept_source: Kept, engine: Executor, books: Books
) -> tuple[Skipped, ...]:
    """The rows that cannot be read, if any may be: found now, or by the run that this one goes on
    with."""
    if job.on_error != "skip":
        return ()
    if job.resume and books.past is not None:
        known = skipped_before(job, source, books.past.job)
        if known is not None:
            return tuple(Skipped(*one) for one in known)
    return unreadable(source, kept_source, engine)


def unreadable(source: Source, kept_source: Kept, engine: Executor) -> tuple[Skipped, ...]:
    """Every row that cannot be read, found by reading each once.

    One that failed is read again while nothing else is: low memory can look like a bad image.
    Raises `MemoryError` when there is not enough of it even then.
    """
    ranges = [
        (start, min(start + _SCAN_ROWS, source.n)) for start in range(0, source.n, _SCAN_ROWS)
    ]
    found = retry.in_order(
        lambda rows: engine.submit(worker.unreadable, kept_source, *rows),
        ranges,
        len(ranges),
        lambda rows: retry.scanned(kept_source, *rows, source),
    )
    suspects = [(row, row + 1) for several in found for row, _, _ in several]
    sure = retry.in_order(
        lambda rows: engine.submit(worker.unreadable, kept_source, *rows, True),
        suspects,
        1,
        lambda rows: retry.scanned(kept_source, *rows, source),
    )
    return tuple(Skipped(*one) for several in sure for one in several)
