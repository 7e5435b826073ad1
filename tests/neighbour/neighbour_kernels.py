"""Kernels that are compiled once for many tests, each of which has a home of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def with_kernels(victim: Any, place: Path) -> Any:
    """The user, with a cache of kernels that outlives the test."""
    cache, environment = place / f"cache-{victim.uid}", victim.environment
    if not cache.exists():
        cache.mkdir()
        victim.owns(cache, 0o700)
    victim.environment = lambda **more: environment(XDG_CACHE_HOME=str(cache), **more)
    return victim
