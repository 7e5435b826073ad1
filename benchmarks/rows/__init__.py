"""The rows of the table, found by file name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import cast

from benchmarks._contract import Race, Setting


def names() -> tuple[str, ...]:
    """Of all rows, sorted; files that begin with ``_`` are none."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in found if not name.startswith("_")))


def load(name: str) -> Callable[[Setting], Race]:
    """The row's ``race``: it makes the data and names the contestants."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(Callable[[Setting], Race], module.race)
