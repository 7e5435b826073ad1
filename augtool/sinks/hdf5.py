"""One HDF5 file, or shards of one, that many processes fill at once.

Contiguous: the file is laid out with its space allocated, then closed; workers write their rows
with ``pwrite`` at each data set's offset. Compressed: ``images`` and ``labels`` are chunked,
workers deflate whole chunks and the parent appends them in plan order.
"""

from __future__ import annotations

import bisect
import dataclasses
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.fields import RECORD, Field
from augtool.sinks import _writeback
from augtool.sinks._contract import Buffer, Digests, Encoded, Order, Position, Writer
from augtool.sinks._hdf5_reader import read
from augtool.sinks._positional_writer import (
    Place,
    PlacedWriter,
    bytes_of,
    check_space,
    refused,
    reserve,
)

__all__ = ["FOLDER", "OPTIONS", "SUFFIXES", "chunk_rows", "lay_out", "read"]

SUFFIXES = (".h5", ".hdf5", ".hdf")
FOLDER = True
OPTIONS = frozenset({"shards", "compression", "sparse", "nchw", "order"})
_CHUNK_BYTES = 256 << 10
_COPY_BYTES = 1 << 20
_NO_RECORD = np.bytes_("0" * 64)


def chunk_rows(order: Order) -> int | None:
    """Rows of a chunk of ``images`` and ``labels``: a power of two, about 256 KiB of pixels, small
    enough for random reads; None without compression."""
    if order.compression is None:
        return None
    _gzip_level(order.compression)
    fitting = _CHUNK_BYTES // order.fields[0].row_bytes
    rows = min(stop - start for start, stop in order.shards)
    return min(1 << max(fitting.bit_length() - 1, 0), rows)


def lay_out(order: Order, since: Position | None = None) -> Hdf5Sink:
    """The file, or the shards, with every data set and attribute in place and all space reserved.
    Rows that were written in place stay, in chunked files those of all that are whole.

    ``compression`` is ``gzip`` or ``gzip:LEVEL`` (0…9, default 4), or None. Raises `OutputError`
    when the space is not there, `UsageError` for another compression.
    """
    level = None if order.compression is None else _gzip_level(order.compression)
    chunked = [one for one in order.fields if level is not None and _is_compressed(one)]
    placed = [one for one in order.fields if one not in chunked]
    in_chunk = chunk_rows(order) or 0
    places: dict[str, list[Place]] = {one.name: [] for one in placed}
    files = _files(order)
    if since is None:
        check_space(order.path, sum(one.row_bytes for one in placed) * order.rows)
    for number, file in enumerate(files):
        fresh = file if since is None else file.beside()
        offsets = _lay_out_file(order, fresh, in_chunk, level, chunked)
        extents = [(offsets[one.name], (file.stop - file.start) * one.row_bytes) for one in placed]
        if since is not None and chunked:
            _begin_again(file.path, fresh.path, extents, whole=number < since.file)
        elif since is not None:
            _restore(file.path, fresh.path, extents)
        _reserve(file.path)
        for one in placed:
            place = Place(file.start, file.stop, file.path, offsets[one.name], one.row_bytes)
            places[one.name].append(place)
    placed_writer = PlacedWriter({name: tuple(each) for name, each in places.items()})
    row_bytes = {one.name: one.row_bytes for one in chunked}
    writer = (
        Hdf5Writer(placed_writer, row_bytes, in_chunk, level or 0) if chunked else placed_writer
    )
    whole = since.file if since is not None and chunked else 0
    return Hdf5Sink(files, writer, bool(chunked), whole)


@dataclass(frozen=True)
class _File:
    """A file of the output, with the rows start … stop−1."""

    path: Path
    start: int
    stop: int

    def beside(self) -> _File:
        """Another of the same rows, for a moment."""
        return dataclasses.replace(self, path=self.path.with_name(f"{self.path.name}-fresh"))


def _files(order: Order) -> tuple[_File, ...]:
    if not order.path.is_dir():
        return (_File(order.path, 0, order.rows),)
    count = len(order.shards)
    return tuple(
        _File(order.path / f"train-{number:05}-of-{count:05}.h5", start, stop)
        for number, (start, stop) in enumerate(order.shards)
    )


def _lay_out_file(
    order: Order, part: _File, in_chunk: int, level: int | None, chunked: Sequence[Field]
) -> dict[str, int]:
    """Make one file; returns the byte at which each field that is not chunked begins."""
    import h5py

    try:
        with h5py.File(part.path, "w") as file:
            for one in order.fields:
                _create(
                    file, one, part.stop - part.start, in_chunk, level if one in chunked else None
                )
            for name, value in sorted(order.attributes.items()):
                file.attrs[name] = value
            offsets = {
                one.name: file[one.name].id.get_offset()
                for one in order.fields
                if one not in chunked
            }
    except OSError as error:
        raise refused(part.path, error) from error
    return offsets


def _restore(path: Path, fresh: Path, extents: Sequence[tuple[int, int]]) -> None:
    """Give a contiguous file the metadata that it was laid out with: a run that was killed may have
    been changing them."""
    try:
        size = fresh.stat().st_size
        os.truncate(path, size)
        starts = [0, *sorted(start + length for start, length in extents)]
        stops = [*sorted(start for start, _ in extents), size]
        gaps = zip(starts, stops, strict=True)
        _copy(fresh, path, [(start, stop - start) for start, stop in gaps])
        fresh.unlink()
    except OSError as error:
        raise refused(path, error) from error


def _begin_again(
    path: Path, fresh: Path, extents: Sequence[tuple[int, int]], *, whole: bool
) -> None:
    """Let a file that is not whole begin without chunks, with the rows that have a place."""
    try:
        if whole:
            fresh.unlink()
        else:
            _copy(path, fresh, extents)
            fresh.replace(path)
    except OSError as error:
        raise refused(path, error) from error


def _copy(source: Path, target: Path, extents: Sequence[tuple[int, int]]) -> None:
    """Copy some bytes of a file, each run from a byte on, to the same places of another."""
    with source.open("rb") as read, target.open("r+b") as write:
        for start, length in extents:
            read.seek(start)
            write.seek(start)
            left = length
            while left > 0 and (data := read.read(min(left, _COPY_BYTES))):
                write.write(data)
                left -= len(data)


def _reserve(path: Path) -> None:
    try:
        reserve(path)
    except OSError as error:
        raise refused(path, error) from error


@dataclass
class Hdf5Sink:
    """The files under construction."""

    files: tuple[_File, ...]
    writer: Writer
    replays: bool
    whole: int = 0  # of the files, from the first on, these have their records
    _open: Any = None
    _number: int = -1  # of the file that is open
    _found: dict[str, tuple[Any, int]] = field(default_factory=dict)  # in it

    def append(self, pieces: Sequence[Encoded], digests: Digests) -> None:
        """Append deflated chunks, in plan order; what workers wrote themselves goes to the disk."""
        if not pieces and len(self.files) == 1:
            _writeback.begin(self.files[0].path)
        for piece in pieces:
            part = self._file_of(piece.row, digests)
            try:
                data_set, rank = self._data_set(piece.field)
                at = (piece.row - part.start, *(0,) * (rank - 1))
                data_set.write_direct_chunk(at, piece.data)
            except OSError as error:
                raise refused(part.path, error) from error

    def position(self) -> Position:
        """The file that is open; none of its chunks count, since its index is in memory."""
        return Position(max(self._number, 0))

    def file(self, number: int) -> Path | None:
        """See `Sink`."""
        return self.files[number].path

    def _data_set(self, name: str) -> tuple[Any, int]:
        """A data set of the file that is open, and its rank: to look it up takes as long as to
        write a chunk."""
        if name not in self._found:
            data_set = self._open[name]
            self._found[name] = data_set.id, data_set.ndim
        return self._found[name]

    def _file_of(self, row: int, digests: Digests) -> _File:
        """The file that a row is in, which is held open; those before it are whole."""
        import h5py

        number = bisect.bisect_right(self.files, row, key=lambda part: part.start) - 1
        if number != self._number:
            self._complete(number, digests)
            try:
                self._open, self._number = h5py.File(self.files[number].path, "r+"), number
            except OSError as error:
                raise refused(self.files[number].path, error) from error
        return self.files[number]

    def finish(self, digests: Digests) -> None:
        """Replace the placeholders of the records."""
        self._complete(len(self.files), digests)

    def _complete(self, stop: int, digests: Digests) -> None:
        """Put the records into the files up to the number ``stop``."""
        import h5py

        self.close()
        for part in self.files[self.whole : stop]:
            try:
                with h5py.File(part.path, "r+") as file:
                    for name, digest in digests(part.start, part.stop).items():
                        file[name].attrs.modify(RECORD, np.bytes_(digest))
            except OSError as error:
                raise refused(part.path, error) from error
        self.whole = stop

    def close(self) -> None:
        """Close the file that is held open, if any."""
        self._found.clear()
        if self._open is not None:
            file, self._open, self._number = self._open, None, -1
            try:
                file.close()
            except OSError as error:
                raise refused(self.files[0].path, error) from error


@dataclass
class Hdf5Writer:
    """Deflates rows into chunks, which must come in order from the beginning of one; what has a
    place is written there.

    ``row_bytes`` has the fields that are chunked.
    """

    placed: PlacedWriter
    row_bytes: Mapping[str, int]
    chunk_rows: int
    level: int
    _open: dict[str, _Chunk] = field(default_factory=dict)
    _done: list[Encoded] = field(default_factory=list)

    def __enter__(self) -> Hdf5Writer:
        self.placed.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.placed.__exit__(kind, error, traceback)

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Write or deflate ``values`` of output rows ``rows``."""
        if field not in self.row_bytes:
            return self.placed.write(field, rows, values)
        data = bytes_of(values)
        self._encode(field, rows, data)
        return (data,)

    def encoded(self) -> Sequence[Encoded]:
        """The deflated chunks since the last call, by row, so that their order in the file does not
        depend on tasks; one that is not full is padded with zeros, as HDF5 does at the end."""
        for name in list(self._open):
            self._finish(name)
        done = sorted(self._done, key=lambda piece: (piece.row, piece.field))
        self._done = []
        return done

    def written(
        self, field: str, rows: npt.NDArray[np.int64], pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """See `Writer`: what is chunked lies in the pieces."""
        return None if field in self.row_bytes else self.placed.written(field, rows, pieces)

    def _encode(self, field: str, rows: npt.NDArray[np.int64], data: memoryview) -> None:
        step, at = self.row_bytes[field], 0
        while at < len(rows):
            row = int(rows[at])
            if field in self._open and self._open[field].end != row:  # a shard ended in between
                self._finish(field)
            if field not in self._open:
                self._open[field] = _Chunk(row, bytearray(self.chunk_rows * step))
            chunk = self._open[field]
            take = min(self.chunk_rows - chunk.filled, len(rows) - at)
            chunk.data[chunk.filled * step : (chunk.filled + take) * step] = data[
                at * step : (at + take) * step
            ]
            chunk.filled += take
            at += take
            if chunk.filled == self.chunk_rows:
                self._finish(field)

    def _finish(self, name: str) -> None:
        chunk = self._open.pop(name)
        self._done.append(Encoded(name, chunk.row, zlib.compress(chunk.data, self.level)))


@dataclass
class _Chunk:
    """A chunk being filled: the output row it begins at, its bytes, its rows so far."""

    row: int
    data: bytearray
    filled: int = 0

    @property
    def end(self) -> int:
        """The output row after its last."""
        return self.row + self.filled


def _create(file: Any, one: Field, rows: int, chunk_rows: int, level: int | None) -> None:
    import h5py

    dtype: Any = np.dtype(one.dtype)
    if dtype.kind == "S":
        dtype = h5py.string_dtype("utf-8", dtype.itemsize)
    if level is not None:
        data_set = file.create_dataset(
            one.name,
            (rows, *one.shape),
            dtype,
            chunks=(chunk_rows, *one.shape),
            compression="gzip",
            compression_opts=level,
        )
    else:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.CONTIGUOUS)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        data_set = file.create_dataset(
            one.name, (rows, *one.shape), dtype, dcpl=properties, fill_time="never"
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
