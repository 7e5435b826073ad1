"""Arrays that lie as they are in a file, and whether the file is still the one that was opened."""

from __future__ import annotations

import math
import mmap
import os
import sys
import time
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

import numpy as np

from augtool.errors import InputChanged
from augtool.sources._contract import Pixels, Rows

_ADVICE = "start again when nothing writes to it"
_POPULATE_READ = 22  # madvise: MADV_POPULATE_READ of <sys/mman.h>
_AT_ONCE, _PATIENCE = 4 << 20, 0.1  # bytes, and seconds for all: in memory, 1 GB takes 0.02


@dataclass(frozen=True)
class Extent:
    """An array that lies as it is, in C order, in a file: ``dtype`` is NumPy's code with the
    byte order ("<u2")."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """How many bytes the array takes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Version:
    """What tells one state of a file from another within a run: its inode is another when a file
    has taken its place, and its ctime when it was written to, whatever its mtime says. Neither
    means anything in another run or on another host, so neither is kept for one."""

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int

    @staticmethod
    def of(path: Path) -> Version:
        """As the file at ``path`` is now. Raises `InputChanged` when it is gone."""
        try:
            return Version.by(path.stat())
        except OSError as error:
            raise InputChanged(f"{path}: can no longer be read ({error.strerror})") from error

    @staticmethod
    def by(status: os.stat_result) -> Version:
        """What the system says of a file."""
        return Version(status.st_size, status.st_mtime_ns, status.st_ino, changed_ns(status))


def changed_ns(status: os.stat_result) -> int:
    """The ctime in nanoseconds; 0 on Windows, where it is the time of creation."""
    return 0 if os.name == "nt" else status.st_ctime_ns


def check_version(path: Path, version: Version) -> None:
    """Raise `InputChanged` unless the file at ``path`` is as it was."""
    if Version.of(path) != version:
        raise _changed(path)


def _changed(path: Path) -> InputChanged:
    return InputChanged(f"{path}: the file changed after it was opened; {_ADVICE}")


@dataclass(frozen=True)
class ArrayFile:
    """A file of arrays as it was opened. What is mapped here is mapped again by the process that
    this is sent to."""

    path: Path
    version: Version

    def mapped(self, extent: Extent) -> Pixels:
        """An array that lies in the file or in the scratch folder, mapped read-only."""
        self.check_unchanged(extent)
        # A plain ndarray: every slice of a np.memmap pays for being one.
        return np.asarray(np.memmap(extent.path, extent.dtype, "r", extent.offset, extent.shape))

    def gather(self, extent: Extent, rows: Rows, out: Pixels, channels_first: bool = False) -> None:
        """Copy rows of an array to ``out`` (len(rows), …), whose axes are those of its rows, with
        the first of these as the last where the array has channels first.

        Reads, where `mapped` would do: a file that shrinks kills the process that has it mapped.
        Raises `InputChanged`.
        """
        self.check_unchanged(extent)
        row = np.empty(extent.shape[1:], extent.dtype)
        own = extent.path == self.path
        with extent.path.open("rb", buffering=0) as file:
            if own and Version.by(os.fstat(file.fileno())) != self.version:
                raise _changed(self.path)
            for place in np.argsort(rows, kind="stable"):  # disks and read-ahead like it
                file.seek(extent.offset + int(rows[place]) * row.nbytes)
                if _filled(file, row) < row.nbytes:
                    raise InputChanged(f"{self.path}: ends early; {_ADVICE}")
                out[place] = np.moveaxis(row, 0, -1) if channels_first else row
            if own and Version.by(os.fstat(file.fileno())) != self.version:
                raise _changed(self.path)  # while it was read

    def check_unchanged(self, extent: Extent | None = None) -> None:
        """Raise `InputChanged` when the file is another and ``extent`` lies in it."""
        inside = extent is None or extent.path == self.path
        if inside:
            check_version(self.path, self.version)


def fill_page_table(pixels: Pixels) -> None:
    """Have the system enter the pages of a mapped array in its table, many at a time: at the first
    use of each, that is a tenth of the time it takes to mix arrays. What is not in memory is read,
    until a tenth of a second is over. Nothing is done for other arrays, or where the system cannot.
    """
    base: object = pixels
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap) or sys.platform != "linux":
        return
    end = time.monotonic() + _PATIENCE
    for start in range(0, len(base), _AT_ONCE):
        try:
            base.madvise(_POPULATE_READ, start, min(_AT_ONCE, len(base) - start))
        except OSError:  # a system before Linux 5.14, or a file that has become shorter
            return
        if time.monotonic() > end:
            return


def usable(stored: Pixels) -> bool:
    """Whether kernels can read an array in place."""
    return stored.dtype.isnative and stored.flags.aligned


def _filled(file: RawIOBase, values: Pixels) -> int:
    """Read bytes into an array: how many, fewer only where the file ends."""
    left = values.reshape(-1).view(np.uint8).data
    while left and (read := file.readinto(left)):
        left = left[read:]
    return values.nbytes - len(left)
