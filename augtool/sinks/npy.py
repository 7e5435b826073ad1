"""A folder of .npy files that can be memory-mapped: ``x_train.npy``, ``y_train.npy``, and one for
each other field.

They are laid out at full size with their space reserved, and workers write their rows in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from augtool.fields import Field
from augtool.sinks import _manifest, _writeback
from augtool.sinks._contract import Buffer, Digests, Encoded, Facts, Fault, Order, Position, Runs
from augtool.sinks._npy import array_name, npy_header
from augtool.sinks._positional_writer import (
    Place,
    PlacedWriter,
    bytes_of,
    check_space,
    refused,
    reserve,
)
from augtool.sinks._reader import Ints, by_name, facts_of

SUFFIXES: tuple[str, ...] = ()
FOLDER = True
OPTIONS = frozenset({"sparse", "nchw", "order"})


def chunk_rows(_order: Order) -> int | None:
    """None: any task may write anywhere."""
    return None


def lay_out(order: Order, since: Position | None = None) -> NpySink:
    """All files with their headers, and space for their rows; rows that are there stay."""
    if since is None:
        check_space(order.path, sum(one.row_bytes for one in order.fields) * order.rows)
    places = {one.name: (_lay_out_file(order, one),) for one in order.fields}
    return NpySink(PlacedWriter(places), tuple(each.path for (each,) in places.values()))


def _lay_out_file(order: Order, one: Field) -> Place:
    path = _file_of(order.path, one)
    header = npy_header((order.rows, *one.shape), np.dtype(one.dtype))
    try:
        with path.open("r+b" if path.exists() else "wb") as file:
            file.write(header)
            file.truncate(len(header) + order.rows * one.row_bytes)
        reserve(path)
    except OSError as error:
        raise refused(path, error) from error
    return Place(0, order.rows, path, len(header), one.row_bytes)


def _file_of(folder: Path, one: Field) -> Path:
    return folder / f"{array_name(one.name, 'x_train', 'y_train')}.npy"


def read(path: Path) -> NpyRows:
    """Open a finished folder."""
    facts = _manifest.read(path)
    return NpyRows(path, replace(facts_of(facts), encode=""), facts["borders"][-1])


@dataclass
class NpyRows:
    """A folder, open for reading."""

    path: Path
    facts: Facts
    rows: int

    def field(self, name: str) -> Any:
        """A memory map."""
        one = by_name(self.facts.fields)[name]
        file = _manifest.inside(self.path, _file_of(Path(), one).name)
        return np.load(file, mmap_mode="r", allow_pickle=False)

    @property
    def runs(self) -> Runs | None:
        """All output rows, in order."""
        return ((0, self.rows),)

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`."""
        return (bytes_of(self.field(name)[rows]),)

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: the files' headers, and their sizes."""
        for one in self.facts.fields if low == 0 else ():
            header = npy_header((self.rows, *one.shape), np.dtype(one.dtype))
            path = _file_of(self.path, one)
            with path.open("rb") as file:
                if file.read(len(header)) != header:
                    yield Fault(f"{path.name} does not begin as an array of its rows", one.name)
                elif file.seek(0, 2) != len(header) + self.rows * one.row_bytes:
                    yield Fault(f"{path.name} has not the size of its rows", one.name)

    def close(self) -> None:
        """Nothing: memory maps go with their last user."""


@dataclass
class NpySink:
    """The files under construction."""

    writer: PlacedWriter
    files: tuple[Path, ...]
    replays = False

    def append(self, _pieces: Sequence[Encoded], _digests: Digests) -> None:
        """What workers wrote goes to the disk."""
        _writeback.begin(self.files[0])

    def position(self) -> Position:
        """Always the same: workers write in place."""
        return Position()

    def file(self, _number: int) -> Path | None:
        """None: workers write in place."""
        return None

    def finish(self, _digests: Digests) -> None:
        """Nothing: each file is complete when its rows are there."""

    def close(self) -> None:
        """Nothing: no file is held open."""
