"""What a sink is: an output format.

A sink is one module in this folder. It offers what `Format` has and, through the `Sink` that its
``lay_out`` returns, the moments of an output: how a worker writes (`writer`), what the parent
appends (`append`), and how it is completed (`finish`). The books give the finished file or folder
its name.

A run that was stopped goes on: `lay_out` is told the `Position` where the sink stood after the last
task that counts, and makes what is there stand so again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleBuffer
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt

from augtool.fields import Field

Buffer = memoryview | bytes
_LARGE = 2048  # bytes
Runs = tuple[tuple[int, int], ...]
"""Rows in order: for each run of adjacent ones the first, and how many."""


class Digests(Protocol):
    """What was written, as far as it is known; once all is, of the whole."""

    def __call__(self, start: int, stop: int, /) -> Mapping[str, str]:
        """For each field the digest of the output rows start … stop−1."""
        ...

    def whole(self) -> Mapping[str, tuple[int, int]]:
        """For each field the CRC-32 of all its bytes, and how many they are."""
        ...


@dataclass(frozen=True)
class Order:
    """An output that is asked for.

    path
        Where it is made, under a temporary name: a file, or a folder that is there and empty; ``-``
        is stdout.
    fields
        What a row has, images first.
    borders
        The output rows at which shards begin, from 0, and the end: one more than shards.
    attributes
        What describes the whole.
    compression
        ``gzip`` or ``gzip:LEVEL``, or None.
    encode
        How images are stored where each is a file of its own: ``jpg:95``, ``png``, ``webp``,
        ``npy``.
    index
        A reader for which a file beside the shards lists them: ``timm``; or nothing.
    """

    path: Path
    fields: tuple[Field, ...]
    borders: tuple[int, ...]
    attributes: Mapping[str, str | int]
    compression: str | None = None
    encode: str = "png"
    index: str = ""

    @property
    def to_stdout(self) -> bool:
        """Whether it is a stream, which has one shard."""
        return str(self.path) == "-"

    @property
    def rows(self) -> int:
        """M, the output rows."""
        return self.borders[-1]

    @property
    def shards(self) -> tuple[tuple[int, int], ...]:
        """The first row of each shard, and the one after its last."""
        return tuple(itertools.pairwise(self.borders))


@dataclass(frozen=True)
class Encoded:
    """What a worker encoded for the parent to append, from output row ``row`` on; ``field`` says
    what it is part of, where that matters."""

    field: str
    row: int
    data: Buffer

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Where a pickle can have its bytes beside it, large ones are there."""
        aside = protocol >= 5 and len(self.data) >= _LARGE
        return Encoded, (
            self.field,
            self.row,
            PickleBuffer(self.data) if aside else bytes(self.data),
        )


@dataclass(frozen=True)
class Position:
    """Where the parent stands with what it appends: the files before ``file`` are whole, and of
    ``file`` the first ``size`` bytes count. −1 before the first file is begun."""

    file: int = 0
    size: int = 0


class Writer(Protocol):
    """How a worker writes. Picklable; it opens what it needs when it is entered."""

    def __enter__(self) -> Writer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(
        self, field: str, rows: npt.NDArray[Any], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Write ``values`` (m, …) of a field at the output rows ``rows`` (m,) int64, which are all
        of one shard. The images of a block come first, a few rows at a time, then the other
        fields, each whole. Returns the bytes that stand for them in the output, in the order of
        the rows.

        Raises `OutputError` when the system refuses.
        """
        ...

    def encoded(self) -> Sequence[Encoded]:
        """What the parent must append for this writer, in order; afterwards it is forgotten."""
        ...

    def written(
        self, field: str, rows: npt.NDArray[Any], pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """What `write` has returned for these rows, as it lies on the disk while the output is not
        complete; None where it lies in ``pieces``, which are those of the task that had the rows,
        or nowhere. Raises OSError and ValueError for what is cut or damaged."""
        ...


class Sink(Protocol):
    """An output under construction, in the parent."""

    @property
    def writer(self) -> Writer: ...

    @property
    def replays(self) -> bool:
        """Whether a file that is not whole cannot be written on: to go on, the pieces of the file
        ``position().file`` are appended again, from its first."""
        ...

    def append(self, pieces: Sequence[Encoded], digests: Digests) -> None:
        """Append what a worker encoded. Called in plan order, with the pieces of one task, which
        are all of one file; ``digests`` knows all rows up to the end of these pieces."""
        ...

    def position(self) -> Position:
        """Where it stands; all up to there has been handed to the system."""
        ...

    def file(self, number: int) -> Path | None:
        """The file that ``position().file`` has numbered; None where that is no file that pieces
        are appended to."""
        ...

    def finish(self, digests: Digests) -> None:
        """Complete the output under its temporary name."""
        ...

    def close(self) -> None:
        """Let go of all files, finished or not."""
        ...


@dataclass(frozen=True)
class Facts:
    """What describes an output, as its files say: ``records`` has that of each field, ``encode``
    is the order's where images are files of their own, else empty."""

    fields: tuple[Field, ...]
    attributes: Mapping[str, Any]
    records: Mapping[str, str]
    encode: str = ""


@dataclass(frozen=True)
class Fault:
    """What is wrong with the rows ``low`` … ``high``−1 of a file, in words; ``field`` is empty
    where it is no field, and the rows None where it is the file."""

    what: str
    field: str = ""
    low: int | None = None
    high: int | None = None


class Stored(Protocol):
    """An output, or one of its files, open for reading. It may be used by forked processes."""

    @property
    def facts(self) -> Facts: ...

    @property
    def rows(self) -> int: ...

    @property
    def runs(self) -> Runs | None:
        """The output rows that these are; None where the file does not say it."""
        ...

    def field(self, name: str) -> Any:
        """A field as an array, or array-like, with all rows. Raises `KeyError` for other names."""
        ...

    def stored(self, name: str, rows: npt.NDArray[Any]) -> Sequence[Buffer]:
        """The bytes that stand for the rows (m,) of a field, as `Writer.write` has returned them.
        Raises what reading a damaged file raises."""
        ...

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """What is not as the format writes it, save what `stored` returns, in the rows
        low … high−1; with the first and the last row also in what lies before and after them.
        Raises as `stored`."""
        ...

    def close(self) -> None:
        """Let go of all files. Arrays that were handed out may stay valid."""
        ...


class Format(Protocol):
    """The module of a sink.

    ``SUFFIXES``: the endings of names that mean it; empty where an output is always a folder.
    ``FOLDER``: whether an output can be a folder of files, named by ``--format``. A format that has
    neither leaves nothing.
    ``OPTIONS``: which of ``shards``, ``compression``, ``encode``, ``sparse`` (labels), ``nchw``
    (images), ``stdout`` and ``order`` (rows written out of order) it has.
    """

    SUFFIXES: tuple[str, ...]
    FOLDER: bool
    OPTIONS: frozenset[str]

    def chunk_rows(self, order: Order) -> int | None:
        """Tasks must begin at multiples of this many rows from the first of a shard, and come back
        in order; None when any task may write anywhere at any time. Raises `UsageError` for a
        compression or an encoding that the format does not have."""
        ...

    def lay_out(self, order: Order, since: Position | None = None) -> Sink:
        """Lay the output out; with ``since``, go on with what an earlier sink of an equal order has
        laid out and filled up to there. What it has finished or written since is undone, or done
        again with the same bytes.

        Raises `OutputError` when there is no room for it, with the bytes needed and free.
        """
        ...

    def read(self, path: Path) -> Stored:
        """Open one finished file, or the folder where there are no ``SUFFIXES``. What it raises
        for files that are none of its own is told as a `SourceError`."""
        ...
