"""Members of a zip archive, stored as they are: no owner, the first day that a zip has, so that
equal data has equal bytes. Data begin at a multiple of 64 bytes. Zip64 where it must be.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_ALIGNMENT = 64
_DATE = 1 << 5 | 1  # 1 January 1980
_MOST = 0xFFFFFFFF  # a number of 32 bits that stands in the extra field
_UTF8 = 1 << 11
_MODE = 0o100644 << 16
_UNIX = 3 << 8
_ZIP64, _PADDING = 0x0001, 0xD935


@dataclass(frozen=True)
class Member:
    """A file of the archive: ``size`` bytes, after a header that begins at the byte ``offset``."""

    name: str
    size: int
    offset: int
    crc: int = 0

    @property
    def start(self) -> int:
        """The byte at which the data begin."""
        return self.offset + len(header(self))

    @property
    def stop(self) -> int:
        """The byte after the data."""
        return self.start + self.size


def header(one: Member) -> bytes:
    """What stands before a member's data; its length does not depend on the CRC."""
    name, sizes = one.name.encode(), (one.size, one.size)
    extra = b""
    if one.size >= _MOST:
        extra, sizes = struct.pack("<HHQQ", _ZIP64, 16, one.size, one.size), (_MOST, _MOST)
    before = one.offset + 30 + len(name) + len(extra) + 6
    padding = -before % _ALIGNMENT
    extra += struct.pack("<HHH", _PADDING, 2 + padding, _ALIGNMENT) + bytes(padding)
    front = struct.pack(
        "<4sHHHHHIIIHH",
        b"PK\x03\x04",
        _version(one),
        _flags(one),
        0,
        0,
        _DATE,
        one.crc,
        *sizes,
        len(name),
        len(extra),
    )
    return front + name + extra


def directory(members: Sequence[Member], offset: int) -> bytes:
    """What ends an archive, from the byte ``offset`` on: a list of all members, of which there are
    less than 65,535."""
    entries = b"".join(map(_entry, members))
    size, count = len(entries), len(members)
    parts = [entries]
    if offset >= _MOST:
        parts.append(
            struct.pack(
                "<4sQHHIIQQQQ", b"PK\x06\x06", 44, _UNIX | 45, 45, 0, 0, count, count, size, offset
            )
        )
        parts.append(struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + size, 1))
    parts.append(
        struct.pack(
            "<4sHHHHIIH",
            b"PK\x05\x06",
            0,
            0,
            count,
            count,
            size,
            min(offset, _MOST),
            0,
        )
    )
    return b"".join(parts)


def _entry(one: Member) -> bytes:
    """A member's line in the directory."""
    name = one.name.encode()
    size, offset = min(one.size, _MOST), min(one.offset, _MOST)
    large = ([one.size] * 2 if size == _MOST else []) + ([one.offset] if offset == _MOST else [])
    extra = struct.pack(f"<HH{len(large)}Q", _ZIP64, 8 * len(large), *large) if large else b""
    front = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\x01\x02",
        _UNIX | _version(one),
        _version(one),
        _flags(one),
        0,
        0,
        _DATE,
        one.crc,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _MODE,
        offset,
    )
    return front + name + extra


def _version(one: Member) -> int:
    """The version of the format that a reader must know."""
    return 45 if max(one.size, one.offset) >= _MOST else 20


def _flags(one: Member) -> int:
    return 0 if one.name.isascii() else _UTF8
