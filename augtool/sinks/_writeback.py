"""Having the system write to the disk while a run goes on, so that little is left for its end."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITE = 2  # SYNC_FILE_RANGE_WRITE: begin, and wait for nothing


def begin(path: Path) -> None:
    """Begin to write out what a file has in memory only. Nothing is promised: `fsync` does that,
    and tells of errors."""
    call = _sync_file_range()
    if call is not None:
        handle = os.open(path, os.O_RDONLY)
        try:
            call(handle, 0, 0, _WRITE)
        finally:
            os.close(handle)


@functools.cache
def _sync_file_range() -> Callable[..., Any] | None:
    if sys.platform != "linux":
        return None
    import ctypes

    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return call
