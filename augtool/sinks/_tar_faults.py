"""What in a tar archive is not, byte for byte, as augtool writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from augtool.sinks._contract import Fault
from augtool.sinks._described import MEMBER
from augtool.sinks._tar import END, member

if TYPE_CHECKING:
    from augtool.encode import Encoding
    from augtool.sinks._tar_rows import TarRows


def faults(archive: TarRows, low: int, high: int) -> Iterator[Fault]:
    """Rows low … high−1 that are stored in other bytes than their values are written in; with the
    last row, whether the end is as it should be."""
    for row in range(low, high):
        start, stop = archive.extent(row)
        if (row == 0 and start != 0) or archive.data[start:stop] != _written(archive, row):
            yield Fault("its files are not in the form that augtool writes", "", row, row + 1)
    if high == archive.rows and archive.data[archive.end :] != _end(archive):
        yield Fault("its end is not in the form that augtool writes")


@dataclass(frozen=True)
class _AsItIs:
    """An encoding for images that are encoded already."""

    extension: str

    def encode(self, data: bytes) -> bytes:
        return data


def _written(archive: TarRows, row: int) -> bytes:
    """The bytes in which a row's values are written."""
    from augtool.sinks.tar import TarWriter

    facts, rows = archive.facts, np.array([archive.number(row)])
    extension = _AsItIs(facts.encode.partition(":")[0])
    with TarWriter(cast("Encoding", extension)) as writer:
        writer.write("images", rows, cast(Any, [archive.image(row)]))
        for name in _order(archive, row):
            writer.write(name, rows, np.asarray(archive.field(name)[row : row + 1]))
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
