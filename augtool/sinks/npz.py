"""One .npz file, not compressed: ``x.npy``, ``y.npy`` and one member for each other field.

The file is laid out at full size with its space reserved, and workers write their rows in place.
The CRCs of the members follow from the records, so no byte is read again. The last member,
``.augtool.json``, has what describes the file and its records.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from augtool.sinks import _checksums, _writeback, _zip
from augtool.sinks._contract import Buffer, Digests, Encoded, Facts, Fault, Order, Position, Runs
from augtool.sinks._described import MEMBER, described
from augtool.sinks._npy import array_name, npy_header
from augtool.sinks._positional_writer import (
    Place,
    PlacedWriter,
    bytes_of,
    check_space,
    refused,
    reserve,
    write_all,
)
from augtool.sinks._reader import Ints, by_name, facts_of
from augtool.sinks._zip import Member

SUFFIXES = (".npz",)
FOLDER = False
OPTIONS = frozenset({"sparse", "nchw"})


def chunk_rows(_order: Order) -> int | None:
    """None: any task may write anywhere."""
    return None


def lay_out(order: Order, since: Position | None = None) -> NpzSink:
    """The file with the headers of all members, and space for their rows; rows that are there
    stay."""
    arrays = _arrays(order)
    end = arrays[-1].member.stop
    try:
        if since is None:
            check_space(order.path, end)
            order.path.write_bytes(b"")
        os.truncate(order.path, end)
        reserve(order.path)
        _write(order, [part for one in arrays for part in one.fronts])
    except OSError as error:
        raise refused(order.path, error) from error
    places = {
        field.name: (
            Place(0, order.rows, order.path, one.member.start + len(one.header), field.row_bytes),
        )
        for field, one in zip(order.fields, arrays, strict=True)
    }
    return NpzSink(order, arrays, PlacedWriter(places))


def read(path: Path) -> NpzRows:
    """Open a finished file. Raises KeyError when its description is not there."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        described = json.loads(archive.read(MEMBER))
        starts = {one.filename: _start(file, one) for one in archive.infolist()}
    facts = dataclasses.replace(facts_of(described), encode="")
    return NpzRows(path, facts, described["rows"][1], starts)


def _start(file: BinaryIO, one: zipfile.ZipInfo) -> int:
    """The byte at which a member's data begin."""
    file.seek(one.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    return one.header_offset + 30 + int(name) + int(extra)


@dataclass
class NpzRows:
    """A file, open for reading; ``starts`` has the byte at which each member begins."""

    path: Path
    facts: Facts
    rows: int
    starts: Mapping[str, int]

    def field(self, name: str) -> Any:
        """A memory map."""
        one = by_name(self.facts.fields)[name]
        shape, dtype = (self.rows, *one.shape), np.dtype(one.dtype)
        start = self.starts[f"{array_name(name, 'x', 'y')}.npy"]
        return np.memmap(self.path, dtype, "r", start + len(npy_header(shape, dtype)), shape)

    @property
    def runs(self) -> Runs | None:
        """All output rows, in order."""
        return ((0, self.rows),)

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`."""
        return (bytes_of(self.field(name)[rows]),)

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: all that is no row, as `NpzSink` writes it, and the members' CRCs."""
        if low > 0:
            return
        with self.path.open("rb") as file, zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                yield Fault(f"{damaged} has not the CRC that the archive says")
            crcs = {one.filename: one.CRC for one in archive.infolist()}
            text = archive.read(MEMBER)
            arrays, members = self._arrays(crcs), list[Member]()
            for one in arrays:
                members.append(one.member)
                if not _reads(file, one.fronts):
                    yield Fault(f"{one.member.name} has another header", one.field)
            last = Member(MEMBER, len(text), members[-1].stop, crcs[MEMBER])
            ends = (
                (last.offset, _zip.header(last)),
                (last.stop, _zip.directory([*members, last], last.stop)),
            )
            if not _reads(file, ends) or file.read(1):
                yield Fault("its end is not as augtool writes it")

    def _arrays(self, crcs: Mapping[str, int]) -> tuple[_Array, ...]:
        order = Order(self.path, self.facts.fields, (0, self.rows), self.facts.attributes)
        return tuple(
            dataclasses.replace(
                one, member=dataclasses.replace(one.member, crc=crcs[one.member.name])
            )
            for one in _arrays(order)
        )

    def close(self) -> None:
        """Nothing: memory maps go with their last user."""


def _reads(file: BinaryIO, parts: Sequence[tuple[int, bytes]]) -> bool:
    """Whether each part stands at its byte of a file."""
    for offset, data in parts:
        file.seek(offset)
        if file.read(len(data)) != data:
            return False
    return True


@dataclass(frozen=True)
class _Array:
    """A member that holds the rows of a field after a .npy header."""

    field: str
    header: bytes
    member: Member

    @property
    def fronts(self) -> tuple[tuple[int, bytes], ...]:
        """What stands before the rows, each with the byte at which it begins."""
        member = self.member
        return (member.offset, _zip.header(member)), (member.start, self.header)


def _arrays(order: Order) -> tuple[_Array, ...]:
    """The members, one after the other."""
    arrays, offset = [], 0
    for one in order.fields:
        header = npy_header((order.rows, *one.shape), np.dtype(one.dtype))
        size = len(header) + order.rows * one.row_bytes
        member = Member(f"{array_name(one.name, 'x', 'y')}.npy", size, offset)
        arrays.append(_Array(one.name, header, member))
        offset = member.stop
    return tuple(arrays)


@dataclass
class NpzSink:
    """The file under construction."""

    order: Order
    arrays: tuple[_Array, ...]
    writer: PlacedWriter
    replays = False

    def append(self, _pieces: Sequence[Encoded], _digests: Digests) -> None:
        """What workers wrote goes to the disk."""
        _writeback.begin(self.order.path)

    def position(self) -> Position:
        """Always the same: workers write in place."""
        return Position()

    def file(self, _number: int) -> Path | None:
        """None: workers write in place."""
        return None

    def finish(self, digests: Digests) -> None:
        """Write the CRCs, the last member and the list of members."""
        crcs = digests.whole()
        arrays = [_with_crc(one, *crcs[one.field]) for one in self.arrays]
        text = described(self.order, 0, self.order.rows, digests)
        last = Member(MEMBER, len(text), arrays[-1].member.stop, _checksums.crc(text))
        members = [*(one.member for one in arrays), last]
        parts = itertools.chain.from_iterable(one.fronts for one in arrays)
        try:
            _write(
                self.order,
                [
                    *parts,
                    (last.offset, _zip.header(last)),
                    (last.start, text),
                    (last.stop, _zip.directory(members, last.stop)),
                ],
            )
        except OSError as error:
            raise refused(self.order.path, error) from error

    def close(self) -> None:
        """Nothing: no file is held open."""


def _with_crc(one: _Array, crc: int, length: int) -> _Array:
    whole = _checksums.joined(_checksums.crc(one.header), crc, length)
    return dataclasses.replace(one, member=dataclasses.replace(one.member, crc=whole))


def _write(order: Order, parts: Sequence[tuple[int, bytes]]) -> None:
    """Write each part at its byte of the file."""
    handle = os.open(order.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        for offset, data in parts:
            write_all(handle, memoryview(data), offset)
    finally:
        os.close(handle)
