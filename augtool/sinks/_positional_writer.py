"""Rows that workers write at known places of files: any task, anywhere, at any time."""

from __future__ import annotations

import bisect
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import OutputError
from augtool.sinks._contract import Buffer, Encoded

_OPEN_FILES = 32
_BOTH_WAYS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class Place:
    """Where the rows start … stop−1 of a field lie: one after the other from a byte of a file."""

    start: int
    stop: int
    path: Path
    offset: int
    row_bytes: int


@dataclass
class PlacedWriter:
    """Writes rows at their places; ``places`` has those of each field, by row."""

    places: Mapping[str, tuple[Place, ...]]
    _handles: dict[Path, int] = field(default_factory=dict)

    def __enter__(self) -> PlacedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._handles:
            os.close(self._handles.popitem()[1])

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Write ``values`` at output rows ``rows``; each run of adjacent rows is one write."""
        data = bytes_of(values)
        edges = np.flatnonzero(np.diff(rows) != 1) + 1
        starts = [0, *edges.tolist(), len(rows)]
        for start, stop in itertools.pairwise(starts):
            self._write_run(self.places[field], int(rows[start]), data, start, stop)
        return (data,)

    def encoded(self) -> Sequence[Encoded]:
        """Nothing: all is written."""
        return ()

    def written(
        self, field: str, rows: npt.NDArray[np.int64], _pieces: Sequence[Encoded]
    ) -> Sequence[Buffer]:
        """See `Writer`."""
        edges = np.flatnonzero(np.diff(rows) != 1) + 1
        starts = [0, *edges.tolist(), len(rows)]
        return [
            data
            for start, stop in itertools.pairwise(starts)
            for data in self._read_run(self.places[field], int(rows[start]), stop - start)
        ]

    def _read_run(self, places: tuple[Place, ...], row: int, count: int) -> Iterator[bytes]:
        """The bytes of adjacent rows."""
        while count > 0:
            place = places[bisect.bisect_right(places, row, key=_first_row) - 1]
            some = min(count, place.stop - row)
            length = some * place.row_bytes
            data = read_all(self._handle(place.path), length, _offset_of(place, row))
            if len(data) < length:
                raise ValueError(f"{place.path.name} is cut")
            yield data
            row, count = row + some, count - some

    def _write_run(
        self, places: tuple[Place, ...], row: int, data: memoryview, start: int, stop: int
    ) -> None:
        """Write values start … stop−1 from the output row ``row`` on."""
        while start < stop:
            place = places[bisect.bisect_right(places, row, key=_first_row) - 1]
            count = min(stop - start, place.stop - row)
            if row < place.start or count <= 0:  # beyond lies another field
                raise IndexError(f"row {row} of {places[-1].stop}")
            step = place.row_bytes
            part = data[start * step : (start + count) * step]
            try:
                write_all(self._handle(place.path), part, _offset_of(place, row))
            except OSError as error:
                raise refused(place.path, error) from error
            row, start = row + count, start + count

    def _handle(self, path: Path) -> int:
        if path not in self._handles:
            if len(self._handles) >= _OPEN_FILES:
                os.close(self._handles.pop(next(iter(self._handles))))
            self._handles[path] = os.open(path, _BOTH_WAYS)
        return self._handles[path]


def _first_row(place: Place) -> int:
    return place.start


def _offset_of(place: Place, row: int) -> int:
    return place.offset + (row - place.start) * place.row_bytes


def check_space(path: Path, needed: int) -> None:
    """Raise `OutputError` when the bytes ``needed`` are not free beside ``path``."""
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OutputError(
            f"{output_folder(path)}: the output needs {needed:,} bytes and {free:,} are free; "
            "free some space or choose another --out"
        )


def reserve(path: Path) -> None:
    """Have the file system set a file's bytes aside, where it can, so that no write runs out
    later."""
    if not hasattr(os, "posix_fallocate"):
        return
    handle = os.open(path, os.O_RDWR)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)


def refused(path: Path, error: OSError) -> OutputError:
    """What to say when the system refuses to write a file of the output; HDF5 has words and numbers
    of its own around the system's."""
    reason = os.strerror(error.errno) if error.errno else error
    return OutputError(
        f"{output_folder(path)}: writing the output failed ({reason}); "
        "free some space or choose another --out"
    )


def output_folder(path: Path) -> Path:
    """The folder that holds the output of which ``path``, in the books, is a part; or stdout."""
    if str(path) == "-":
        return Path("stdout")
    path = Path(os.path.realpath(path))  # the books are reached by a descriptor
    books = next((one for one in path.parents if one.name.endswith(".augtool")), path.parent)
    return books.parent.resolve()


def write_all(handle: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at a byte of an open file."""
    while data:
        if hasattr(os, "pwrite"):
            written = os.pwrite(handle, data, offset)
        else:
            os.lseek(handle, offset, os.SEEK_SET)
            written = os.write(handle, data)
        data, offset = data[written:], offset + written


def read_all(handle: int, length: int, offset: int) -> bytes:
    """Up to ``length`` bytes from a byte of an open file on; fewer where it ends."""
    parts: list[bytes] = []
    while length:
        if hasattr(os, "pread"):
            part = os.pread(handle, length, offset)
        else:
            os.lseek(handle, offset, os.SEEK_SET)
            part = os.read(handle, length)
        if not part:
            break
        parts.append(part)
        length, offset = length - len(part), offset + len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def bytes_of(values: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array in C order."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
