"""Parquet files that the parent writes: rows come in order, and are cut into row groups whose
borders say nothing of how the work was cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from augtool.errors import UsageError
from augtool.sinks import _writeback
from augtool.sinks._arrow_columns import Column, arrow_schema, leaf
from augtool.sinks._contract import Digests, Encoded, Position
from augtool.sinks._positional_writer import refused

_GROUP_BYTES = 100_000_000  # what readers take in at once
_GROUP_ROWS = (100, 2048)  # not fewer, not more


def check_pyarrow(format: str) -> None:
    """Raise `UsageError` when the library that writes Parquet is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"format {format}: needs pyarrow; install it: pip install 'augtool[parquet]'"
        ) from error


def group_rows(row_bytes: int) -> int:
    """How many rows of so many bytes are a row group: about 100 MB."""
    fewest, most = _GROUP_ROWS
    return min(max(_GROUP_BYTES // max(row_bytes, 1), fewest), most)


@dataclass(frozen=True)
class Table:
    """A file, and the output rows start … stop−1 that it has."""

    path: Path
    start: int
    stop: int


Notes = Callable[[Table, Digests], dict[str, bytes]]
"""What is said in the end of a file besides its schema, by key."""


def begun_at(since: Position | None) -> int:
    """The ``number`` of a `TableSink` that goes on: the file that was open then is begun again."""
    return -1 if since is None else max(since.file, 0) - 1


@dataclass
class TableSink:
    """The files under construction, one at a time."""

    writer: Any
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]
    group: int
    notes: Notes
    number: int = -1  # of the file that is open
    replays = True
    _stream: BinaryIO | None = None
    _file: Any = None
    _waiting: list[Any] = field(default_factory=list)  # record batches, less than a group

    def append(self, pieces: Sequence[Encoded], digests: Digests) -> None:
        """Write encoded rows, in order, a row group at a time; a file whose last row has come is
        completed."""
        import pyarrow as pa

        for piece in pieces:
            while self.number < 0 or piece.row >= self.tables[self.number].stop:
                self._complete(digests)
                self._begin(self.number + 1)
            schema = arrow_schema(self.columns)
            self._waiting.append(pa.ipc.read_record_batch(pa.py_buffer(piece.data), schema))
            self._write_groups(self.group)

    def position(self) -> Position:
        """The file that is open; its end is what makes it one, so of its bytes none count."""
        return Position(self.number)

    def file(self, number: int) -> Path | None:
        """See `Sink`."""
        return self.tables[number].path

    def finish(self, digests: Digests) -> None:
        """Complete the last file."""
        self._complete(digests)

    def close(self) -> None:
        """Let go of the file that is open, if any."""
        if self._stream is not None:
            stream, file = self._stream, self._file
            self._stream, self._file, self._waiting = None, None, []
            with contextlib.suppress(OSError):  # its end comes too late to be of use
                file.close()
            with contextlib.suppress(OSError):
                stream.close()

    def _begin(self, number: int) -> None:
        import pyarrow.parquet as pq

        self.number = number
        path = self.tables[number].path
        try:
            self._stream = path.open("wb")
        except OSError as error:
            raise refused(path, error) from error
        small = [one for one in self.columns if one.kind != "picture"]
        self._file = pq.ParquetWriter(
            self._stream,
            arrow_schema(self.columns),
            compression={leaf(one): "zstd" for one in small},  # pictures are compressed already
            use_dictionary=False,
            write_statistics=[leaf(one) for one in small if not one.shape],
        )

    def _write_groups(self, fewest: int) -> None:
        """Write row groups while at least so many rows wait."""
        import pyarrow as pa

        while (waiting := sum(one.num_rows for one in self._waiting)) and waiting >= fewest:
            table = pa.Table.from_batches(self._waiting)
            group = table.slice(0, self.group).combine_chunks()
            self._waiting = table.slice(self.group).to_batches()
            try:
                self._file.write_table(group, row_group_size=self.group)
                _writeback.begin(self.tables[self.number].path)
            except OSError as error:
                raise refused(self.tables[self.number].path, error) from error

    def _complete(self, digests: Digests) -> None:
        """Write what is left of a file and its end."""
        if self._stream is None:
            return
        self._write_groups(1)
        table = self.tables[self.number]
        try:
            self._file.add_key_value_metadata(self.notes(table, digests))
            self._file.close()
            self._stream.close()
        except OSError as error:
            raise refused(table.path, error) from error
        self._stream, self._file = None, None
