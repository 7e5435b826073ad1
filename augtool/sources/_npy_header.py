"""What a .npy file says of itself. Pickled objects are never loaded, and a lie is found before
memory is taken for it."""

from __future__ import annotations

import errno
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

_MOST_HEADER = 10_000  # bytes, NumPy's own bound


@dataclass(frozen=True)
class NpyHeader:
    """The array that follows; ``by_columns`` in Fortran's order."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of the array itself."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> NpyHeader:
    """The header at which ``file`` stands; afterwards it stands at the array.

    Raises ValueError for anything but a header of a plain array.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read(file, max_header_size=_MOST_HEADER)
        lengths = tuple(map(int, shape))
    except (OSError, EOFError):
        raise
    except ValueError as error:
        long = "max_header_size" in str(error)  # NumPy's advice is to trust the file
        said = "its header is too long" if long else " ".join(str(error).split())
        raise ValueError(said) from error
    except Exception as error:  # the header is Python's syntax, and all that can be wrong with it
        raise ValueError(f"its header is damaged: {type(error).__name__}") from error
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    if any(length < 0 for length in lengths):
        raise ValueError(f"it cannot have the shape {lengths}")
    return NpyHeader(lengths, bool(by_columns), dtype)


def array_in(data: bytes) -> npt.NDArray[Any]:
    """The array of a whole .npy file. Raises ValueError, also for one that is cut short."""
    stream = io.BytesIO(data)
    header = read_header(stream)
    at = stream.tell()
    if header.nbytes > len(data) - at:
        raise ValueError(f"{header.shape} should take {header.nbytes:,} bytes; it was cut short")
    return np.ndarray(header.shape, header.dtype, data, at, order=_order(header))


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array of a .npy file, mapped read-only. Raises OSError and ValueError."""
    if not path.is_file():  # to open a pipe blocks
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as file:
        header, at = read_header(file), file.tell()
    if header.nbytes > path.stat().st_size - at:
        raise ValueError(f"{header.shape} should take {header.nbytes:,} bytes; it was cut short")
    if not header.nbytes:
        return np.empty(header.shape, header.dtype)
    # A plain ndarray: every slice of a np.memmap pays for being one.
    return np.asarray(np.memmap(path, header.dtype, "r", at, header.shape, _order(header)))


def _order(header: NpyHeader) -> Literal["C", "F"]:
    return "F" if header.by_columns else "C"
