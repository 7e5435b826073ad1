"""A verification that is going on: its tasks, and what they have found."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from augtool.engines.inline import INLINE
from augtool.sinks._contract import Fault

Result = TypeVar("Result")

_IN_FLIGHT = 4  # tasks per worker


@dataclass(frozen=True)
class Problem:
    """What is wrong: in a file (by its path in the output; empty for the output itself), a field of
    it (or empty), the rows ``low`` … ``high``−1 of the output (or None)."""

    what: str
    file: str = ""
    field: str = ""
    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        rows = ""
        if self.low is not None and self.high is not None:
            one = self.high - self.low == 1
            rows = f"row {self.low}" if one else f"rows {self.low}…{self.high - 1}"
        where = " of ".join(filter(None, (self.field, rows)))
        return ": ".join(filter(None, (self.file, where, self.what)))


@dataclass
class Verifying:
    """A verification that is going on."""

    path: Path
    engine: Executor
    workers: int
    tell: Callable[[int], None]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def apart(self) -> bool:
        """Whether tasks run in processes of their own."""
        return self.workers != INLINE

    def note(self, fault: Fault, file: str = "") -> None:
        """Take in what a task found."""
        self.problems.append(Problem(fault.what, file, fault.field, fault.low, fault.high))

    def one(self, function: Callable[..., Result], *args: Any) -> Result:
        """What one task returns."""
        return self.engine.submit(function, str(self.path), *args, self.apart).result()

    def each(
        self, function: Callable[..., Result], todo: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Result]]:
        """What tasks return, in their order, each after what it was given."""
        waiting: deque[tuple[tuple[Any, ...], Future[Result]]] = deque()
        for args in todo:
            waiting.append((args, self.engine.submit(function, *args)))
            if len(waiting) >= _IN_FLIGHT * max(self.workers, 1):
                given, future = waiting.popleft()
                yield given, future.result()
        while waiting:
            given, future = waiting.popleft()
            yield given, future.result()
