"""Where the bytes of an HDF5 data set lie, or where they are unpacked to.

Imports h5py, so it is imported in the child process only.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from augtool.errors import SourceError
from augtool.sources import _decompress, _telling, _unpack_limits
from augtool.sources._hdf5_find import Ask, printable
from augtool.sources._mapped import Extent
from augtool.system.child import limited

CPU_SECONDS = 30
"""A step that takes longer than this is a loop that the library does not leave."""

_PIECE_BYTES = 4 << 20
SPARE_BYTES = 384 << 20


def extent_of(ask: Ask, dataset: h5py.Dataset, scratch_name: str) -> Extent:
    """Where the array lies in the file, or in the scratch file it is unpacked to."""
    if not dataset.id.get_storage_size():
        raise SourceError(
            f"{ask.where(dataset)} was made and never written; "
            "let the program that writes it finish"
        )
    if not _is_plain(dataset):
        return _unpacked(ask, dataset, ask.scratch / scratch_name)
    offset = dataset.id.get_offset()
    extent = Extent(Path(ask.spec).absolute(), offset, dataset.shape, dataset.dtype.str)
    file_bytes = Path(ask.spec).stat().st_size
    if offset + extent.nbytes > file_bytes:
        raise SourceError(
            f"{ask.where(dataset)} ends at byte {offset + extent.nbytes} and the file at byte "
            f"{file_bytes}: it is truncated; copy it again"
        )
    return extent


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether the bytes in the file are those of a NumPy array."""
    contiguous = dataset.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
    plain_type = h5py.h5t.py_create(np.dtype(dataset.dtype.str))
    return bool(contiguous and dataset.id.get_type().equal(plain_type))


def _unpacked(ask: Ask, dataset: h5py.Dataset, path: Path) -> Extent:
    """A copy of the array in native byte order, made a few chunks at a time."""
    check_chunks(ask, dataset)
    dtype = dataset.dtype.newbyteorder("=")
    extent = Extent(path, 0, dataset.shape, dtype.str)
    packed = dataset.id.get_storage_size()
    _unpack_limits.check_whole(ask.reading, ask.where(dataset), packed, extent.nbytes)
    _reserve(ask, dataset, extent)
    out = np.memmap(path, dtype, "r+", shape=dataset.shape)
    for piece in _pieces(dataset.shape, dataset.chunks, dtype.itemsize):
        with _spoken_of(ask, dataset, piece), limited(memory_for_chunks(dataset), CPU_SECONDS):
            out[piece] = dataset[piece]
    out.flush()
    return extent


@contextmanager
def _spoken_of(ask: Ask, dataset: h5py.Dataset, piece: tuple[slice, ...]) -> Iterator[None]:
    """Say where it is that the library cannot read."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        detail = printable(" ".join(str(error).split()))
        raise SourceError(
            f"{ask.where(dataset)}: from row {piece[0].start}: a chunk is damaged, or unpacks to "
            f"more than its {_chunk_bytes(dataset):,} bytes; copy the file again ({detail})"
        ) from error


def check_chunks(ask: Ask, dataset: h5py.Dataset) -> None:
    """Raise `SourceError` for chunks that would take too much memory."""
    most = _unpack_limits.of_piece(ask.reading)
    if _chunk_bytes(dataset) > most:
        raise SourceError(
            f"{ask.where(dataset)} has chunks of {_chunk_bytes(dataset):,} bytes, more than "
            f"{most:,}; {_unpack_limits.OPTION}"
        )


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    return math.prod(dataset.chunks or ()) * int(dataset.dtype.itemsize)


def memory_for_chunks(dataset: h5py.Dataset) -> int:
    """A chunk as it is stored, as it is unpacked, and in our hands, with room to spare."""
    return 4 * _chunk_bytes(dataset) + SPARE_BYTES


def _reserve(ask: Ask, dataset: h5py.Dataset, extent: Extent) -> None:
    """Make the scratch file at its full size, so that a full disk shows now."""
    _telling.tell(ask.where(dataset), extent.nbytes, ask.scratch)
    _decompress.check_room(ask.scratch, ask.where(dataset), extent.nbytes)
    with extent.path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, extent.nbytes)
        else:
            file.truncate(extent.nbytes)


def _pieces(
    shape: tuple[int, ...], chunks: tuple[int, ...] | None, itemsize: int
) -> Iterator[tuple[slice, ...]]:
    """Boxes of whole chunks that tile the array, about ``_PIECE_BYTES`` each."""
    sides = list(chunks or (1,) * len(shape))
    for axis in reversed(range(len(shape))):
        room = max(1, _PIECE_BYTES // (math.prod(sides) * itemsize))
        sides[axis] = min(shape[axis], sides[axis] * room)
    starts = (range(0, length, side) for length, side in zip(shape, sides, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(at, at + side) for at, side in zip(corner, sides, strict=True))


def gaps(ask: Ask, images: h5py.Dataset) -> tuple[str, ...]:
    """A warning when chunks were never written: an interrupted writer leaves such files."""
    if images.chunks is None:
        return ()
    chunks = math.prod(
        -(-length // side) for length, side in zip(images.shape, images.chunks, strict=True)
    )
    written = images.id.get_num_chunks()
    if written == chunks:
        return ()
    return (
        f"{ask.where(images)}: {chunks - written} of {chunks} chunks were never written; "
        "their pixels have the fill value.",
    )
