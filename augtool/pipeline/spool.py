"""Encoded pieces that are kept until the file that they are in is whole.

A file that only one process can write, and that cannot be opened again to write on, such as Parquet
or compressed HDF5, is made anew from them when a run goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from augtool.pipeline.journal import Done, Place
from augtool.sinks import _checksums
from augtool.sinks._contract import Encoded
from augtool.sinks._positional_writer import refused


@dataclass
class Spool:
    """The pieces of one file of the output at a time, in ``folder``."""

    folder: Path
    _number: int = -1
    _last: int = -1  # the first file whose pieces are kept
    _file: BinaryIO | None = field(default=None, repr=False)

    def add(self, number: int, pieces: Sequence[Encoded]) -> tuple[Place, ...]:
        """Keep pieces of the output's file ``number``. Raises `OutputError` when they find no
        room."""
        try:
            file = self._opened(number)
            at, places = file.seek(0, 2), []
            for one in pieces:
                crc = _checksums.crc(one.data)
                places.append(Place(one.field, one.row, at, len(one.data), crc))
                left = memoryview(one.data)
                while left:
                    left = left[file.write(left) :]
                at += len(one.data)
        except OSError as error:
            raise refused(self.path(number), error) from error
        return tuple(places)

    def pieces(self, done: Done) -> list[Encoded]:
        """The pieces of a task of an earlier run."""
        return pieces_at(self.path(done.position.file), done.places)

    def forget_before(self, number: int) -> None:
        """The files before this one are whole: their pieces are needed no more."""
        if number != self._last:
            for old in range(max(self._last, 0), number):
                self.path(old).unlink(missing_ok=True)
            self._last = number

    def flush(self) -> None:
        """Have all pieces on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _opened(self, number: int) -> BinaryIO:
        if self._file is None or number != self._number:
            self.close()
            self._number, self._file = number, self.path(number).open("ab", buffering=0)
        return self._file

    def path(self, number: int) -> Path:
        """Where the pieces of the output's file ``number`` are."""
        return self.folder / f"pieces-{number}"


def pieces_at(path: Path, places: Sequence[Place]) -> list[Encoded]:
    """The pieces that lie in a file. Raises ValueError when they are not what was put there."""
    with path.open("rb") as file:
        return [Encoded(one.field, one.row, _read(file, one)) for one in places]


def _read(file: BinaryIO, one: Place) -> bytes:
    file.seek(one.offset)
    data = file.read(one.length)
    if len(data) < one.length or _checksums.crc(data) != one.crc:
        raise ValueError(f"{Path(file.name).name} is cut or damaged")
    return data
