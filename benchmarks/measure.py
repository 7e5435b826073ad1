"""Races: contestants take turns, so that what else the machine does hits all of them."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._contract import Contestant, Race

_TOP_LEVEL = Path(__file__).resolve().parent.parent


class CommandFailedError(Exception):
    """A contestant did not finish; the message has its command and last words."""


@dataclass(frozen=True)
class Sample:
    """One run: seconds of the pass, of the whole command, and of an fsync when it was timed."""

    passed: float
    whole: float
    fsync: float | None


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their ends."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """A contestant's runs; none when it is absent."""

    contestant: Contestant
    samples: tuple[Sample, ...]


def run(race: Race, runs: int, output: Path, tell: Callable[[str], None]) -> tuple[Measured, ...]:
    """Each contestant once to warm up, then ``runs`` times in turn.

    ``output`` is removed after each. Raises `CommandFailedError`.
    """
    there = [one for one in race.contestants if one.absent is None]
    samples: dict[Contestant, list[Sample]] = {one: [] for one in there}
    draws = random.Random(0)
    for turn in range(runs + 1):
        tell(f"run {turn} of {runs}" if turn else "warm-up")
        # What one leaves behind (caches, freed memory) must not always meet the same next one.
        for one in draws.sample(there, len(there)):
            sample = _run_once(one, output)
            if turn:
                samples[one].append(sample)
    return tuple(Measured(one, tuple(samples.get(one, ()))) for one in race.contestants)


def spread(values: Sequence[float]) -> Spread:
    """Their median, least and greatest."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(rival: Sequence[float], ours: Sequence[float]) -> Spread:
    """How many times as fast as the rival ours is, from pairs of the same turn."""
    return spread([theirs / own for theirs, own in zip(rival, ours, strict=True)])


def _run_once(one: Contestant, output: Path) -> Sample:
    began = time.perf_counter()
    done = subprocess.run(one.command, cwd=_TOP_LEVEL, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - began
    output.unlink(missing_ok=True)
    os.sync()  # the next one must not share the disk with this one's writes and discards
    if done.returncode:
        words = done.stderr.strip() or "nothing on stderr"
        raise CommandFailedError(f"{' '.join(one.command)}: exit {done.returncode}: {words}")
    told = json.loads(done.stdout)
    return Sample(told["seconds"], whole, told.get("fsync"))
