"""What in a tar archive is not, byte for byte, as augtool writes it."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from augtool.codecs.encoding import Encoding
from augtool.sinks._contract import Facts, Fault
from augtool.sinks._described import MEMBER
from augtool.sinks._tar import END, member
from augtool.sinks._tar_writer import TarWriter

_AT_ONCE = 256  # rows that are looked at together


class TarRows(Protocol):
    """An archive that is open for reading: what an audit asks of it."""

    @property
    def facts(self) -> Facts:
        """What its last member says of it."""
        ...

    @property
    def data(self) -> mmap.mmap:
        """All its bytes."""
        ...

    @property
    def end(self) -> int:
        """The byte at which its last member begins."""
        ...

    @property
    def rows(self) -> int:
        """How many rows are there."""
        ...

    def field(self, name: str) -> Any:
        """A field, of which rows are taken by number."""
        ...

    def number(self, row: int) -> int:
        """The output row that the key of a row is."""
        ...

    def image(self, row: int) -> bytes:
        """The file of a row's image."""
        ...

    def planned(self, row: int) -> dict[str, Any]:
        """What the JSON of a row says."""
        ...

    def extent(self, row: int) -> tuple[int, int]:
        """The first byte of a row's files, and the one after their last."""
        ...


def faults(archive: TarRows, low: int, high: int) -> Iterator[Fault]:
    """Rows low … high−1 that are stored in other bytes than their values are written in; with the
    last row, whether the end is as it should be."""
    for first in range(low, high, _AT_ONCE):
        last = min(first + _AT_ONCE, high)
        if not _holds(archive, first, last):  # which of them, or only how they follow
            rows = [row for row in range(first, last) if not _holds(archive, row, row + 1)]
            for row in rows or range(first, last):
                yield Fault("its files are not in the form that augtool writes", "", row, row + 1)
    if high == archive.rows and archive.data[archive.end :] != _end(archive):
        yield Fault("its end is not in the form that augtool writes")


@dataclass(frozen=True)
class _AsItIs:
    """An encoding for images that are encoded already."""

    extension: str

    def encode(self, data: bytes) -> bytes:
        return data


def _holds(archive: TarRows, low: int, high: int) -> bool:
    """Whether rows are stored in the bytes in which their values are written, from the archive's
    first byte on."""
    start, stop = archive.extent(low)[0], archive.extent(high - 1)[1]
    try:
        return (low > 0 or start == 0) and archive.data[start:stop] == _written(archive, low, high)
    except Exception:  # a value that cannot be read is told of its row
        if high - low > 1:
            return False
        raise


def _written(archive: TarRows, low: int, high: int) -> bytes:
    """The bytes in which the values of rows are written."""

    facts = archive.facts
    numbers = np.array([archive.number(row) for row in range(low, high)])
    extension = _AsItIs(facts.encode.partition(":")[0])
    with TarWriter(cast(Encoding, extension)) as writer:
        images: Any = [archive.image(row) for row in range(low, high)]
        writer.write("images", numbers, images)
        for name in _order(archive, low):
            writer.write(name, numbers, np.asarray(archive.field(name)[low:high]))
        return b"".join(piece.data for piece in writer.encoded())


def _order(archive: TarRows, row: int) -> list[str]:
    """The fields in the order in which they are written: files, then those in the JSON."""
    planned = list(archive.planned(row))
    files = [one.name for one in archive.facts.fields[1:] if one.name not in planned]
    return files + planned


def _end(archive: TarRows) -> bytes:
    text = archive.data[archive.end :]
    size = int(text[124:135], 8)
    said = json.loads(text[512 : 512 + size])
    again = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return member(MEMBER, again) + END
