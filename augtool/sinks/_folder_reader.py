"""Reading a folder by class that augtool wrote: the table, and images as they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.codecs.own_files import decode
from augtool.errors import SourceError
from augtool.fields import Field
from augtool.sinks import _manifest
from augtool.sinks._arrow_table import check_pyarrow
from augtool.sinks._contract import Buffer, Facts, Fault, Runs
from augtool.sinks._parquet_reader import ParquetRows, open_table
from augtool.sinks._reader import Array, Ints, by_name, facts_of, row_array

_FILE_NAME = Field("file_name", "|O", ())


def read(path: Path) -> FolderRows:
    """Open a finished folder. Raises `UsageError` without pyarrow."""
    check_pyarrow("folder")
    facts, train = facts_of(_manifest.read(path)), path / "train"
    columns = dataclasses.replace(facts, fields=(_FILE_NAME, *facts.fields[1:]))
    table = _manifest.inside(path, "train/metadata.parquet")
    return FolderRows(train, facts, open_table(table, columns))


@dataclass
class FolderRows:
    """A folder, open for reading."""

    train: Path
    facts: Facts
    table: ParquetRows

    @property
    def rows(self) -> int:
        """M."""
        return self.table.rows

    def field(self, name: str) -> Any:
        """A field; images are decoded when they are asked for."""
        if name != "images":
            return self.table.field(name)
        one, names = by_name(self.facts.fields)[name], self.table.field(_FILE_NAME.name)

        def read(rows: Ints) -> Array:
            out = np.empty((len(rows), *one.shape), one.dtype)
            for place, file in enumerate(names[rows].tolist()):
                out[place] = self._image(file, one)
            return out

        return row_array(self.rows, one, read)

    @property
    def runs(self) -> Runs | None:
        """All output rows, in order."""
        return self.table.runs

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`: of images their files."""
        if name != "images":
            return self.table.stored(name, rows)
        names = self.table.field(_FILE_NAME.name)[rows].tolist()
        return [self._content(file) for file in names]

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: the names of images. The manifest has what else there is."""
        names = self.table.field(_FILE_NAME.name)[low:high].tolist()
        for row, name in enumerate(names, start=low):
            kind = self.facts.encode.partition(":")[0]
            if name.rpartition("/")[2] != f"{row:09}.{kind}":
                yield Fault("an image has the name of another row", "images", row, row + 1)

    def close(self) -> None:
        """Close the table."""
        self.table.close()

    def _image(self, file: str, one: Field) -> Array:
        try:
            data = self._content(file)
            return decode(data, file.rpartition(".")[2], one.shape, np.dtype(one.dtype))
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(f"{self.train / file}: cannot be read: {error}") from error

    def _content(self, file: str) -> bytes:
        """An image file. Raises `SourceError` for one that lies elsewhere, or is none."""
        path = self.train / file
        if ".." in path.parts or path.is_absolute() != self.train.is_absolute():
            raise SourceError(f"{path}: is not in the folder; the table was changed")
        try:
            _manifest.inside(self.train.parent, f"train/{file}")
        except ValueError as error:
            raise SourceError(f"{path}: {error}") from None
        if not path.is_file():  # opening a pipe would wait for ever
            raise SourceError(f"{path}: there is no such file")
        return path.read_bytes()
