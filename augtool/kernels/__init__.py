"""The numba kernels: a few primitives that all methods share. Nothing is drawn here."""

from __future__ import annotations

import importlib
from collections.abc import Iterable


def load(names: Iterable[str]) -> None:
    """Import these kernels, which compiles them or takes them from the cache on disk."""
    for name in names:
        importlib.import_module(f"{__name__}.{name}")


def unused_cache() -> str | None:
    """Why the cache of compiled kernels is not used: who else could have written to it. None when
    it is used, or there is none."""
    from augtool.kernels import _cache

    try:
        return _cache.distrust()
    except (ImportError, OSError):
        return None
