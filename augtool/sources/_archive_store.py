"""Encoded images that lie one after another in a few files: archives, or a scratch file."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import BrokenInput, InputChanged
from augtool.recipe.recipe import Reading
from augtool.sources import _unpack_limits
from augtool.sources._contract import Rows
from augtool.sources._encoded import batches
from augtool.sources._files import too_large
from augtool.sources._mapped import Version, check_version
from augtool.text import shown

Int64s = npt.NDArray[np.int64]
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


TOO_LARGE, DAMAGED, ENCRYPTED, OTHER_METHOD = -1, -2, -3, -4
UNREADABLE = {
    DAMAGED: "is damaged in the archive; get the archive again",
    ENCRYPTED: "is encrypted; unpack the archive, and give the folder",
    OTHER_METHOD: "is compressed by a method that is not read; unpack the archive, and give the "
    "folder",
}
"""Why a member that is an image cannot be read, by what stands for its offset; one that is
`TOO_LARGE` says how large it is."""


@dataclass
class Found:
    """Rows while they are found: names, and where their images lie. Some 60 bytes a row besides
    the name."""

    names: bytearray = field(default_factory=bytearray)
    starts: array[int] = field(default_factory=lambda: array("q", [0]))
    files: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, name: bytes, file: int, offset: int, size: int) -> None:
        self.names += name
        self.starts.append(len(self.names))
        self.files.append(file)
        self.offsets.append(offset)
        self.sizes.append(size)

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class PackStore:
    """Rows in files, of at most ``most`` bytes each, by an index in ``scratch``. See `Store`;
    ``place`` is for messages.

    names, starts
        The names one after another, uint8; row i is ``names[starts[i]:starts[i + 1]]``.
    table
        (n, 3) int64: number of the file, offset and length in bytes; for one that cannot be read,
        the negative number of `UNREADABLE` in place of the offset.
    """

    place: str
    scratch: Path
    most: int
    stamp = ""  # its files are the input itself

    @cached_property
    def _names(self) -> npt.NDArray[np.uint8]:
        return np.asarray(np.load(_path(self.scratch, "names"), mmap_mode="r"))

    @cached_property
    def _starts(self) -> Int64s:
        return np.asarray(np.load(_path(self.scratch, "starts"), mmap_mode="r"))

    @cached_property
    def _table(self) -> Int64s:
        return np.asarray(np.load(_path(self.scratch, "table"), mmap_mode="r"))

    @cached_property
    def _files(self) -> list[tuple[str, Version]]:
        """The files, and what they were like when they were looked at."""
        said = json.loads((self.scratch / "pack-files.json").read_text())
        return [(path, Version(*numbers)) for path, *numbers in said]

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "scratch": self.scratch, "most": self.most}

    @property
    def nbytes(self) -> int:
        """What all images take."""
        return int(self._table[:, 2].sum())

    def digest(self) -> str:
        """sha256 (hex) over names and sizes."""
        digest = hashlib.sha256(self._names.data)
        for numbers in (self._starts, np.ascontiguousarray(self._table[:, 2])):
            digest.update(numbers.astype("<i8", copy=False).data)
        return digest.hexdigest()

    def name(self, row: int) -> bytes:
        return self._names[self._starts[row] : self._starts[row + 1]].tobytes()

    def names(self) -> Iterator[bytes]:
        return (self.name(row) for row in range(len(self._table)))

    def contents(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        table = self._table[rows]
        order = np.lexsort((table[:, 1], table[:, 0]))  # disks and read-ahead like it
        files = table[order, 0]
        for places in np.split(order, np.flatnonzero(np.diff(files)) + 1):
            if len(places):
                yield from self._of_file(int(table[places[0], 0]), places.tolist(), rows, table)

    def content(self, row: int, most: int | None = None) -> bytes:
        number, offset, size = self._table[row].tolist()
        self._check_readable(row, offset, size)
        if most is None:
            self._check_size(row, size)
        with _Opened(*self._files[number]) as descriptor:
            return self._read(descriptor, row, offset, size if most is None else min(size, most))

    def _of_file(
        self, number: int, places: Sequence[int], rows: Rows, table: Int64s
    ) -> Iterator[tuple[int, bytes]]:
        wanted = ((int(table[place, 2]), (place, int(table[place, 1]))) for place in places)
        sizes = table[:, 2].tolist()
        with _Opened(*self._files[number]) as descriptor:
            for batch in batches(wanted):
                for place, offset in batch:
                    self._check_readable(int(rows[place]), offset, sizes[place])
                    self._check_size(int(rows[place]), sizes[place])
                yield from [
                    (place, self._read(descriptor, int(rows[place]), offset, sizes[place]))
                    for place, offset in batch
                ]

    def _check_readable(self, row: int, offset: int, size: int) -> None:
        if offset < 0:
            reason = UNREADABLE.get(offset) or too_large(size, self.most)
            raise BrokenInput(row, shown(self.name(row)), reason)

    def _check_size(self, row: int, size: int) -> None:
        if size > self.most:
            raise BrokenInput(row, shown(self.name(row)), too_large(size, self.most))

    def _read(self, descriptor: int, row: int, offset: int, size: int) -> bytes:
        try:
            data = _pread(descriptor, size, offset)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            raise BrokenInput(row, shown(self.name(row)), str(error.strerror)) from error
        if len(data) < size:
            raise BrokenInput(row, shown(self.name(row)), "the file ends inside it")
        return data


@dataclass
class _Opened:
    """A descriptor of a file that must be the one that was looked at."""

    path: str
    version: Version
    _descriptor: int = -1

    def __enter__(self) -> int:
        try:
            self._descriptor = os.open(self.path, _FLAGS)
            status = os.fstat(self._descriptor)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            raise InputChanged(
                f"{shown(os.fsencode(self.path))}: can no longer be read ({error.strerror})"
            ) from error
        if Version.by(status) != self.version:
            os.close(self._descriptor)
            raise self._changed()
        return self._descriptor

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        now = Version.by(os.fstat(self._descriptor))
        os.close(self._descriptor)
        if now != self.version and (kind is None or issubclass(kind, BrokenInput)):
            raise self._changed()  # while it was read

    def _changed(self) -> InputChanged:
        return InputChanged(
            f"{shown(os.fsencode(self.path))}: the file changed after it was opened; "
            "start again when nothing writes to it"
        )


def stored(
    found: Found,
    files: Sequence[tuple[Path, Version]],
    place: str,
    reading: Reading,
    scratch: Path,
) -> PackStore:
    """The index of what was found, written to ``scratch``; ``files`` as they were when that was
    begun. Raises `InputChanged` when one is no longer."""
    table = np.stack([np.array(one, np.int64) for one in (found.files, found.offsets, found.sizes)])
    np.save(_path(scratch, "names"), np.frombuffer(found.names, np.uint8))
    np.save(_path(scratch, "starts"), np.array(found.starts, np.int64))
    np.save(_path(scratch, "table"), table.T.copy())
    for path, version in files:
        check_version(path, version)
    said = [(str(path), *dataclasses.astuple(version)) for path, version in files]
    (scratch / "pack-files.json").write_text(json.dumps(said))
    return PackStore(place, scratch, _unpack_limits.of_piece(reading))


def _path(scratch: Path, column: str) -> Path:
    return scratch / f"pack-{column}.npy"


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    """Up to ``size`` bytes: all of them unless the file ends."""
    if not hasattr(os, "pread"):  # Windows; the descriptor is this reader's own
        os.lseek(descriptor, offset, os.SEEK_SET)
        return b"".join(iter(lambda: os.read(descriptor, size), b""))[:size]
    data = os.pread(descriptor, size, offset)
    while len(data) < size:
        more = os.pread(descriptor, size - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
