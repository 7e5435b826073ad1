"""Parquet: one file, or a folder ``data/train-00000-of-0000N.parquet`` as Hugging Face lays it out.

``image`` is the struct of an encoded picture's bytes and name; arrays that are no pictures, and
``encode npy``, are lists of numbers. Workers encode rows, the parent writes row groups in order.
The key ``augtool`` of a file's end describes it and has its records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.codecs.encoding import Encoding
from augtool.sinks._arrow_columns import RowBuffer
from augtool.sinks._arrow_table import Table, TableSink, begun_at, check_pyarrow, group_rows
from augtool.sinks._contract import Buffer, Digests, Encoded, Order, Position
from augtool.sinks._described import described
from augtool.sinks._parquet_columns import column_of, encoding_of
from augtool.sinks._parquet_reader import read
from augtool.sinks._positional_writer import bytes_of

__all__ = ["FOLDER", "OPTIONS", "SUFFIXES", "chunk_rows", "lay_out", "read"]

SUFFIXES = (".parquet",)
FOLDER = True
OPTIONS = frozenset({"shards", "encode", "sparse"})
KEY = "augtool"  # of the metadata in a file's end
_LOSSY = 4  # a lossy picture has at most about this part of its pixels' bytes


def chunk_rows(order: Order) -> int | None:
    """Rows come in order, one by one. Raises `UsageError` when pyarrow is missing, and for an
    encoding or a dtype that cannot hold the rows."""
    check_pyarrow("parquet")
    for one in order.fields:
        column_of(order, one)
    return 1


def lay_out(order: Order, since: Position | None = None) -> TableSink:
    """Nothing yet: files are begun when their first row comes."""
    columns = tuple(column_of(order, one) for one in order.fields)
    encodings = {
        one.name: found
        for one in order.fields
        if (found := encoding_of(order, one)).extension != "npy"
    }

    def notes(table: Table, digests: Digests) -> dict[str, bytes]:
        return {KEY: described(order, table.start, table.stop, digests)}

    return TableSink(
        ParquetWriter(RowBuffer(columns), encodings),
        columns,
        _tables(order),
        _group(order),
        notes,
        begun_at(since),
    )


def _tables(order: Order) -> tuple[Table, ...]:
    if not order.path.is_dir():
        return (Table(order.path, 0, order.rows),)
    folder, count = order.path / "data", len(order.shards)
    folder.mkdir(exist_ok=True)
    return tuple(
        Table(folder / f"train-{number:05}-of-{count:05}.parquet", start, stop)
        for number, (start, stop) in enumerate(order.shards)
    )


def _group(order: Order) -> int:
    """Rows of a row group."""
    images, *others = order.fields
    lossy = not encoding_of(order, images).is_lossless
    return group_rows(
        images.row_bytes // (_LOSSY if lossy else 1) + sum(one.row_bytes for one in others)
    )


@dataclass
class ParquetWriter:
    """Encodes rows for the parent; ``encodings`` has the fields that are pictures."""

    buffer: RowBuffer
    encodings: Mapping[str, Encoding]

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.buffer.clear()

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Encode pictures, and keep all fields of some rows."""
        if field not in self.encodings:
            kept = values.copy()  # the caller uses its arrays again
            self.buffer.add(field, rows, kept)
            return (bytes_of(kept),)
        how = self.encodings[field]
        files = [how.encode(image) for image in values]
        names = (f"{row:09}.{how.extension}" for row in rows.tolist())
        self.buffer.add(field, rows, list(zip(files, names, strict=True)))
        return files

    def encoded(self) -> Sequence[Encoded]:
        """All rows since the last call, as one piece."""
        return self.buffer.encoded()

    def written(
        self, _field: str, _rows: npt.NDArray[Any], _pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """None: all of it is in the pieces."""
        return None
