"""How far a run is, on stderr: a bar on a terminal, else a line a minute."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from .report import counted

if TYPE_CHECKING:
    from augtool.run import Progress

_COLUMNS = 80  # of a terminal that does not know its own width
_EVERY = 60.0  # seconds between plain lines
_PATIENCE = 2.0  # seconds that a listing may take without a word
_DRAWN_EVERY = 0.1


class Meter:
    """A listener for `augtool.run`; says nothing when ``quiet``."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._next_line = 0.0
        self._next_word = time.monotonic() + _PATIENCE

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
            from tqdm import tqdm

            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            self._bar = tqdm(
                total=progress.total,
                unit="img",
                unit_scale=True,
                leave=False,
                dynamic_ncols=columns > 0,
                ncols=None if columns else _COLUMNS,
            )
        self._bar.update(progress.rows - self._bar.n)

    def _print(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + _EVERY
        if progress.rows == 0:
            where = counted(progress.workers, "worker") if progress.workers else "this process"
            rows = "rows" if progress.total is None else counted(progress.total, "row")
            click.echo(f"making {rows} in {where}", err=True)
            return
        rate = progress.rows / progress.seconds
        if progress.total is None:
            click.echo(f"{progress.rows:,} rows, {rate:,.0f} images/s", err=True)
            return
        left = (progress.total - progress.rows) / rate
        click.echo(
            f"{progress.rows:,} of {progress.total:,} rows, {rate:,.0f} images/s, "
            f"{left:,.0f} s to go",
            err=True,
        )
