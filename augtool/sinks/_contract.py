"""What a sink is: an output format.

A sink is one module in this folder. It offers ``SUFFIXES`` (names of ``--out`` that mean this
format), ``lay_out`` and, through the `Sink` it returns, the three moments of an output: what a task
may write (`chunk_rows`), how a worker writes it (`writer`), and how the parent completes it
(`finish`). The books give the finished file its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt

from augtool.schema import Field


@dataclass(frozen=True)
class Encoded:
    """One encoded piece of a field for the parent to append: the chunk that begins at ``row``."""

    field: str
    row: int
    data: bytes


class Writer(Protocol):
    """How a worker writes. Picklable; it opens what it needs when it is entered."""

    def __enter__(self) -> Writer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def write(self, field: str, rows: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
        """Write ``values`` (m, …) of a field at the output rows ``rows`` (m,) int64.

        Raises `OutputError` when the system refuses.
        """
        ...

    def encoded(self) -> Sequence[Encoded]:
        """What the parent must append for this writer, in order; afterwards it is forgotten."""
        ...


class Sink(Protocol):
    """An output under construction, in the parent."""

    @property
    def chunk_rows(self) -> int | None:
        """Tasks must begin at multiples of this many output rows and come back in order; None
        when any task may write anywhere at any time."""
        ...

    @property
    def writer(self) -> Writer: ...

    def append(self, pieces: Sequence[Encoded]) -> None:
        """Append what a worker encoded. Called in plan order."""
        ...

    def finish(self, digests: Mapping[str, str]) -> None:
        """Complete the file under its temporary name, with a digest for each field."""
        ...

    def close(self) -> None:
        """Let go of the file, finished or not."""
        ...


class Format(Protocol):
    """The module of a sink."""

    SUFFIXES: tuple[str, ...]

    def chunk_rows(
        self, fields: tuple[Field, ...], rows: int, compression: str | None
    ) -> int | None:
        """What the `Sink` of such an output says, before there is one. Raises `UsageError` for a
        compression that the format does not have."""
        ...

    def lay_out(
        self,
        path: Path,
        fields: tuple[Field, ...],
        rows: int,
        attributes: Mapping[str, str | int],
        compression: str | None,
    ) -> Sink:
        """Lay the output out at ``path`` (a temporary name) for ``rows`` rows.

        Raises `OutputError` when there is no room for it, with the bytes needed and free.
        """
        ...
