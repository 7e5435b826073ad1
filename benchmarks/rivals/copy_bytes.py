"""The bound of an array job: ``SOURCE OUT`` copied by two processes, 1 MiB at a time.

The output's space is reserved before the pass and the file is flushed after it, each outside of
the time. One buffer a process stays in the cache.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks import data
from benchmarks.rivals import _processes

_STEP = 1 << 20
_PORTION = 8 * _STEP


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(source: Path, out: Path) -> None:
    size = source.stat().st_size
    with out.open("wb") as reserved:
        os.posix_fallocate(reserved.fileno(), 0, size)

    def work(portions: Iterator[int]) -> None:
        with source.open("rb") as given, out.open("r+b") as made:
            for number in portions:
                low = number * _PORTION
                _copy(given.fileno(), made.fileno(), low, min(low + _PORTION, size))

    seconds = _processes.timed(work, -(-size // _PORTION))
    began = time.perf_counter()
    data.flush(out)
    click.echo(json.dumps({"seconds": seconds, "fsync": time.perf_counter() - began}))


def _copy(given: int, made: int, low: int, high: int) -> None:
    buffer = memoryview(bytearray(_STEP))
    while low < high:
        read = os.preadv(given, [buffer[: min(_STEP, high - low)]], low)
        written = os.pwrite(made, buffer[:read], low)
        if not written:
            raise SystemExit("the input became shorter, or the output is full")
        low += written


if __name__ == "__main__":
    main()
