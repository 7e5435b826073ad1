"""One .npz file, not compressed: ``x.npy``, ``y.npy`` and one member for each other field.

The file is laid out at full size with its space reserved, and workers write their rows in place.
The CRCs of the members follow from the records, so no byte is read again. The last member,
``.augtool.json``, has what describes the file and its records.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from augtool import records
from augtool.sinks import _writeback, _zip
from augtool.sinks._contract import Digests, Encoded, Order
from augtool.sinks._described import MEMBER, described
from augtool.sinks._npy import array_name, npy_header
from augtool.sinks._places import Place, PlacedWriter, check_space, refused, reserve, write_all
from augtool.sinks._zip import Member

SUFFIXES = (".npz",)
FOLDER = False
OPTIONS = frozenset({"sparse", "nchw"})


def chunk_rows(_order: Order) -> int | None:
    """None: any task may write anywhere."""
    return None


def lay_out(order: Order) -> NpzSink:
    """The file with the headers of all members, and space for their rows."""
    arrays = _arrays(order)
    end = arrays[-1].member.stop
    check_space(order.path, end)
    try:
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

    def append(self, _pieces: Sequence[Encoded], _digests: Digests) -> None:
        """What workers wrote goes to the disk."""
        _writeback.begin(self.order.path)

    def finish(self, digests: Digests) -> None:
        """Write the CRCs, the last member and the list of members."""
        crcs = digests.whole()
        arrays = [_with_crc(one, *crcs[one.field]) for one in self.arrays]
        text = described(self.order, 0, self.order.rows, digests)
        last = Member(MEMBER, len(text), arrays[-1].member.stop, records.crc(text))
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
    whole = records.joined(records.crc(one.header), crc, length)
    return dataclasses.replace(one, member=dataclasses.replace(one.member, crc=whole))


def _write(order: Order, parts: Sequence[tuple[int, bytes]]) -> None:
    """Write each part at its byte of the file."""
    handle = os.open(order.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        for offset, data in parts:
            write_all(handle, memoryview(data), offset)
    finally:
        os.close(handle)
