"""The numba kernels: a few primitives that all methods share. Nothing is drawn here."""

from __future__ import annotations

import importlib
import pkgutil


def load_all() -> None:
    """Import every kernel, which compiles it or takes it from the cache on disk."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
