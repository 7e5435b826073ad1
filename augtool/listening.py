"""Hearing how far a long search for files is, before there are rows to count.

A listing may take a while, and a source is opened deep below whoever waits for it; so the listener
is set around the call and not handed down through every source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_EVERY = 4096  # files from one word to the next: some milliseconds

_listener: ContextVar[Callable[[int], None] | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def to(listener: Callable[[int], None]) -> Iterator[None]:
    """While it lasts, ``listener`` hears how many files a source has found so far."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Count:
    """Files found so far; add to it as they are found."""

    def __init__(self) -> None:
        self._found = 0
        self._said = 0
        self._listener = _listener.get()

    def add(self, files: int) -> None:
        """Count more files, and say so when enough have come together."""
        self._found += files
        if self._listener is not None and self._found - self._said >= _EVERY:
            self._said = self._found
            self._listener(self._found)
