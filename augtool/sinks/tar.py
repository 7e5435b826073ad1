"""WebDataset tar archives: a few files a row, side by side, that share a key.

``000000017.png`` (or jpg, webp, npy), ``.cls`` (the heaviest class), ``.soft.npy`` (the label) and
``.json`` (sources, weights and the plan). Workers encode rows, the parent appends them in order, to
files or to stdout. The last member of an archive, ``.augtool.json``, has what describes it and its
records; readers pass it over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from augtool.codecs.encoding import Encoding, encoding
from augtool.errors import UsageError
from augtool.sinks import _timm
from augtool.sinks._contract import Buffer, Digests, Encoded, Order, Position
from augtool.sinks._described import MEMBER, described
from augtool.sinks._positional_writer import refused
from augtool.sinks._tar import END, LONGEST_NAME, member
from augtool.sinks._tar_reader import read
from augtool.sinks._tar_writer import KEY, TarWriter, is_member, member_of

__all__ = ["FOLDER", "OPTIONS", "SUFFIXES", "chunk_rows", "lay_out", "read"]

SUFFIXES = (".tar",)
FOLDER = True
OPTIONS = frozenset({"shards", "encode", "sparse", "stdout", "index"})


def chunk_rows(order: Order) -> int | None:
    """Rows come in order, one by one. Raises `UsageError` for an encoding that cannot hold them,
    and for a name that no header of a member can hold."""
    _encoding(order)
    for one in order.fields:
        if is_member(one.name) and len(member_of(KEY.format(0), one.name).encode()) > LONGEST_NAME:
            raise UsageError(
                f"{one.name}: its name is too long for a tar archive; use another format"
            )
    return 1


def lay_out(order: Order, since: Position | None = None) -> TarSink:
    """Nothing yet: archives are begun when their first row comes. One that was begun is cut off
    where it counts no more."""
    sink = TarSink(order, TarWriter(_encoding(order)))
    if since is not None and since.file >= 0:
        sink.go_on(since)
    return sink


def _encoding(order: Order) -> Encoding:
    images = order.fields[0]
    return encoding(order.encode, images.shape, np.dtype(images.dtype))


@dataclass
class TarSink:
    """The archives under construction: one is open at a time."""

    order: Order
    writer: TarWriter
    replays = False
    _number: int = -1  # of the archive that is open
    _size: int = 0  # what has been written of it
    _stream: BinaryIO | None = None

    def go_on(self, since: Position) -> None:
        """Open the archive that was open then, with what it had."""
        self._number, self._size = since.file, since.size
        try:
            os.truncate(self._path, since.size)
            self._stream = self._path.open("ab", buffering=0)
        except OSError as error:
            raise refused(self._path, error) from error

    def append(self, pieces: Sequence[Encoded], digests: Digests) -> None:
        """Append encoded rows, in order; an archive whose last row has come is completed."""
        for piece in pieces:
            while self._number < 0 or piece.row >= self.order.shards[self._number][1]:
                self._complete(digests)
                self._begin(self._number + 1)
            self._write(piece.data)

    def position(self) -> Position:
        """The archive that is open, and its size."""
        return Position(self._number, self._size)

    def file(self, number: int) -> Path | None:
        """See `Sink`; a stream is none."""
        path = self.order.path
        if self.order.to_stdout:
            return None
        return path / _name_of(number) if path.is_dir() else path

    def finish(self, digests: Digests) -> None:
        """Complete the last archive, which is the first where there are no rows."""
        if self._number < 0:
            self._begin(0)
        self._complete(digests)
        if self.order.index:
            _timm.write(self.order, [_name_of(one) for one in range(len(self.order.shards))])

    def close(self) -> None:
        """Close the archive that is open, if any."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()

    def _begin(self, number: int) -> None:
        self._number, self._size = number, 0
        try:
            if self.order.to_stdout:
                self._stream = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115
            else:
                self._stream = self._path.open("wb", buffering=0)
        except OSError as error:
            raise refused(self._path, error) from error

    @property
    def _path(self) -> Path:
        return self.file(self._number) or self.order.path

    def _write(self, data: Buffer) -> None:
        assert self._stream is not None
        left = memoryview(data)
        try:
            while left:
                written = self._stream.write(left)
                left, self._size = left[written:], self._size + written
        except BrokenPipeError:  # whoever reads stdout has gone
            raise
        except OSError as error:
            raise refused(self._path, error) from error

    def _complete(self, digests: Digests) -> None:
        """Write an archive's last member and its end."""
        if self._stream is None:
            return
        start, stop = self.order.shards[self._number]
        self._write(member(MEMBER, described(self.order, start, stop, digests)) + END)
        try:
            self.close()
        except OSError as error:
            raise refused(self._path, error) from error


def _name_of(shard: int) -> str:
    return f"train-{shard:06}.tar"
