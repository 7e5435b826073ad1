"""Where child processes import from: where this one does, save the folder that they start in.

``python -c``, by which the standard library starts its fork server, resource tracker and children,
puts that folder before all others; what lies in it, beside somebody's data, would run.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from importlib.machinery import PathFinder
from multiprocessing import spawn, util
from pathlib import Path
from typing import Any

_SAFE = "PYTHONSAFEPATH"
_PACKAGE = str(Path(__file__).absolute().parents[1])  # the folder that augtool itself lies in


def path_of_children() -> list[str]:
    """``sys.path`` without the current folder, unless that is on ``PYTHONPATH``. Where augtool
    itself was found in it, it comes last."""
    path = [place for place in sys.path if not _is_here(place) or place in _asked_for()]
    if len(path) < len(sys.path) and _is_here(_PACKAGE) and _PACKAGE not in path:
        path.append(_PACKAGE)
    return path


def server_finds_this() -> bool:
    """Whether a fork server, which begins with the interpreter's own path, imports no other augtool
    than this one, as where a script has put the folder of ours before what is installed."""
    path = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 (of text, '' too)
    standard = os.path.dirname(os.path.abspath(os.__file__))  # noqa: PTH100, PTH120
    first = path.index(standard) if standard in path else 0
    if _PACKAGE not in path[:first] or _PACKAGE in _asked_for():
        return True
    other = PathFinder.find_spec("augtool", path[first:])
    return other is None or other.origin == str(Path(__file__).absolute().with_name("__init__.py"))


@contextlib.contextmanager
def children_import_safely() -> Iterator[None]:
    """Processes that the standard library starts inside import from `path_of_children`.

    Not for several threads at once.
    """
    before, prepared = os.environ.get(_SAFE), spawn.get_preparation_data
    flags = util._args_from_interpreter_flags  # type: ignore[attr-defined]

    def preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = prepared(name)
        return {**data, "sys_path": path_of_children()}

    os.environ[_SAFE] = "1"
    spawn.get_preparation_data = preparation_data
    if sys.flags.ignore_environment and not sys.flags.safe_path:  # -E: children get it, too
        util._args_from_interpreter_flags = partial(_with, "-P", flags)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        util._args_from_interpreter_flags = flags  # type: ignore[attr-defined]
        spawn.get_preparation_data = prepared
        if before is None:
            os.environ.pop(_SAFE, None)
        else:
            os.environ[_SAFE] = before


def _with(flag: str, others: Any) -> list[str]:
    return [*others(), flag]


def _asked_for() -> set[str]:
    """The folders of ``PYTHONPATH``, as they stand on ``sys.path``."""
    if sys.flags.ignore_environment:
        return set()
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {form for place in places if place for form in (place, os.path.abspath(place))}  # noqa: PTH100


def _is_here(place: Any) -> bool:
    """Whether an entry of ``sys.path`` is the current folder, under any name."""
    if place == "":
        return True
    try:
        return os.path.samefile(place, os.curdir)  # noqa: PTH121
    except (OSError, ValueError, TypeError):  # there is none, or it is no place
        return False
