"""Races: contestants take turns, so that what else the machine does hits all of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._contract import TIMES, Contestant, Race, Target

_TOP_LEVEL = Path(__file__).resolve().parent.parent
_TOO_LONG = 600.0  # seconds after which a contestant is given up

Sample = Mapping[str, float]
"""One run by measure: seconds of the pass and of the whole command, and what it has told."""


class CommandFailedError(Exception):
    """A contestant did not finish; the message has its command and last words."""


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

    def values(self, measure: str) -> list[float]:
        """A measure in each run, as far as it was told."""
        return [sample[measure] for sample in self.samples if measure in sample]


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured: None where what it takes was not there."""

    target: Target
    measured: Spread | None
    met: bool | None


def run(race: Race, runs: int, outputs: Path, tell: Callable[[str], None]) -> tuple[Measured, ...]:
    """Each contestant once to warm up, then ``runs`` times in turn.

    ``outputs`` is emptied after each. Raises `CommandFailedError`.
    """
    there = [one for one in race.contestants if one.absent is None]
    samples: dict[Contestant, list[Sample]] = {one: [] for one in there}
    draws = random.Random(0)
    for turn in range(runs + 1):
        tell(f"run {turn} of {runs}" if turn else "warm-up")
        # What one leaves behind (caches, freed memory) must not always meet the same next one.
        for one in draws.sample(there, len(there)):
            sample = _run_once(one, outputs)
            if turn:
                samples[one].append(sample)
    return tuple(Measured(one, tuple(samples.get(one, ()))) for one in race.contestants)


def spread(values: Sequence[float]) -> Spread:
    """Their median, least and greatest."""
    return Spread(statistics.median(values), min(values), max(values))


def quotients(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The quotients of pairs of the same turn."""
    return spread([one / other for one, other in zip(above, below, strict=True)])


def lead(race: Race, ours: Measured, other: Measured, measure: str = "passed") -> Spread:
    """How many times as many images a second ours does."""
    times = quotients(other.values(measure), ours.values(measure))
    work = (ours.contestant.images or race.images) / (other.contestant.images or race.images)
    return Spread(times.median * work, times.low * work, times.high * work)


def verdicts(race: Race, results: Sequence[Measured]) -> list[Verdict]:
    """What became of the race's targets."""
    return [_verdict(race, target, results) for target in race.targets]


def _verdict(race: Race, target: Target, results: Sequence[Measured]) -> Verdict:
    named = {one.contestant.name: one for one in results}
    ours = named[target.ours]
    others = [named[name] for name in target.against if named[name].samples]
    if not ours.values(target.of) or (target.against and not others):
        return Verdict(target, None, None)
    if not others:
        measured = spread(ours.values(target.of))
    elif target.of in TIMES:
        leads = [lead(race, ours, other, target.of) for other in others]
        measured = min(leads, key=lambda one: one.median)
    else:
        measured = quotients(ours.values(target.of), others[0].values(target.of))
    above = target.at_least is None or measured.median >= target.at_least
    below = target.at_most is None or measured.median <= target.at_most
    return Verdict(target, measured, above and below)


def _run_once(one: Contestant, outputs: Path) -> Sample:
    began = time.perf_counter()
    try:
        done = subprocess.run(
            one.command,
            cwd=_TOP_LEVEL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TOO_LONG,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{' '.join(one.command)}: took too long") from error
    whole = time.perf_counter() - began
    for made in outputs.iterdir():
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    os.sync()  # the next one must not share the disk with this one's writes and discards
    if done.returncode:
        words = (done.stderr.strip() or "nothing on stderr").splitlines()[-1]
        raise CommandFailedError(f"{' '.join(one.command)}: exit {done.returncode}: {words}")
    if one.silent:
        return {"passed": whole, "whole": whole}
    told = json.loads(done.stdout)
    numbers = {key: value for key, value in told.items() if isinstance(value, int | float)}
    return {**numbers, "passed": told["seconds"], "whole": whole}
