"""Work shared by processes that start together."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized

PROCESSES = 2


def timed(work: Callable[[Iterator[int]], None], portions: int) -> float:
    """Seconds from the moment all processes are up to the last one's end.

    Each calls ``work`` with the numbers of the portions that fall to it: whoever is free takes the
    next, so that a busy core costs as little as it can. Linux's perf_counter is one clock for all
    processes.
    """
    context = multiprocessing.get_context("fork")
    taken, start, times = context.Value("q", 0), context.Barrier(PROCESSES), context.SimpleQueue()

    def process() -> None:
        start.wait()
        began = time.perf_counter()
        work(_next(taken, portions))
        times.put((began, time.perf_counter()))

    processes = [context.Process(target=process) for _ in range(PROCESSES)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    if any(one.exitcode for one in processes):
        raise SystemExit("a process failed")
    begins, ends = zip(*(times.get() for _ in processes), strict=True)
    return float(max(ends) - min(begins))


def _next(taken: Synchronized[int], portions: int) -> Iterator[int]:
    while True:
        with taken.get_lock():
            number = taken.value
            taken.value += 1
        if number >= portions:
            return
        yield number
