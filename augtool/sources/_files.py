"""The content of a listed file, if it still is what was listed."""

from __future__ import annotations

import errno
import os

from augtool.errors import BrokenInput, InputChanged
from augtool.sources import _unpack_limits
from augtool.sources._listing import INT64, UNKNOWN
from augtool.sources._mapped import changed_ns
from augtool.text import shown

ListedFile = tuple[bytes, int, int, int, int]
"""Relative name, bytes, modification time in nanoseconds, inode, and change time in nanoseconds;
the last two `UNKNOWN` where a listing was kept by another run."""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
# A file that has become a pipe since it was listed must not block; Windows needs O_BINARY.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = _FLAGS | getattr(os, "O_NOFOLLOW", 0)


def content_of(
    root: bytes,
    row: int,
    file: ListedFile,
    most: int,
    first: int | None = None,
    within: int | None = None,
    follow: bool = False,
) -> bytes:
    """The bytes of a file under ``root``, of which there are at most ``most``, or the ``first`` so
    many of them, whatever its size.

    ``within`` is a descriptor of ``root``, if there is one: a third of what opening a small file
    takes is the way to its folder. Unless links are followed, one that has taken the place of the
    file is not.

    Raises `InputChanged` when its size or time is another, and `BrokenInput`, with ``row``, when it
    is too large or cannot be read.
    """
    name, size, *_ = file
    if first is None and size > most:
        raise BrokenInput(int(row), shown(name), too_large(size, most))
    try:
        path = root + b"/" + name if within is None else name
        descriptor = os.open(path, _FLAGS if follow else _NO_LINK, dir_fd=within)
        try:
            if not _is(file, os.fstat(descriptor)):
                raise _changed(name, "has changed since it was listed")
            data = _read(descriptor, size if first is None else min(size, first))
            if not _is(file, os.fstat(descriptor)):
                raise _changed(name, "has changed while it was read")
            return data
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise
        if error.errno in _GONE:
            raise _changed(name, "is gone since it was listed") from error
        raise BrokenInput(int(row), shown(name), str(error.strerror)) from error


def _is(file: ListedFile, status: os.stat_result) -> bool:
    """Whether a file is the one that was listed, as it was."""
    _, size, time, inode, changed = file
    return (
        status.st_size == size
        and status.st_mtime_ns == time
        and (inode == UNKNOWN or (status.st_ino & INT64 == inode and changed_ns(status) == changed))
    )


def too_large(size: int, most: int) -> str:
    """Why an image is not read: a file may be long and take no room on the disk."""
    return f"{size:,} bytes are more than {most:,}; {_unpack_limits.OPTION}"


def _changed(name: bytes, how: str) -> InputChanged:
    return InputChanged(f"{shown(name)}: {how}; start over with the input left alone")


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size:  # a network file system, or more than 2 GB
        more = os.read(descriptor, size - len(data))
        if not more:
            break
        data += more
    return data
