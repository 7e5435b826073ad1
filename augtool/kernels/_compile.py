"""How kernels are compiled: ahead of use, for stated types, into a cache on disk.

Kernels are compiled when their module is first imported: by the fork server, whose workers then
have them, or by the process that runs inline. The cache is the user's, not the package's, so that
an update or another installation leaves nothing behind; ``NUMBA_CACHE_DIR`` names another. Where
no cache can be written, kernels are compiled in memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

config: Any = numba.config
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(*signatures: str) -> Callable[[Kernel], Kernel]:
    """``@compiled("void(u1[:], i8)")``: njit for these signatures, cached where possible."""

    def decorate(function: Kernel) -> Kernel:
        try:
            with _cache_of_the_user():
                kernel = numba.njit(list(signatures), cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            # numba: "no locator available", or a cache folder that cannot be written.
            kernel = numba.njit(list(signatures), nogil=True)(function)
        return cast(Kernel, kernel)

    return decorate


@contextlib.contextmanager
def _cache_of_the_user() -> Iterator[None]:
    """numba asks for the folder when a function is decorated; other users of numba in this
    process keep theirs."""
    chosen = config.CACHE_DIR
    config.CACHE_DIR = chosen or str(_user_cache() / "augtool")
    try:
        yield
    finally:
        config.CACHE_DIR = chosen


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
