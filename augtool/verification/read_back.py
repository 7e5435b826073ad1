"""Reading an output back to compare it with its records: what runs in a process that may die.

Files may be damaged in any way, and the libraries that read them raise what they like, so all of it
is caught here and told as faults.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from augtool.outputs import output
from augtool.planning.block import Ints
from augtool.sinks import _checksums, _manifest
from augtool.sinks._checksums import Part
from augtool.sinks._contract import Facts, Fault, Runs
from augtool.sinks._reader import Shards
from augtool.system import child
from augtool.system.inventory import MANIFEST

_STEP_BYTES = 8 << 20  # of a field that are in memory at a time
_MORE_BYTES = 4 << 30  # that a task may take: a damaged file can ask for any amount
_SECONDS = 600  # of processor time that a task may take
_READ_BYTES = 1 << 20
_DESCRIBED = {"format", "borders", "fields", "attributes", "encode", "records", "files"}
_ENCODING = re.compile(r"png|npy|(jpg|webp):\d+")


@dataclass(frozen=True)
class Shard:
    """A file of an output, by its path from the output's on, with the rows start … stop−1."""

    file: str
    start: int
    stop: int


@dataclass(frozen=True)
class Look:
    """What an output says of itself.

    runs
        The output rows that it has; None where it does not say it.
    files
        (bytes, sha256) of each file that the manifest names; None without one.
    """

    facts: Facts
    rows: int
    runs: Runs | None
    shards: tuple[Shard, ...]
    files: Mapping[str, tuple[int, str]] | None = None


@dataclass(frozen=True)
class Stretch:
    """Rows that are read together: part of one block.

    number, block, low, high, start
        As in `records.Part`.
    rows
        Their places in the output: (first, how many), or (m,) int64.
    """

    number: int
    block: int
    low: int
    high: int
    start: int
    rows: tuple[int, int] | Ints

    def __len__(self) -> int:
        return self.high - self.low

    @property
    def places(self) -> Ints:
        """(m,) int64, their places in the output."""
        if isinstance(self.rows, tuple):
            return np.arange(self.rows[0], self.rows[0] + self.rows[1])
        return self.rows


@dataclass
class Found:
    """What was read, and what could not be."""

    parts: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def look(path: str, apart: bool) -> Look | Fault:
    """Open an output and say what it says of itself; ``apart`` when this process is one of its own,
    in which memory and time can be limited."""
    with limits(apart):
        try:
            return _looked(path)
        except Exception as error:
            return Fault(words(error))


def facts_of_shard(path: str, file: str, apart: bool) -> Facts | Fault:
    """What a file of a folder says of itself."""
    with limits(apart):
        try:
            facts: Facts = _opened(path, file).facts
            return facts
        except Exception as error:
            return Fault(words(error))


def read(path: str, todo: Sequence[Stretch], apart: bool) -> Found:
    """The CRCs of rows, and which fields of them cannot be read."""
    found = Found()
    with limits(apart):
        for one in todo:
            crcs, faults = _crcs(path, one)
            found.parts.append(Part(one.number, one.block, one.low, one.high, one.start, crcs))
            found.faults += faults
    return found


def faults(path: str, shard: Shard, low: int, high: int, apart: bool) -> list[Fault]:
    """What is not as its format writes it in the rows low … high−1 of a file, numbered from the
    file's first; what is found is numbered as the output's rows."""
    with limits(apart):
        try:
            found = list(_opened(path, shard.file).faults(low, high))
        except Exception as error:
            found = [Fault(words(error), "", low, high)]
    return [
        one
        if one.low is None or one.high is None
        else Fault(one.what, one.field, one.low + shard.start, one.high + shard.start)
        for one in found
    ]


def file_faults(files: Sequence[tuple[str, str, int, str]]) -> list[tuple[str, str]]:
    """(name, what is wrong) of those files, given as (name, path, bytes, sha256), that are not what
    they were."""
    found = ((name, _file_fault(path, size, digest)) for name, path, size, digest in files)
    return [(name, what) for name, what in found if what is not None]


def _file_fault(path: str, size: int, digest: str) -> str | None:
    """What is wrong with a file that is to have so many bytes and this sha256."""
    try:
        if Path(path).is_symlink() or not Path(path).is_file():
            missing = not os.path.lexists(path)
            return "is missing" if missing else "is a link, or no regular file"
        there = Path(path).stat().st_size
        if there != size:
            return f"has {there:,} bytes, and was written with {size:,}"
        if _sha256(path) != digest:
            return "is not what was written, by its sha256"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None


def words(error: BaseException) -> str:
    """What went wrong, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def forget() -> None:
    """Let go of all files: what is at their paths may be another the next time."""
    for one in _kept:
        one.close()
    _kept.clear()
    _opened.cache_clear()


_kept: list[Any] = []


@lru_cache(maxsize=8)
def _opened(path: str, file: str = "") -> Any:
    """An output, or one of its files."""
    stored = output.stored_at(Path(path) / file if file else Path(path))
    _kept.append(stored)
    return stored


@contextlib.contextmanager
def limits(apart: bool) -> Iterator[None]:
    """Inside, a process that is apart takes no more memory and time than an output can need."""
    if not apart:
        yield
        return
    with child.limited(_MORE_BYTES, _SECONDS):
        yield


def _looked(path: str) -> Look:
    files = _files(Path(path))
    stored = _opened(path)
    _check(stored.facts)
    shards: tuple[Shard, ...] = (Shard("", 0, stored.rows),)
    if isinstance(stored, Shards):
        names = sorted(name for name in files or () if name.endswith(stored.suffixes))
        shards = tuple(
            Shard(name, *ends)
            for name, ends in zip(names, itertools.pairwise(stored.borders), strict=True)
        )
    return Look(stored.facts, stored.rows, stored.runs, shards, files)


def _check(facts: Facts) -> None:
    """Raise ValueError unless these are facts, as they can be written."""
    for one in facts.fields:
        dtype = np.dtype(one.dtype)
        sizes = all(type(size) is int and size >= 0 for size in one.shape)
        if dtype.hasobject or not isinstance(one.name, str) or not sizes or not dtype.itemsize:
            raise ValueError(f"there is no field such as {one}")
    texts = (*facts.attributes, *facts.records, *facts.records.values(), facts.encode)
    values = facts.attributes.values()
    if not facts.fields or not all(isinstance(one, str) for one in texts):
        raise ValueError("what describes it is not in the form that augtool writes")
    if not all(isinstance(one, str | int) for one in values):
        raise ValueError("its attributes are no text and no numbers")


def _files(path: Path) -> dict[str, tuple[int, str]] | None:
    """What the manifest of a folder says of its files. Raises ValueError for names that lead out of
    the folder."""
    if not path.is_dir():
        return None
    try:
        described = _manifest.read(path)
    except OSError as error:
        raise ValueError(
            "is not a folder that augtool has made; it would have a manifest inside"
        ) from error
    if set(described) != _DESCRIBED or not _ENCODING.fullmatch(described["encode"]):
        raise ValueError("its manifest is not in the form that augtool writes")
    said = described["files"]
    if MANIFEST.as_posix() in said:
        raise ValueError("its manifest names itself, which is not its own file")
    return {name: (int(one["size"]), str(one["sha256"])) for name, one in said.items()}


def _crcs(path: str, stretch: Stretch) -> tuple[dict[str, tuple[int, int]], list[Fault]]:
    """The CRC-32 and the length of each field's bytes; of a field that cannot be read, nothing."""
    places, found = stretch.places, list[Fault]()
    crcs: dict[str, tuple[int, int]] = {}
    stored = _opened(path)
    for one in stored.facts.fields:
        step = max(1, _STEP_BYTES // max(1, one.row_bytes))
        crc, length = 0, 0
        try:
            for low in range(0, len(places), step):
                for data in stored.stored(one.name, places[low : low + step]):
                    crc, length = _checksums.crc(data, crc), length + len(data)
        except Exception as error:
            first, last = int(places.min()), int(places.max())
            found.append(Fault(f"cannot be read: {words(error)}", one.name, first, last + 1))
        crcs[one.name] = crc, length
    return crcs, found


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()
