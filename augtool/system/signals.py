"""Steps that no signal may split: what comes meanwhile is heeded right after.

A signal's handler in Python runs between any two steps of the main thread, and often raises there:
`KeyboardInterrupt`, or what the command line makes of a signal. A mask of the system does not keep
it off: another thread would take the signal, and the main thread still run the handler.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from itertools import compress
from types import FrameType
from typing import Any, Self


class SignalsWait:
    """``with SignalsWait() as signals:`` – inside, signals that have a handler in Python wait.

    They are heeded inside ``with signals.heeded():`` and at the end. Signals without such a handler
    do what they always do. A handler with a method ``meanwhile`` is told of each that comes, at
    once: a user who is in a hurry need not wait. In another thread than the main one no handler
    runs, so nothing is done.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}  # each a function of a number and a frame
        self._came: list[int] = []
        self._waiting = False

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        numbers = sorted(signal.valid_signals())
        handlers = [*map(signal.getsignal, numbers)]
        self._handlers = dict(
            compress(zip(numbers, handlers, strict=True), map(callable, handlers))
        )
        self._waiting = True
        try:
            for number in self._handlers:
                signal.signal(number, self._note)
        except BaseException:  # a signal whose turn had not come
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._waiting = False  # from here on `_note` passes on whatever comes
            self._restore()
        finally:  # once more: it may have been split
            self._restore()
            self._heed()

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Inside, signals do what they would do without us; those that came are heeded first."""
        try:
            self._waiting = False
            self._heed()
            yield
        finally:
            self._waiting = True

    def meanwhile(self, number: int) -> None:
        """Tell the handler, of another one of these around this as well, that a signal waits."""
        handler = self._handlers[number]
        tell = getattr(getattr(handler, "__self__", handler), "meanwhile", None)
        if tell is not None:
            tell(number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._waiting:
            self.meanwhile(number)
            self._came.append(number)
        else:
            self._handlers[number](number, frame)

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _heed(self) -> None:
        with contextlib.ExitStack() as all_of_them:  # although the first may raise
            while self._came:
                all_of_them.callback(signal.raise_signal, self._came.pop())
