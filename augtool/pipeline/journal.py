"""The journal of a run: which job it is, and which of its tasks are done, so that it can go on.

A text file in the books, a line an entry, each after the CRC-32 of it: a line that a kill or a loss
of power has torn ends the journal. The first line is the job, then comes one for each finished
task, in the order of the plan. What was written before the machine went down may have been lost on
its way to the disk, so after that only tasks count that stand before a line which was written when
all was safe.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from augtool.sinks._checksums import Part
from augtool.sinks._contract import Position
from augtool.system.fsync import flush

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SHORT = 60  # characters of a value that a message shows


@dataclass(frozen=True)
class Place:
    """Where a piece that a worker has encoded lies, in the spool or in the file that it was
    appended to, and its CRC-32."""

    field: str
    row: int
    offset: int
    length: int
    crc: int


@dataclass(frozen=True)
class Done:
    """A finished task: what its report said, where the sink stood afterwards, and its pieces."""

    rows: int
    unmet: int
    bare: int
    not_finite: int
    parts: tuple[Part, ...]
    position: Position
    places: tuple[Place, ...] = ()

    def as_json(self) -> list[Any]:
        """Lists and numbers, from which `done_from` makes it again."""
        parts = [
            [one.number, one.block, one.low, one.high, one.start, list(one.crcs.items())]
            for one in self.parts
        ]
        places = [[one.field, one.row, one.offset, one.length, one.crc] for one in self.places]
        position = [self.position.file, self.position.size]
        return [self.rows, self.unmet, self.bare, self.not_finite, parts, position, places]


def done_from(value: Sequence[Any]) -> Done:
    """What `Done.as_json` was made of."""
    rows, unmet, bare, not_finite, parts, position, places = value
    return Done(
        rows,
        unmet,
        bare,
        not_finite,
        tuple(
            Part(number, block, low, high, start, {name: (crc, n) for name, (crc, n) in crcs})
            for number, block, low, high, start, crcs in parts
        ),
        Position(*position),
        tuple(Place(*one) for one in places),
    )


@dataclass(frozen=True)
class Past:
    """What an earlier run of an output has left: its job, the tasks that it finished, whether that
    was all of them, and the bytes of the journal that say so."""

    job: Mapping[str, Any]
    tasks: tuple[Done, ...]
    complete: bool
    size: int

    @property
    def rows(self) -> int:
        """Output rows that are made."""
        return sum(one.rows for one in self.tasks)


def past_of(path: Path) -> Past | None:
    """What a journal says; None when there is none, or when no task in it counts."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    lines = _lines(data)
    if not lines or "job" not in lines[0][0]:
        return None
    job, (_, size) = lines[0][0]["job"], lines[0]
    last = len(lines)
    if not job["boot"] or job["boot"] != _boot():
        last = max((at for at, (line, _) in enumerate(lines) if "safe" in line), default=-1) + 1
    tasks, complete = [], False
    for line, end in lines[1:last]:
        size = end
        complete = complete or "complete" in line
        if "done" in line:
            tasks.append(done_from(line["done"]))
    return Past(job, tuple(tasks), complete, size) if tasks or complete else None


def _lines(data: bytes) -> list[tuple[dict[str, Any], int]]:
    """The whole lines from the beginning on, each with the byte where it ends."""
    found: list[tuple[dict[str, Any], int]] = []
    end = 0
    for line in data.split(b"\n")[:-1]:
        crc, _, text = line.partition(b" ")
        if crc != b"%08x" % zlib.crc32(text):
            break
        end += len(line) + 1
        found.append((json.loads(text), end))
    return found


def _boot() -> str:
    """What tells this run of the system from others; empty where it does not say."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return ""


@dataclass
class Journal:
    """A journal that is being written. ``tasks`` counts those that are in it."""

    path: Path
    total: int = 0  # output rows, finished or not
    tasks: int = 0
    rows: int = 0
    _file: BinaryIO | None = field(default=None, repr=False)

    def begin(self, job: Mapping[str, Any]) -> None:
        """Write a new one. From here on what is laid out can be gone on with."""
        self.close()
        self._file = self.path.open("wb", buffering=0)
        self._write({"job": {**job, "boot": _boot()}})

    def go_on(self, past: Past) -> None:
        """Write on at the end of what counts."""
        self.close()
        self._file = self.path.open("r+b", buffering=0)
        self._file.truncate(past.size)
        self._file.seek(past.size)
        self.tasks, self.rows = len(past.tasks), past.rows
        if past.job["boot"] != _boot():  # what counts is on the disk already
            job = json.dumps({"job": {**past.job, "boot": _boot()}})
            self._renew(job, past)

    def _renew(self, job: str, past: Past) -> None:
        """Put another first line before the rest, in a file that takes the place of this one."""
        old = self.path.read_bytes()
        rest = old[old.index(b"\n") + 1 : past.size]
        fresh = self.path.with_name(f"{self.path.name}-renewed")
        fresh.write_bytes(_line(job) + rest)
        flush(fresh)
        self.close()
        fresh.replace(self.path)
        self._file = self.path.open("ab", buffering=0)

    def add(self, done: Done) -> None:
        """A task is finished: what it wrote has been handed to the system."""
        self._write({"done": done.as_json()})
        self.tasks, self.rows = self.tasks + 1, self.rows + done.rows

    def safe(self) -> None:
        """All that the tasks so far have written is on the disk."""
        self._write({"safe": self.tasks})
        assert self._file is not None
        os.fsync(self._file.fileno())

    def complete(self) -> None:
        """The output is complete under its temporary name."""
        self._write({"complete": self.tasks})

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _write(self, entry: Mapping[str, Any]) -> None:
        assert self._file is not None
        data = memoryview(_line(json.dumps(entry, separators=(",", ":"))))
        while data:
            data = data[self._file.write(data) :]


def _line(text: str) -> bytes:
    data = text.encode()
    return b"%08x %s\n" % (zlib.crc32(data), data)


def _numbered(values: Sequence[Any]) -> dict[str, Any]:
    return {f"[{at}]": value for at, value in enumerate(values)}


def differences(then: Mapping[str, Any], now: Mapping[str, Any], below: str = "") -> list[str]:
    """In words, in what two jobs differ: "seed was 0 and is 1"."""
    found = []
    for name in dict.fromkeys([*then, *now]):
        old, new = then.get(name), now.get(name)
        called = f"{below}{name}" if name.startswith("[") or not below else f"{below}.{name}"
        if old == new or called == "boot":
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, called)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            found += differences(_numbered(old), _numbered(new), called)
        elif max(len(json.dumps(old)), len(json.dumps(new))) > _SHORT:
            found.append(f"{called} is another")
        else:
            found.append(f"{called} was {json.dumps(old)} and is {json.dumps(new)}")
    return found
