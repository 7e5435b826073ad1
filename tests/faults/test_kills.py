"""Killed anywhere, by SIGKILL: no partial file, no orphan, and a resumed run has the same bytes.

A kill counts when the run was going and had work left; nine of ten must.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_jobs import COPIES, FORMS, ROWS, Place, end, members, place_in

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")

LONGEST = 60.0  # seconds until a run counts as hanging


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{request.config.getoption('--fault-seed')} {request.node.name}")


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> int:
    """Kills of each form."""
    return -(-int(request.config.getoption("--runs")) // len(FORMS))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_in(tmp_path)


@pytest.fixture
def start(place: Place) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*given: Any, **named: Any) -> subprocess.Popen[str]:
        started.append(place.start(*given, **named))
        return started[-1]

    yield begin
    for run in started:
        end(run)


def finished(run: subprocess.Popen[str]) -> str:
    """What a run said that ended well."""
    _, said = run.communicate(timeout=LONGEST)
    assert run.returncode == 0, said
    return said


def rows_done(place: Place) -> int:
    """Output rows that the journal has; all of them when it says that the job is complete."""
    journal = place.journal
    if journal is None:
        return 0
    entries = [
        json.loads(line.partition(b" ")[2]) for line in journal.read_bytes().split(b"\n")[:-1]
    ]
    if any("complete" in entry for entry in entries):
        return COPIES * ROWS
    return sum(entry["done"][0] for entry in entries if "done" in entry)


def reached(run: subprocess.Popen[str], place: Place, rows: int) -> bool:
    """Wait until the journal has so many rows; whether the run goes on then, with work to do."""
    seen = -1
    while run.poll() is None:
        journal = place.journal
        size = 0 if journal is None else journal.stat().st_size
        if size != seen and rows_done(place) >= rows:
            return rows_done(place) < COPIES * ROWS
        seen = size
        time.sleep(0.001)  # between two looks
    return False


def kill(run: subprocess.Popen[str], kind: str, draw: random.Random) -> None:
    """SIGKILL the parent, a worker or another child, or all of the session."""
    if kind == "group":
        os.killpg(run.pid, signal.SIGKILL)
        return
    others = [pid for pid in members(run.pid) if pid != run.pid]
    victim = draw.choice(others) if kind == "child" and others else run.pid
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(run.pid, signal.SIGKILL)


def no_orphans(run: subprocess.Popen[str]) -> None:
    """What a run has started ends when it does: they hold its stderr, whose end comes then."""
    run.communicate(timeout=LONGEST)
    patience = time.monotonic() + LONGEST
    while (left := members(run.pid)) and time.monotonic() < patience:
        os.sched_yield()  # their files are closed, they are about to be gone
    assert left == []


@pytest.mark.parametrize("form", FORMS)
def test_a_run_killed_at_random_times_has_the_same_bytes_in_the_end(
    form: str,
    place: Place,
    start: Callable[..., subprocess.Popen[str]],
    draw: random.Random,
    runs: int,
) -> None:
    finished(start(form, 2))
    whole = place.contents()
    assert whole
    attempts = counted = 0
    while counted < runs:
        place.clear()  # when the job was finished it begins anew
        attempts += 1
        assert attempts <= 2 * runs + 5
        before = rows_done(place)
        run, kind = start(form, draw.randint(1, 3)), draw.choice(["parent", "child", "group"])
        if reached(run, place, draw.randrange(before, max(before, COPIES * ROWS * 9 // 10) + 1)):
            counted += 1
            kill(run, kind, draw)
        no_orphans(run)
        if run.returncode == 0:
            assert place.contents() == whole
        else:
            assert not place.outputs()
            assert run.returncode == -signal.SIGKILL
            assert rows_done(place) >= before
        if draw.random() < 0.3 and not place.outputs():  # to the end from here
            finished(start(form, draw.randint(1, 3)))
            assert place.contents() == whole
    if not place.outputs():
        finished(start(form, draw.randint(1, 3)))
        assert place.contents() == whole
    assert attempts - counted <= max(1, attempts // 10)
    assert [path.name for path in place.folder.iterdir() if path.name.startswith(".")] == []
