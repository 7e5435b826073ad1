"""WebDataset tar archives: a few files a row, side by side, that share a key.

``000000017.png`` (or jpg, webp, npy), ``.cls`` (the heaviest class), ``.soft.npy`` (the label) and
``.json`` (sources, weights and the plan). Workers encode rows, the parent appends them in order, to
files or to stdout. The last member of an archive, ``.augtool.json``, has what describes it and its
records; readers pass it over.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from augtool.codecs.encoding import Encoding, encoding
from augtool.errors import UsageError
from augtool.sinks import _timm
from augtool.sinks._contract import Buffer, Digests, Encoded, Order, Position
from augtool.sinks._described import MEMBER, described
from augtool.sinks._npy import npy
from augtool.sinks._positional_writer import bytes_of, refused
from augtool.sinks._tar import END, LONGEST_NAME, member, parts
from augtool.sinks._tar_reader import read

__all__ = ["FOLDER", "OPTIONS", "SUFFIXES", "chunk_rows", "lay_out", "read"]

SUFFIXES = (".tar",)
FOLDER = True
OPTIONS = frozenset({"shards", "encode", "sparse", "stdout", "index"})
_KEY = "{:09}"


def chunk_rows(order: Order) -> int | None:
    """Rows come in order, one by one. Raises `UsageError` for an encoding that cannot hold them,
    and for a name that no header of a member can hold."""
    _encoding(order)
    for one in order.fields:
        if (
            _is_member(one.name)
            and len(_member_of(_KEY.format(0), one.name).encode()) > LONGEST_NAME
        ):
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


@dataclass
class TarWriter:
    """Encodes rows: all fields of some, in order, until `encoded` is called."""

    encoding: Encoding
    _rows: list[int] = field(default_factory=list)
    _images: list[bytes] = field(default_factory=list)
    _others: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._rows, self._images, self._others = [], [], {}

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Encode images; keep the other fields of the same rows, which come later."""
        if field == "images":
            encoded = [self.encoding.encode(image) for image in values]
            self._rows += rows.tolist()
            self._images += encoded
            return encoded
        kept = values.copy()  # the caller uses its arrays again
        self._others.setdefault(field, []).append(kept)
        return (bytes_of(kept),)

    def encoded(self) -> Sequence[Encoded]:
        """The members of all rows since the last call, one piece for each run of rows."""
        fields = {name: np.concatenate(each) for name, each in self._others.items()}
        members = [self._row(at, fields) for at in range(len(self._rows))]
        edges = np.flatnonzero(np.diff(self._rows) != 1) + 1
        starts = [0, *edges.tolist(), len(members)]
        pieces = [
            Encoded("", self._rows[start], b"".join(itertools.chain(*members[start:stop])))
            for start, stop in itertools.pairwise(starts)
            if stop > start
        ]
        self._rows, self._images, self._others = [], [], {}
        return pieces

    def written(
        self, _field: str, _rows: npt.NDArray[Any], _pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """None: all of it is appended."""
        return None

    def _row(self, at: int, fields: Mapping[str, npt.NDArray[Any]]) -> list[bytes]:
        """The files of one row, one after another."""
        key = _KEY.format(self._rows[at])
        files = [*parts(f"{key}.{self.encoding.extension}", self._images[at])]
        plan: dict[str, Any] = {}
        for name, values in fields.items():
            value = values[at]
            if name == "label":
                files.extend(parts(f"{key}.cls", b"%d" % int(value)))
            elif name == "labels":
                files.extend(parts(f"{key}.soft.npy", npy(value)))
            elif _is_member(name):
                files.extend(parts(_member_of(key, name), npy(value)))
            else:
                plan[name] = value.decode() if isinstance(value, bytes) else value.tolist()
        text = json.dumps(plan, separators=(",", ":")).encode()
        return [*files, *parts(f"{key}.json", text)]


def _name_of(shard: int) -> str:
    return f"train-{shard:06}.tar"


def _is_member(field: str) -> bool:
    """Whether the values of a field are a file of their own, of its name."""
    return field == "masks" or field.startswith("labels_")


def _member_of(key: str, field: str) -> str:
    return f"{key}.{field}.npy"
