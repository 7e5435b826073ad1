"""Hearing how far a long search for files is, before there are rows to count.

A listing may take a while, and a source is opened deep below whoever waits for it; so the listener
is set around the call and not handed down through every source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

_EVERY = 4096  # files from one word to the next: some milliseconds


@dataclass
class _Count:
    """Files found so far, and those that the listener has heard of."""

    listener: Callable[[int], None]
    found: int = 0
    said: int = 0


_count: ContextVar[_Count | None] = ContextVar("count", default=None)


@contextlib.contextmanager
def to(listener: Callable[[int], None]) -> Iterator[None]:
    """While it lasts, ``listener`` hears how many files have been found so far."""
    token = _count.set(_Count(listener))
    try:
        yield
    finally:
        _count.reset(token)


def found(files: int) -> None:
    """Count more files, and say so when enough have come together."""
    count = _count.get()
    if count is None:
        return
    count.found += files
    if count.found - count.said >= _EVERY:
        count.said = count.found
        count.listener(count.found)


@dataclass(frozen=True)
class Progress:
    """How far a run is: rows done of ``total`` (None when there is no end), ``seconds`` since the
    first task. ``kept`` of them were made by an earlier run; so far ``checked`` of these, in the
    output that is being made, have been found as they were written."""

    rows: int
    total: int | None
    workers: int
    seconds: float
    kept: int = 0
    checked: int = 0


Listener = Callable[[Progress], None]
