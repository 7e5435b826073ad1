"""Nothing: rows are made, recorded and discarded, to see how long all but writing takes.

To stdout they are made in order, as a stream's; else as those of a file that is written in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.sinks._contract import Buffer, Digests, Encoded, Order, Position
from augtool.sinks._positional_writer import bytes_of

SUFFIXES: tuple[str, ...] = ()
FOLDER = False
OPTIONS = frozenset({"sparse", "nchw", "order", "stdout"})


def chunk_rows(order: Order) -> int | None:
    """1 for a stream, whose rows come in order; else None: any task makes anything."""
    return 1 if order.to_stdout else None


def lay_out(_order: Order, _since: Position | None = None) -> NullSink:
    """Nothing."""
    return NullSink(NullWriter())


@dataclass(frozen=True)
class NullWriter:
    """Writes nothing."""

    def __enter__(self) -> NullWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def write(
        self, _field: str, _rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """The bytes that an array in a file would have."""
        return (bytes_of(values),)

    def encoded(self) -> Sequence[Encoded]:
        """Nothing."""
        return ()

    def written(
        self, _field: str, _rows: npt.NDArray[Any], _pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """None: nothing is written."""
        return None


@dataclass(frozen=True)
class NullSink:
    """Makes nothing."""

    writer: NullWriter
    replays = False

    def append(self, _pieces: Sequence[Encoded], _digests: Digests) -> None:
        """Nothing: there are no pieces."""

    def position(self) -> Position:
        """Always the same."""
        return Position()

    def file(self, _number: int) -> Path | None:
        """None: there is no file."""
        return None

    def finish(self, _digests: Digests) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
