"""Small files that are read whole: regular ones only, since to open a pipe blocks for ever."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MOST = 256 << 20


def check(file: Path) -> None:
    """Raise OSError unless ``file``, or what it links to, is a regular file."""
    status = file.stat()
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not file.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(file))
    if status.st_size > _MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(file))


def content_of(file: Path) -> bytes:
    """All bytes of a regular file. Raises OSError."""
    check(file)
    return file.read_bytes()


def text_of(file: Path) -> str:
    """The UTF-8 text of a regular file. Raises OSError, and UnicodeDecodeError."""
    check(file)
    return file.read_text(encoding="utf-8-sig")
