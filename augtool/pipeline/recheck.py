"""Comparing what an earlier run has left with its journal, before a run goes on with it.

Every row that counts as made is read from the disk once, in the workers, and its CRC-32 compared
with the journal's. A file may have been cut, or a disk have changed what it was given: without this
the rows would be what the file has, under records of what it should have.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augtool import sinks
from augtool.errors import OutputError
from augtool.pipeline import retry, worker
from augtool.pipeline.journal import Done
from augtool.pipeline.spool import Spool, pieces_at
from augtool.pipeline.workdir import Books
from augtool.sinks import _checksums
from augtool.sinks._checksums import Part
from augtool.sinks._contract import Buffer, Order, Sink, Stored
from augtool.system.child import ChildDied, in_child
from augtool.system.handover import Kept

_STEP_BYTES = 4 << 20  # of a field that are in memory at a time, about
_IN_FLIGHT = 4  # tasks per worker that wait or run
_ROWS = 4096  # of a check: tasks may be small


@dataclass(frozen=True)
class Check:
    """Tasks to be compared with what lies on the disk.

    file
        Where their pieces lie; None where there are none.
    whole
        The finished file of the output that has their rows, from the row ``first`` on, and the name
        of its format; None while what workers write and the pieces are all there is.
    """

    tasks: tuple[Done, ...]
    file: Path | None = None
    whole: tuple[Path, int, str] | None = None

    @property
    def rows(self) -> int:
        """How many rows it is about."""
        return sum(one.rows for one in self.tasks)


def check_kept(
    tasks: Sequence[Done],
    books: Books,
    order: Order,
    sink: Sink,
    layout: str,
    context: Kept,
    engine: Executor,
    workers: int,
    tell: Callable[[int], None] = lambda _rows: None,
) -> None:
    """Raise `OutputError` unless all that the tasks have made lies on the disk as it was written.

    ``tell`` hears how many rows have been looked at.
    """
    try:
        _check_files(books.unfinished)
    except ValueError as error:
        raise _damaged(books, str(error)) from None
    except FileNotFoundError:
        if not sink.replays:  # else the open file is made again from its pieces
            raise _damaged(books, "its unfinished output is missing") from None
    done = 0
    todo, ahead = _checks(tasks, books, order, sink, layout), _IN_FLIGHT * workers or 1
    waiting = retry.in_order(
        lambda check: engine.submit(damage, context, check),
        todo,
        ahead,
        lambda check: _alone(context, check),
    )
    for rows, found in waiting:
        if found is not None:
            raise _damaged(books, found)
        done += rows
        tell(done)


def _damaged(books: Books, what: str) -> OutputError:
    return OutputError(
        f"{books.output}: what an earlier run has left is damaged ({what}); start over with "
        "--overwrite, without --resume"
    )


def _check_files(path: Path) -> None:
    """Raise ValueError for anything but files of one name, and folders: what is written to a link
    would go elsewhere."""
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        with os.scandir(path) as entries:
            for entry in entries:
                _check_files(path / entry.name)
    elif not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise ValueError(f"{path.name} is a link, or no regular file")


def _checks(
    tasks: Sequence[Done], books: Books, order: Order, sink: Sink, layout: str
) -> Iterator[Check]:
    """All tasks, some at a time, none of two files of the output in one check."""
    spool, batch = Spool(books.folder), list[Done]()
    last = tasks[-1].position.file

    def check() -> Check:
        number = batch[0].position.file
        chosen = tuple(batch)
        batch.clear()
        if not sink.replays:
            has_pieces = any(one.places for one in chosen)
            return Check(chosen, sink.file(number) if has_pieces else None)
        if number == last:
            return Check(chosen, spool.path(number))
        path = sink.file(number)
        assert path is not None
        return Check(chosen, whole=(path, order.borders[number], layout))

    for one in tasks:
        rows = sum(each.rows for each in batch)
        if batch and (rows >= _ROWS or one.position.file != batch[0].position.file):
            yield check()
        batch.append(one)
    yield check()


def _alone(context: Kept, check: Check) -> tuple[int, str | None]:
    """What `damage` says, when a worker has died of looking: in a process of its own."""
    try:
        return in_child(damage, context, check)
    except ChildDied as death:
        return check.rows, f"the process that read it {death}"


def damage(given: Kept, check: Check) -> tuple[int, str | None]:
    """In a worker: how many rows were looked at, and what is wrong with them, if anything is."""
    try:
        whole = None
        if check.whole is not None:
            path, _, layout = check.whole
            whole = sinks.load(layout).read(path)
        try:
            for one in check.tasks:
                found = _damage(given, one, check, whole)
                if found is not None:
                    return check.rows, found
        finally:
            if whole is not None:
                whole.close()
    except MemoryError:
        raise
    except Exception as error:  # a library that reads a damaged file raises what it likes
        return check.rows, " ".join(str(error).split()) or type(error).__name__
    return check.rows, None


def _damage(given: Kept, task: Done, check: Check, whole: Stored | None) -> str | None:
    pieces = [] if check.file is None else pieces_at(check.file, task.places)
    with worker.context_of(given).writer as writer:
        written = getattr(writer, "written", None)  # a plug-in may have none

        def read(field: str, rows: npt.NDArray[np.int64]) -> Sequence[Buffer] | None:
            if whole is not None and check.whole is not None:
                return whole.stored(field, rows - check.whole[1])
            return None if written is None else written(field, rows, pieces)

        for part in task.parts:
            for field in part.crcs:
                if not _is_as_written(given, part, field, read):
                    first = part.start
                    return f"{field} of rows {first:,}…{first + part.high - part.low - 1:,}"
    return None


def _is_as_written(
    given: Kept,
    part: Part,
    field: str,
    read: Callable[[str, npt.NDArray[np.int64]], Sequence[Buffer] | None],
) -> bool:
    """Whether a field has the bytes, in some rows of a block, that were written."""
    crc, length = part.crcs[field]
    rows = worker.rows_of(given, part)
    step = max(1, _STEP_BYTES * max(len(rows), 1) // max(length, 1))
    got = so_far = 0
    for low in range(0, len(rows), step):
        data = read(field, rows[low : low + step])
        if data is None:
            return True
        for each in data:
            got, so_far = _checksums.crc(each, got), so_far + len(each)
    return (got, so_far) == (crc, length)
