"""Reading a Parquet file that augtool wrote, a row group at a time."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from augtool.codecs.own_files import decode
from augtool.errors import SourceError
from augtool.fields import Field
from augtool.sinks._arrow_table import check_pyarrow
from augtool.sinks._contract import Buffer, Facts, Fault, Runs
from augtool.sinks._positional_writer import bytes_of
from augtool.sinks._reader import Array, Ints, PerProcess, by_name, facts_of, row_array

KEY = b"augtool"  # of the metadata in a file's end
_GROUPS = 2  # row groups of a column that are kept
_NARROW = 64  # bytes of a row of a column


def read(path: Path) -> ParquetRows:
    """Open a finished file. Raises ValueError when augtool did not make it, `UsageError` without
    pyarrow."""
    check_pyarrow("parquet")
    with _open(path) as file:
        described = (file.metadata.metadata or {}).get(KEY)
    if described is None:
        raise ValueError("a Parquet file, but not made by augtool")
    facts = json.loads(described)
    return open_table(path, facts_of(facts), facts["rows"][0])


def open_table(path: Path, facts: Facts, start: int = 0) -> ParquetRows:
    """Open a file of which the facts are known, and the output row of its first row."""
    with _open(path) as file:
        counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    borders = np.cumsum([0, *counts])
    return ParquetRows(path, facts, borders, PerProcess(lambda: _open(path)), start)


@dataclass
class ParquetRows:
    """A file, open for reading; ``borders`` has the rows at which its row groups begin, and M."""

    path: Path
    facts: Facts
    borders: Ints
    file: PerProcess[Any]
    start: int = 0
    _groups: dict[str, Callable[[int], Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """M."""
        return int(self.borders[-1])

    def field(self, name: str) -> Any:
        """A field: row groups are read, and pictures decoded, when they are asked for."""
        one = by_name(self.facts.fields)[name]

        def read(rows: Ints) -> Array:
            out = np.empty((len(rows), *one.shape), one.dtype)
            numbers = np.searchsorted(self.borders, rows, "right") - 1
            for number in np.unique(numbers).tolist():
                chosen = np.flatnonzero(numbers == number)
                within = rows[chosen] - self.borders[number]
                self._read_group(one, number, within, out, chosen)
            return out

        return row_array(self.rows, one, read)

    @property
    def runs(self) -> Runs | None:
        """As many output rows as there are, from the first one on."""
        return ((self.start, self.rows),)

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`: of pictures their files."""
        column = self._group(name, 0) if self.rows else np.empty(0)
        if isinstance(column, np.ndarray):
            return (bytes_of(self.field(name)[rows]),)
        return [picture["bytes"] for picture in self._pictures(name, rows)]

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: the types that readers find, and the names of pictures."""
        from augtool.sinks._parquet_audit import schema_faults

        if low == 0:
            yield from schema_faults(self)
        for one in self.facts.fields:
            if self.rows and not isinstance(self._group(one.name, 0), np.ndarray):
                kind = "png" if one.name == "masks" else self.facts.encode.partition(":")[0]
                pictures = self._pictures(one.name, np.arange(low, high))
                for row, picture in enumerate(pictures, start=low):
                    if picture["path"] != f"{self.start + row:09}.{kind}":
                        yield Fault("a picture has the name of another row", one.name, row, row + 1)

    def close(self) -> None:
        """Close the file, if it was opened."""
        self._groups.clear()
        opened = self.file.forget()
        if opened is not None:
            opened.close()

    def _read_group(self, one: Field, number: int, rows: Ints, out: Array, places: Ints) -> None:
        """Put rows of a row group at their places in ``out``."""
        column = self._group(one.name, number)
        dtype = np.dtype(one.dtype)
        if not isinstance(column, np.ndarray):  # pictures
            for place, row in zip(places.tolist(), rows.tolist(), strict=True):
                picture = column[row].as_py()
                extension = picture["path"].rpartition(".")[2]
                try:
                    out[place] = decode(picture["bytes"], extension, one.shape, dtype)
                except (ValueError, KeyError) as error:
                    raise SourceError(
                        f"{self.path}: {picture['path']} cannot be decoded: {error}"
                    ) from error
        else:
            out[places] = column[rows].reshape(len(rows), *one.shape)

    def _pictures(self, name: str, rows: Ints) -> Iterator[dict[str, Any]]:
        """The struct of each row's picture."""
        numbers = np.searchsorted(self.borders, rows, "right") - 1
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            yield self._group(name, number)[row - int(self.borders[number])].as_py()

    def _group(self, name: str, number: int) -> Any:
        """A column of a row group: numbers (m, values), or pictures; the last ones are kept."""
        if name not in self._groups:
            self._groups[name] = functools.lru_cache(_GROUPS)(
                functools.partial(self._read_column, name)
            )
        return self._groups[name](number)

    def _read_column(self, name: str, number: int) -> Any:
        import pyarrow as pa

        column = "image" if name == "images" else name
        # To wake threads for a few kilobytes takes longer than to read them.
        narrow = by_name(self.facts.fields)[name].row_bytes <= _NARROW
        table = self.file().read_row_group(number, columns=[column], use_threads=not narrow)
        array = table.column(0).combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # none, or too long for one
            array = pa.concat_arrays(array.chunks)
        if pa.types.is_struct(array.type):
            return array
        rows = len(array)
        while pa.types.is_fixed_size_list(array.type):
            array = array.flatten()
        values = array.to_numpy(zero_copy_only=False)
        return values.reshape(rows, len(values) // max(rows, 1))


def _open(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, memory_map=True)
