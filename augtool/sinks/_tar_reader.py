"""Reading a tar that augtool wrote: members are found by one look at all headers."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from augtool.codecs.own_files import decode, npy_values
from augtool.errors import SourceError
from augtool.fields import Field
from augtool.sinks._contract import Buffer, Facts, Fault, Runs
from augtool.sinks._positional_writer import bytes_of
from augtool.sinks._reader import Array, Ints, by_name, facts_of, row_array

_BLOCK = 512
_LAST = b".augtool.json\x00"  # as it begins a header
_MOST_AT_END = 64 << 20  # bytes in which the last member is looked for
_END_BLOCKS = 2

Members = dict[str, tuple[list[int], list[int]]]


def read(path: Path) -> TarRows:
    """Open a finished archive. Raises ValueError when its last member is not there."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            raise ValueError("an empty file")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    at = _last_member(data)
    return TarRows(path, facts_of(json.loads(_content(data, at))), data, at)


@dataclass
class TarRows:
    """An archive, open for reading; ``end`` is the byte at which its last member begins."""

    path: Path
    facts: Facts
    data: mmap.mmap
    end: int

    @property
    def rows(self) -> int:
        """M: as many as are there, since a share of a stream does not say how many it has."""
        return len(next(iter(self._members.values()))[0]) if self._members else 0

    def field(self, name: str) -> Any:
        """A field: each row is found and decoded when it is asked for."""
        one = by_name(self.facts.fields)[name]
        suffix, value = _stored(one, self.facts.encode)
        if self.rows == 0:
            return np.empty((0, *one.shape), one.dtype)
        if suffix not in self._members:
            raise SourceError(f"{self.path}: has no .{suffix} files; it was changed")
        starts, sizes = self._members[suffix]

        def read(rows: Ints) -> Array:
            out = np.empty((len(rows), *one.shape), one.dtype)
            for at, row in enumerate(rows.tolist()):
                try:
                    out[at] = value(self.data[starts[row] : starts[row] + sizes[row]])
                except (ValueError, KeyError) as error:
                    raise SourceError(f"{self.path}: row {row}, .{suffix}: {error}") from error
            return out

        return row_array(self.rows, one, read)

    @property
    def runs(self) -> Runs | None:
        """The output rows that the keys are."""
        found: list[tuple[int, int]] = []
        for row in range(self.rows):
            number = self.number(row)
            first, count = found[-1] if found else (-1, 0)
            if first + count == number and count:
                found[-1] = first, count + 1
            else:
                found.append((number, 1))
        return tuple(found)

    def number(self, row: int) -> int:
        """The output row that the key of a row is."""
        starts, _ = next(iter(self._members.values()))
        return int(self.data[starts[row] - _BLOCK : starts[row]].partition(b".")[0])

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`: of images their files."""
        if name != "images":
            return (bytes_of(np.asarray(self.field(name)[rows])),)
        return [self.image(row) for row in rows.tolist()]

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: every byte of the archive that is not a row's own."""
        from augtool.sinks._tar_audit import faults

        return faults(self, low, high)

    def image(self, row: int) -> bytes:
        """The file of a row's image."""
        suffix, _ = _stored(self.facts.fields[0], self.facts.encode)
        starts, sizes = self._members[suffix]
        return self.data[starts[row] : starts[row] + sizes[row]]

    def planned(self, row: int) -> dict[str, Any]:
        """What the JSON of a row says."""
        starts, sizes = self._members["json"]
        said: dict[str, Any] = _parsed(self.data[starts[row] : starts[row] + sizes[row]])
        return said

    def extent(self, row: int) -> tuple[int, int]:
        """The first byte of a row's files, headers included, and the one after their last; of the
        row after the last, where the description begins."""
        firsts = [starts for starts, _ in self._members.values()]
        bounds = [
            min(starts[at] for starts in firsts) - _BLOCK if at < self.rows else self.end
            for at in (row, row + 1)
        ]
        return bounds[0], bounds[1]

    def close(self) -> None:
        """Nothing: the map goes with its last user."""

    @cached_property
    def _members(self) -> Members:
        """The first byte and the size of each row's file, by what follows its key."""
        found: Members = {}
        at = 0
        while at < self.end:
            header = self.data[at : at + _BLOCK]
            suffix = header[: header.index(0)].partition(b".")[2].decode()
            size = _size(header)
            starts, sizes = found.setdefault(suffix, ([], []))
            starts.append(at + _BLOCK)
            sizes.append(size)
            at += _BLOCK + size + -size % _BLOCK
        if len({len(starts) for starts, _ in found.values()}) > 1:
            raise SourceError(f"{self.path}: its rows have not the same files; it was changed")
        return found


def _stored(one: Field, encode: str) -> tuple[str, Callable[[bytes], Any]]:
    """The suffix of the files that hold a field, and what makes a row of one's bytes."""
    dtype = np.dtype(one.dtype)
    if one.name == "images":
        extension = encode.partition(":")[0]
        return extension, lambda data: decode(data, extension, one.shape, dtype)
    if one.name == "label":
        return "cls", int
    if one.name in ("labels", "masks") or one.name.startswith("labels_"):
        suffix = "soft.npy" if one.name == "labels" else f"{one.name}.npy"
        return suffix, lambda data: npy_values(data, one.shape, dtype)
    if dtype.kind == "S":  # text, stored as UTF-8
        return "json", lambda data: np.char.encode(_parsed(data)[one.name], "utf-8")
    return "json", lambda data: _parsed(data)[one.name]


@lru_cache(4096)
def _parsed(data: bytes) -> Any:
    """What a row's JSON says: each field asks for it."""
    return json.loads(data)


def _last_member(data: mmap.mmap) -> int:
    """The byte at which the header of the last member begins; it is looked for from the end."""
    if len(data) % _BLOCK or data[-_END_BLOCKS * _BLOCK :].strip(b"\x00"):
        raise ValueError("it has no end: cut short, or not made by augtool")
    lowest = max(0, len(data) - _MOST_AT_END)
    at = data.rfind(_LAST, lowest)
    while at > lowest and at % _BLOCK:  # within data
        at = data.rfind(_LAST, lowest, at)
    if at < 0 or at % _BLOCK or data[at + 257 : at + 262] != b"ustar":
        raise ValueError("a tar, but not made by augtool")
    return at


def _content(data: mmap.mmap, at: int) -> bytes:
    start = at + _BLOCK
    return data[start : start + _size(data[at:start])]


def _size(header: bytes) -> int:
    return int(header[124:135], 8)
