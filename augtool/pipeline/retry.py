"""Results of tasks in order, also when worker processes die.

What a worker had to do when it died is done again, each task alone in a fresh process. A task that
ends that one too is narrowed down to the one input that does it.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future
from typing import TypeVar

from augtool.errors import BrokenInput, WorkerDied
from augtool.pipeline import worker
from augtool.pipeline.worker import Report, Task
from augtool.planning.block import Ints
from augtool.sources._contract import Source
from augtool.system.child import ChildDied, in_child
from augtool.system.handover import Kept

T = TypeVar("T")
R = TypeVar("R")
Broken = tuple[int, str, str]


def in_order(
    submit: Callable[[T], Future[R]], tasks: Iterable[T], ahead: int, alone: Callable[[T], R]
) -> Iterator[R]:
    """What the tasks give, in their order, with at most ``ahead`` of them under way. What a worker
    that died had to do is done again by ``alone``."""
    todo = iter(tasks)
    waiting: deque[tuple[T, Future[R] | None]] = deque()
    while True:
        waiting.extend(
            (task, _submitted(submit, task))
            for task in itertools.islice(todo, ahead - len(waiting))
        )
        if not waiting:
            return
        task, future = waiting.popleft()
        try:
            result = alone(task) if future is None else future.result()
        except BrokenExecutor:
            result = alone(task)
        yield result


def _submitted(submit: Callable[[T], Future[R]], task: T) -> Future[R] | None:
    """None when no worker takes it."""
    try:
        return submit(task)
    except BrokenExecutor:
        return None


def rendered(context: Kept, task: Task, source: Source) -> Report:
    """`worker.render` in a fresh process.

    Raises `InputChanged` when the source is no longer what it was, `BrokenInput` for the input
    that ends every process which reads it, and `WorkerDied` when it is none of them.
    """
    try:
        return in_child(worker.render, context, task)
    except ChildDied as death:
        look_again(source)
        row = _culprit(context, worker.source_rows(context, task))
        if row is not None:
            raise BrokenInput(row, source.name(row), f"the process that read it {death}") from None
        raise _died(death, f"it made {sum(map(len, task.pieces)):,} rows") from None


def scanned(context: Kept, start: int, stop: int, source: Source) -> list[Broken]:
    """`worker.unreadable` in fresh processes: a row that ends the one which reads it cannot be
    read either. Raises `InputChanged` as `rendered`, and `WorkerDied` when one is killed, which
    says nothing of the row."""
    try:
        return in_child(worker.unreadable, context, start, stop)
    except ChildDied as death:
        look_again(source)
        if stop - start > 1:
            middle = (start + stop) // 2
            return [
                *scanned(context, start, middle, source),
                *scanned(context, middle, stop, source),
            ]
        if death.killed:
            raise _died(death, f"it read {source.name(start)}") from None
        return [(start, source.name(start), f"the process that read it {death}")]


def look_again(source: Source) -> None:
    """Raise `InputChanged` when an array that is read in place has changed: a file that becomes
    shorter kills whoever has it mapped."""
    _ = source.pixels, source.masks and source.masks.pixels


def _culprit(context: Kept, rows: Ints) -> int | None:
    """The first of some source rows that ends the process which reads it, if one does by itself,
    and not because memory runs out."""
    if _survives(context, rows):
        return None
    while len(rows) > 1:
        half = rows[: len(rows) // 2]
        rows = rows[len(half) :] if _survives(context, half) else half
    try:
        in_child(worker.touch, context, rows)
    except ChildDied as death:
        if not death.killed:
            return int(rows[0])
    return None


def _survives(context: Kept, rows: Ints) -> bool:
    try:
        in_child(worker.touch, context, rows)
    except ChildDied:
        return False
    return True


def _died(death: ChildDied, doing: str) -> WorkerDied:
    return WorkerDied(
        f"a worker process {death}, while {doing}, and again alone; "
        "try again with fewer --workers or with more memory"
    )
