"""What worker processes need to know of a run: it comes over their pipes, never from a file.

A file could be exchanged between being written and being read, and what is read would run. Large
arrays lie in plain ``.npy`` files beside the rest, and are mapped, so that no process has a copy of
its own.
"""

from __future__ import annotations

import io
import pickle
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LARGE = 1 << 16  # bytes of an array that has a file of its own
PREFIX = "kept-"
"""How the names of the files of arrays begin."""


@dataclass(frozen=True)
class Kept:
    """A value, by a ``name`` that no other has: a process remembers it by that name. ``data`` is
    empty where a process has been given it before."""

    name: str
    data: bytes = field(repr=False, compare=False)

    def bare(self) -> Kept:
        """The name alone, for a process that has the rest."""
        return Kept(self.name, b"")


_given: dict[str, bytes] = {}


def keep(value: Any, folder: Path) -> Kept:
    """Make a value ready to be handed over; large arrays in it are put into files in ``folder``."""
    name = secrets.token_hex(8)
    text = io.BytesIO()
    _Pickler(text, folder / f"{PREFIX}{name}").dump(value)
    return Kept(name, text.getvalue())


def take(given: Kept) -> None:
    """In a worker: remember what the parent has sent."""
    _given[given.name] = given.data


def kept(given: Kept) -> Any:
    """The value, made anew."""
    return _Unpickler(io.BytesIO(given.data or _given[given.name])).load()


class _Pickler(pickle.Pickler):
    """Puts large arrays into files of their own, whose names begin as ``path``."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path
        self._files: dict[int, tuple[str, Any]] = {}  # the array too: its number stays its own

    def persistent_id(self, value: Any) -> str | None:
        """The file of a large array; None for all else."""
        import numpy as np

        if not isinstance(value, np.ndarray) or value.nbytes < _LARGE or value.dtype.hasobject:
            return None
        if id(value) not in self._files:
            path = f"{self._path}-{len(self._files)}.npy"
            with open(path, "xb") as file:  # noqa: PTH123 (one call, as it is a new file)
                np.save(file, np.asarray(value), allow_pickle=False)
            self._files[id(value)] = path, value
        return self._files[id(value)][0]


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        import numpy as np

        # A plain ndarray: every slice of a np.memmap pays for being one.
        return np.asarray(np.load(pid, mmap_mode="r", allow_pickle=False))
