"""How kernels are compiled: ahead of use, for stated types, into a cache on disk.

Kernels are compiled when their module is first imported, in the parent, before workers start; the
workers find them in the cache. Where no cache can be written they are compiled in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(*signatures: str) -> Callable[[Kernel], Kernel]:
    """``@compiled("void(u1[:], i8)")``: njit for these signatures, cached where possible."""

    def decorate(function: Kernel) -> Kernel:
        try:
            kernel = numba.njit(list(signatures), cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            # numba: "no locator available", or a cache folder that cannot be written.
            kernel = numba.njit(list(signatures), nogil=True)(function)
        return cast(Kernel, kernel)

    return decorate
