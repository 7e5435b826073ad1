"""Having what was written on the disk, where a loss of power leaves it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_MANY = 64  # files; each takes the disk about as long as the whole file system


def flush(path: Path) -> None:
    """fsync a file or a folder."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(path: Path) -> None:
    """fsync a file, or a folder with all that is in it: one by one, or, when there are many files
    and the system can, all at once with what else its file system has to write."""
    if next(itertools.islice(_files_of(path), _MANY, None), None) is not None:
        call = _syncfs()
        if call is not None and _flushed_whole(path, call):
            return
    for one in _files_of(path):
        flush(one)


def _files_of(path: Path) -> Iterator[Path]:
    """A file; or all that is in a folder, and the folder."""
    if path.is_dir():
        yield from path.rglob("*")
    yield path


def _flushed_whole(path: Path, call: Callable[[int], int]) -> bool:
    """Have the file system of ``path`` written out; False when it cannot be asked to. Raises
    OSError when it fails (Linux before 5.8 does not tell)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if call(handle) == 0:
            return True
        number = ctypes.get_errno()
    finally:
        os.close(handle)
    if number in (errno.ENOSYS, errno.EPERM, errno.EINVAL):
        return False
    raise OSError(number, os.strerror(number))


@functools.cache
def _syncfs() -> Callable[[int], int] | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            call = ctypes.CDLL(None, use_errno=True).syncfs
            call.argtypes, call.restype = (ctypes.c_int,), ctypes.c_int
            return call
    return None
