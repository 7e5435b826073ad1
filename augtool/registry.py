"""Finding methods, sources and sinks by file name.

To add one is to add a file to its folder, or, in another distribution, an entry point in the group
``augtool.methods``, ``augtool.sources`` or ``augtool.sinks``. Nothing is imported before it is
used.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from augtool.errors import UsageError
from augtool.params import did_you_mean

_ROOT = Path(__file__).parent
_NOUNS = {"methods": "method", "sources": "input format", "sinks": "format"}


@cache
def names(kind: str) -> tuple[str, ...]:
    """The names to be found in ``augtool/<kind>/`` and among its entry points, sorted."""
    own = (path.stem for path in (_ROOT / kind).glob("*.py") if not path.stem.startswith("_"))
    return tuple(sorted({*own, *_plugins(kind)}))


@cache
def load(kind: str, name: str) -> ModuleType:
    """The module ``name`` of this kind. Raises `UsageError` when there is none, or when a
    plug-in cannot be imported."""
    is_name = name.isidentifier() and len(name) < 100 and not name.startswith("_")  # and no path
    if is_name and (_ROOT / kind / f"{name}.py").is_file():
        return importlib.import_module(f"augtool.{kind}.{name}")
    plugin = _plugins(kind).get(name)
    if plugin is None:
        raise UsageError(f"there is no {_NOUNS[kind]} {name!r}{did_you_mean(name, names(kind))}")
    try:
        module: ModuleType = plugin.load()
    except Exception as error:  # a plug-in may raise anything while it is imported
        raise UsageError(
            f"the plug-in {name!r} ({plugin.value}) cannot be loaded: {error}; "
            "update or uninstall its distribution"
        ) from error
    return module


def working(kind: str) -> Iterator[tuple[str, ModuleType]]:
    """(name, module) of all that can be imported: a broken plug-in is passed over."""
    for name in names(kind):
        with contextlib.suppress(UsageError):
            yield name, load(kind, name)


@cache
def _plugins(kind: str) -> dict[str, Any]:
    if not _announced(f"[augtool.{kind}]"):
        return {}
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"augtool.{kind}")}


def _announced(heading: str) -> bool:
    """Whether any installed distribution has such entry points: a look at the files, which takes a
    tenth of the time of importing what parses them."""
    files = (file for place in sys.path for file in Path(place).glob("*-info/entry_points.txt"))
    return any(heading in file.read_text(encoding="utf-8", errors="replace") for file in files)
