"""Rows of an output that are read, or decoded, when they are asked for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from augtool.fields import Field
from augtool.sinks._contract import Buffer, Facts, Fault, Runs, Stored

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Open = TypeVar("Open")


@dataclass(frozen=True)
class RowArray:
    """Array-like: ``array[rows, …]`` takes what NumPy takes. ``read`` gives the rows (m,) that it
    is asked for, any of 0 … M−1 in any order, as an array (m, …)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[Ints], Array]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        first, *others = index if isinstance(index, tuple) else (index,)
        if isinstance(first, int | np.integer):
            row = range(len(self))[first]  # raises IndexError; counts from the end
            return self.read(np.array([row]))[(0, *others)]
        if isinstance(first, slice):
            rows = np.arange(*first.indices(len(self)))
        else:
            rows = np.arange(len(self))[first]
        return self.read(rows)[(slice(None), *others)]

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype)


def row_array(rows: int, one: Field, read: Callable[[Ints], Array]) -> RowArray:
    """A field with so many rows."""
    return RowArray((rows, *one.shape), np.dtype(one.dtype), read)


def take(array: Any, rows: Ints) -> Array:
    """The rows of anything that has slices of rows, in their order, each read once."""
    if isinstance(array, np.ndarray | RowArray):
        return np.asarray(array[rows])
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return np.asarray(array[int(rows[0]) : int(rows[-1]) + 1])
    unique, places = np.unique(rows, return_inverse=True)  # as HDF5 wants them
    return np.asarray(array[unique])[places]


@dataclass
class PerProcess(Generic[Open]):
    """What must not cross a fork, such as an open file: each process opens its own."""

    opening: Callable[[], Open]
    _opened: dict[int, Open] = field(default_factory=dict)

    def __call__(self) -> Open:
        process = os.getpid()
        if process not in self._opened:
            self._opened = {process: self.opening()}
        return self._opened[process]

    def forget(self) -> Open | None:
        """Let go of what this process has opened, if it has."""
        return self._opened.pop(os.getpid(), None)


@dataclass
class Shards:
    """Files that together are one output: file i has the rows ``borders[i]`` … ``borders[i+1]``−1.
    Each is opened when a row of it is asked for. ``suffixes`` are the endings of their names."""

    facts: Facts
    borders: Sequence[int]
    openings: Sequence[Callable[[], Stored]]
    suffixes: tuple[str, ...] = ()
    _opened: dict[int, Stored] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """M."""
        return self.borders[-1]

    def field(self, name: str) -> Any:
        """The rows of all files."""
        one = by_name(self.facts.fields)[name]
        if len(self.openings) == 1:
            return self._shard(0).field(name)

        def read(rows: Ints) -> Array:
            out = np.empty((len(rows), *one.shape), one.dtype)
            numbers = np.searchsorted(self.borders, rows, "right") - 1
            for number in np.unique(numbers).tolist():
                chosen = numbers == number
                part = self._shard(number).field(name)
                out[chosen] = take(part, rows[chosen] - self.borders[number])
            return out

        return row_array(self.rows, one, read)

    @property
    def runs(self) -> Runs | None:
        """All output rows, in order."""
        return ((0, self.rows),)

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`."""
        numbers = np.searchsorted(self.borders, rows, "right") - 1
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]
        found: list[Buffer] = []
        for start, stop in itertools.pairwise(edges):
            number = int(numbers[start])
            within = rows[start:stop] - self.borders[number]
            found += self._shard(number).stored(name, within)
        return found

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """None: each file is looked at by itself."""
        yield from ()

    def close(self) -> None:
        """Let go of all files."""
        while self._opened:
            self._opened.popitem()[1].close()

    def _shard(self, number: int) -> Stored:
        if number not in self._opened:
            self._opened[number] = self.openings[number]()
        return self._opened[number]


def by_name(fields: Sequence[Field]) -> dict[str, Field]:
    """Fields by their names."""
    return {one.name: one for one in fields}


def facts_of(described: Mapping[str, Any]) -> Facts:
    """What describes an output, from the JSON that a sink has written.

    Raises KeyError and TypeError for other JSON.
    """
    fields = (Field(one["name"], one["dtype"], tuple(one["shape"])) for one in described["fields"])
    return Facts(tuple(fields), described["attributes"], described["records"], described["encode"])
