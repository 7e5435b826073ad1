"""One HDF5 file that many processes fill at once.

Contiguous: the file is laid out with its space allocated, then closed; workers write their rows
with ``pwrite`` at each data set's offset. Compressed: ``images`` and ``labels`` are chunked,
workers deflate whole chunks and the parent appends them in plan order.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import OutputError, UsageError
from augtool.schema import RECORD, Field
from augtool.sinks import _writeback
from augtool.sinks._contract import Encoded

SUFFIXES = (".h5", ".hdf5", ".hdf")
_CHUNK_BYTES = 256 << 10
_NO_RECORD = np.bytes_("0" * 64)


def chunk_rows(fields: tuple[Field, ...], rows: int, compression: str | None) -> int | None:
    """Rows of a chunk of ``images`` and ``labels``: a power of two, about 256 KiB of pixels, small
    enough for random reads; None without compression."""
    if compression is None:
        return None
    _gzip_level(compression)
    fitting = _CHUNK_BYTES // fields[0].row_bytes
    return min(1 << max(fitting.bit_length() - 1, 0), rows)


def lay_out(
    path: Path,
    fields: tuple[Field, ...],
    rows: int,
    attributes: Mapping[str, str | int],
    compression: str | None,
) -> Hdf5Sink:
    """A file at ``path`` with every data set and attribute in place, and its space reserved.

    ``compression`` is ``gzip`` or ``gzip:LEVEL`` (0…9, default 4), or None. Raises `OutputError`
    when the space is not there, `UsageError` for another compression.
    """
    import h5py

    level = None if compression is None else _gzip_level(compression)
    chunked = [one for one in fields if level is not None and _is_compressed(one)]
    needed = sum(one.row_bytes for one in fields if one not in chunked) * rows
    _check_space(path, needed)
    in_chunk = chunk_rows(fields, rows, compression)
    try:
        with h5py.File(path, "w") as file:
            for one in fields:
                _create(file, one, rows, in_chunk or 0, level if one in chunked else None)
            for name, value in attributes.items():
                file.attrs[name] = value
            offsets = {
                one.name: file[one.name].id.get_offset() for one in fields if one not in chunked
            }
        _reserve(path)
        append_to = h5py.File(path, "r+") if chunked else None
    except OSError as error:
        raise _refused(path, error) from error
    writer = Hdf5Writer(
        path,
        rows,
        offsets=offsets,
        row_bytes={one.name: one.row_bytes for one in fields},
        chunk_rows=in_chunk or 0,
        level=level or 0,
    )
    return Hdf5Sink(path, writer, in_chunk, append_to)


@dataclass
class Hdf5Sink:
    """The file under construction."""

    path: Path
    writer: Hdf5Writer
    chunk_rows: int | None
    file: Any = None

    def append(self, pieces: Sequence[Encoded]) -> None:
        """Append deflated chunks, in plan order; what workers wrote themselves goes to the disk."""
        try:
            if self.file is None:
                _writeback.begin(self.path)
            for piece in pieces:
                data_set = self.file[piece.field]
                at = (piece.row, *(0,) * (data_set.ndim - 1))
                data_set.id.write_direct_chunk(at, piece.data)
        except OSError as error:
            raise _refused(self.path, error) from error

    def finish(self, digests: Mapping[str, str]) -> None:
        """Replace the placeholders of the records."""
        import h5py

        try:
            self.close()
            with h5py.File(self.path, "r+") as file:
                for name, digest in digests.items():
                    file[name].attrs.modify(RECORD, np.bytes_(digest))
        except OSError as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Close the file, if it was held open."""
        if self.file is not None:
            self.file.close()
            self.file = None


@dataclass
class Hdf5Writer:
    """Writes rows at byte offsets, or deflates them into chunks.

    ``offsets`` has the contiguous fields; every other field is chunked, and its rows must come in
    order, from the beginning of a chunk.
    """

    path: Path
    rows: int
    offsets: Mapping[str, int]
    row_bytes: Mapping[str, int]
    chunk_rows: int
    level: int
    _handle: int = -1
    _open: dict[str, _Chunk] = field(default_factory=dict)
    _done: list[Encoded] = field(default_factory=list)

    def __enter__(self) -> Hdf5Writer:
        self._handle = os.open(self.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._handle)

    def write(self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        """Write ``values`` at output rows ``rows``; each run of adjacent rows is one write."""
        offset = self.offsets.get(field)
        if offset is None:
            self._encode(field, rows, values)
            return
        if rows.min() < 0 or rows.max() >= self.rows:  # beyond lies another field
            raise IndexError(f"rows {rows.min()}…{rows.max()} of {self.rows}")
        data = _bytes_of(values)
        step = self.row_bytes[field]
        edges = np.flatnonzero(np.diff(rows) != 1) + 1
        starts = [0, *edges.tolist(), len(rows)]
        try:
            for start, stop in itertools.pairwise(starts):
                _write_all(
                    self._handle, data[start * step : stop * step], offset + int(rows[start]) * step
                )
        except OSError as error:
            raise _refused(self.path, error) from error

    def encoded(self) -> Sequence[Encoded]:
        """The deflated chunks since the last call, by row, so that their order in the file does not
        depend on tasks; one that is not full is padded with zeros, as HDF5 does at the end."""
        for name, chunk in self._open.items():
            if chunk.filled:
                self._finish(name, chunk)
        done = sorted(self._done, key=lambda piece: (piece.row, piece.field))
        self._done, self._open = [], {}
        return done

    def _encode(self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        step, data, at = self.row_bytes[field], _bytes_of(values), 0
        while at < len(rows):
            chunk = self._open.get(field)
            if chunk is None:
                chunk = self._open[field] = _Chunk(int(rows[at]), bytearray(self.chunk_rows * step))
            take = min(self.chunk_rows - chunk.filled, len(rows) - at)
            chunk.data[chunk.filled * step : (chunk.filled + take) * step] = data[
                at * step : (at + take) * step
            ]
            chunk.filled += take
            at += take
            if chunk.filled == self.chunk_rows:
                self._finish(field, chunk)
                del self._open[field]

    def _finish(self, name: str, chunk: _Chunk) -> None:
        self._done.append(Encoded(name, chunk.row, zlib.compress(chunk.data, self.level)))


@dataclass
class _Chunk:
    """A chunk being filled: the output row it begins at, its bytes, its rows so far."""

    row: int
    data: bytearray
    filled: int = 0


def _create(file: Any, one: Field, rows: int, chunk_rows: int, level: int | None) -> None:
    import h5py

    if level is not None:
        data_set = file.create_dataset(
            one.name,
            (rows, *one.shape),
            one.dtype,
            chunks=(chunk_rows, *one.shape),
            compression="gzip",
            compression_opts=level,
        )
    else:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.CONTIGUOUS)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        data_set = file.create_dataset(
            one.name, (rows, *one.shape), one.dtype, dcpl=properties, fill_time="never"
        )
    data_set.attrs[RECORD] = _NO_RECORD


def _is_compressed(one: Field) -> bool:
    """Images and labels shrink; the plan's small columns stay contiguous."""
    return one.name == "images" or one.name.startswith("labels")


def _gzip_level(compression: str) -> int:
    match = re.fullmatch(r"gzip(?::([0-9]))?", compression)
    if match is None:
        raise UsageError(f"compression {compression!r}: use gzip or gzip:LEVEL, LEVEL in 0…9")
    return int(match[1] or 4)


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise _no_room(path, needed, free)


def _reserve(path: Path) -> None:
    """Have the file system set the bytes aside, where it can, so that no write runs out later."""
    if not hasattr(os, "posix_fallocate"):
        return
    handle = os.open(path, os.O_RDWR)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)


def _no_room(path: Path, needed: int, free: int) -> OutputError:
    return OutputError(
        f"{path.parent.parent.resolve()}: the output needs {needed:,} bytes and {free:,} are free; "
        "free some space or choose another --out"
    )


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path.parent.parent.resolve()}: writing the output failed ({error.strerror or error}); "
        "free some space or choose another --out"
    )


def _write_all(handle: int, data: memoryview, offset: int) -> None:
    while data:
        if hasattr(os, "pwrite"):
            written = os.pwrite(handle, data, offset)
        else:
            os.lseek(handle, offset, os.SEEK_SET)
            written = os.write(handle, data)
        data, offset = data[written:], offset + written


def _bytes_of(values: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
