"""How kernels are compiled: ahead of use, for stated types, into a cache on disk.

Kernels are compiled when their module is first imported: by the fork server, whose workers then
have them, or by the process that runs inline. The cache is the user's, not the package's, so that
an update or another installation leaves nothing behind; ``NUMBA_CACHE_DIR`` names another. Where
no cache can be written, kernels are compiled in memory.

To import numba and have it load a kernel takes half a second of each command. What is cached as
plain object code (`_native`) needs no numba, so no module of this folder imports it, and what it
must know of the functions that kernels call is told when it is there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from augtool.kernels import _native

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_to_tell: list[Callable[[Any], object]] = []  # each is called with the module numba.extending


def compiled(*signatures: str) -> Callable[[Kernel], Kernel]:
    """``@compiled("void(u1[:], i8)")``: njit for these signatures, cached where possible."""

    def decorate(function: Kernel) -> Kernel:
        @functools.cache
        def by_numba() -> Callable[..., Any]:
            from augtool.kernels import _numba

            tell_numba()
            return _numba.compiled(function, signatures)

        return cast(Kernel, _native.loaded(function, by_numba) or by_numba())

    return decorate


def tell_numba() -> None:
    """Have numba know the functions that kernels call."""
    from numba import extending

    while _to_tell:
        _to_tell.pop(0)(extending)


def helper(function: Kernel) -> Kernel:
    """``@helper``: kernels may call this function."""
    _to_tell.append(lambda extending: extending.register_jitable(function))
    return function


def overload(function: Callable[..., Any]) -> Callable[[Kernel], Kernel]:
    """``@overload(function)``: as numba's, what gives the code that kernels call in its place."""

    def decorate(choice: Kernel) -> Kernel:
        _to_tell.append(lambda extending: extending.overload(function, inline="always")(choice))
        return choice

    return decorate
