"""Kill a job at each call by which its parent changes the disk, resume it, and compare.

``python every_call.py FOLDER FORM MOST SEED``: at most so many kills, spread over all calls, and as
many as that in resumed runs. Prints a line of JSON. Each run is a fork of this process, which has
imported all that it takes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet  # noqa: F401
from fault_jobs import FORMS, Place, place_in

import augtool
from augtool import kernels
from augtool.job import Job
from augtool.pipeline import journal
from augtool.recipe.toml import read_recipe

_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
_CALLS = ("fsync", "pwrite", "write", "posix_fallocate", "ftruncate")
_ROWS = 330


class Killer:
    """Counts calls, and sends SIGKILL to this process before the one of a number."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at, self.count = str(folder), at, 0
        sys.addaudithook(self._hear)
        for name in _CALLS:
            self._wrap(os, name)
        self._wrap(journal, "_line")

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = given
            if not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
                return
        elif event in _EVENTS:
            path = given[0]
        else:
            return
        if not isinstance(path, int) and os.fsdecode(path).startswith(self.folder):
            self._step()

    def _wrap(self, module: Any, name: str) -> None:
        called = getattr(module, name)

        def counted(*given: Any, **named: Any) -> Any:
            self._step()
            return called(*given, **named)

        setattr(module, name, counted)

    def _step(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def in_fork(action: Callable[[], object]) -> int:
    """How a fork that does this ends, as ``os.waitstatus_to_exitcode`` says."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(place: Place, job: Job, number: int) -> int:
    """Run the job with a kill before the call of this number."""

    def run() -> None:
        Killer(place.folder, number)
        augtool.run(job)

    return in_fork(run)


def calls_of(place: Place, job: Job) -> int:
    """How many calls a whole run makes."""
    reader, writer = os.pipe()

    def run() -> None:
        killer = Killer(place.folder, -1)
        augtool.run(job)
        killer.folder = "\0"
        os.write(writer, b"%d" % killer.count)

    assert in_fork(run) == 0
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        return int(said.read())


def job_of(place: Place, form: str) -> Job:
    """The job in the library's words."""
    name, *given = FORMS[form]
    options = dict(zip(given[::2], given[1::2], strict=True))
    return Job(
        str(place.folder / "in"),
        str(place.folder / name),
        read_recipe(place.folder / "recipe.toml"),
        format=options.get("--format"),
        shards=int(options["--shards"]) if "--shards" in options else None,
        compression=options.get("--compression"),
        workers=0,
        resume=True,
    )


def check(place: Place, whole: dict[str, str], job: Job, where: str) -> None:
    """Nothing partial has a final name; resumed, the job has the same bytes."""
    assert place.contents() in ({}, whole), where
    if not place.contents() or place.journal is not None:
        assert in_fork(lambda: augtool.run(job)) == 0, where
    assert place.contents() == whole, where
    left = {path.name for path in place.folder.iterdir() if path.name.startswith(".")}
    if left:  # killed at the very end: the next run of any job clears up
        assert in_fork(lambda: augtool.run(job_again(job))) == 0, where
        left = {path.name for path in place.folder.iterdir() if path.name.startswith(".")}
    assert not left, where
    place.clear()


def job_again(job: Job) -> Job:
    import dataclasses

    return dataclasses.replace(job, overwrite=True)


def main(folder: Path, form: str, most: int, seed: int) -> None:
    """Kill, resume, compare."""
    draw = random.Random(seed)
    place = place_in(folder, _ROWS)
    job = job_of(place, form)
    kernels.load(("paste", "mask", "warp"))
    calls = calls_of(place, job)
    whole = place.contents()
    place.clear()
    numbers = sorted(draw.sample(range(1, calls + 1), min(most, calls)))
    kills = 0
    for number in numbers:
        where = f"{form}, killed at call {number} of {calls}"
        assert killed_at(place, job, number) == -signal.SIGKILL, where
        kills += 1
        if draw.random() < 0.5 and not place.contents():
            second = draw.randrange(1, calls + 1)
            where += f", resumed and killed at call {second}"
            kills += killed_at(place, job, second) == -signal.SIGKILL
        check(place, whole, job, where)
    sys.stdout.write(json.dumps({"calls": calls, "kills": kills}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
