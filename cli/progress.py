"""How far a run is, on stderr: a bar on a terminal, else a line a minute."""

from __future__ import annotations

import logging
import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from .report import counted, printable

if TYPE_CHECKING:
    from augtool.system.progress import Progress

_LOGGER = logging.getLogger("augtool")
_COLUMNS = 80  # of a terminal that does not know its own width
_EVERY = 60.0  # seconds between plain lines
_PATIENCE = 2.0  # seconds that a listing may take without a word
_DRAWN_EVERY = 0.1


class _Lines(logging.Handler):
    """What the library has to say before a run begins."""

    def emit(self, record: logging.LogRecord) -> None:
        """Put it on a line of stderr."""
        click.echo(printable(record.getMessage()), err=True)


class Meter:
    """A listener for `augtool.run`, and for what the library logs meanwhile; says nothing when
    ``quiet``, and more when ``verbose``. ``doing`` is the first word."""

    def __init__(self, quiet: bool, doing: str = "making", verbose: bool = False) -> None:
        self._quiet = quiet
        self._level = logging.DEBUG if verbose else logging.INFO
        self._doing = doing
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._next_line = 0.0
        self._lines = _Lines()
        self._next_word = time.monotonic() + _PATIENCE

    def __enter__(self) -> Meter:
        if not self._quiet:
            _LOGGER.setLevel(self._level)
            _LOGGER.addHandler(self._lines)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _LOGGER.removeHandler(self._lines)
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show the progress."""
        if self._quiet:
            return
        if self._terminal:
            self._draw(progress)
        else:
            self._print(progress)

    def found(self, files: int) -> None:
        """Say how many files a listing has found so far."""
        now = time.monotonic()
        if self._quiet or now < self._next_word:
            return
        self._next_word = now + (_DRAWN_EVERY if self._terminal else _EVERY)
        said = f"listing: {files:,} files so far"
        # On a terminal the next word, or the bar, is written over it.
        click.echo(f"\r{said}\x1b[K\r" if self._terminal else said, err=True, nl=not self._terminal)

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            import threading

            from tqdm import tqdm

            # Its own has a lock between processes too, for which some systems start a process.
            tqdm.set_lock(threading.RLock())
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            self._bar = tqdm(
                total=progress.total,
                initial=progress.kept,
                unit="img",
                unit_scale=True,
                leave=False,
                dynamic_ncols=columns > 0,
                ncols=None if columns else _COLUMNS,
            )
        if progress.rows == progress.kept and progress.checked:
            self._bar.set_description_str(f"checked {progress.checked:,}")
        elif self._bar.desc:
            self._bar.set_description_str("")
        self._bar.update(progress.rows - self._bar.n)  # what was there is no part of the rate

    def _print(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + _EVERY
        made = progress.rows - progress.kept
        if made == 0:
            where = counted(progress.workers, "worker") if progress.workers else "this process"
            rows = "rows" if progress.total is None else counted(progress.total, "row")
            kept = f", of which {progress.kept:,} are there" if progress.kept else ""
            if progress.checked:
                kept += f" ({progress.checked:,} checked)"
            click.echo(f"{self._doing} {rows} in {where}{kept}", err=True)
            return
        rate = made / progress.seconds
        if progress.total is None:
            click.echo(f"{progress.rows:,} rows, {rate:,.0f} images/s", err=True)
            return
        left = (progress.total - progress.rows) / rate
        click.echo(
            f"{progress.rows:,} of {progress.total:,} rows, {rate:,.0f} images/s, "
            f"{left:,.0f} s to go",
            err=True,
        )
