"""The members of a zip archive, from its directory, one by one: an archive may have millions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

STORED, DEFLATED = 0, 8
_END, _END64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_MEMBER, _LOCAL = b"PK\1\2", b"PK\3\4"
_LONGEST_END = 65557
_FULL = 0xFFFFFFFF
_MOST = 1 << 60
_ENCRYPTED, _UTF8 = 1, 0x800
_LINK = 0xA000


class BadZip(Exception):
    """The bytes are no zip archive, or a damaged one; the message says how."""


@dataclass(frozen=True)
class ZipMember:
    """What the directory says of a member; ``start`` is where its local header begins."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int
    start: int
    encrypted: bool
    link: bool

    @property
    def is_folder(self) -> bool:
        return self.name.endswith(b"/")


def members(file: BinaryIO) -> Iterator[ZipMember]:
    """All members in the order of the directory. Raises `BadZip`."""
    offset, nbytes, shift, count = _directory(file)
    file.seek(offset)
    at = 0
    for _ in range(count):
        fixed = file.read(46)
        if len(fixed) < 46 or fixed[:4] != _MEMBER:
            raise BadZip(f"its directory is damaged at byte {offset + at:,}")
        (flags, method, _, _, crc, packed, size, name_len, extra_len, note_len, _, _, attributes,
         start) = struct.unpack("<8xHHHHLLLHHHHHLL", fixed)  # fmt: skip
        rest = file.read(name_len + extra_len + note_len)
        at += 46 + len(rest)
        if len(rest) < name_len + extra_len + note_len or at > nbytes:
            raise BadZip("its directory ends early")
        name, extra = rest[:name_len], rest[name_len : name_len + extra_len]
        size, packed, start = _long(extra, size, packed, start)
        if max(size, packed, start + shift) > _MOST:
            raise BadZip(f"its directory is damaged near byte {offset + at:,}")
        if not flags & _UTF8:
            name = _as_utf8(name)
        mode = attributes >> 16
        yield ZipMember(
            name.replace(b"\\", b"/"), method, crc, packed, size, start + shift,
            bool(flags & _ENCRYPTED), mode & 0xF000 == _LINK,
        )  # fmt: skip


def data_offset(file: BinaryIO, member: ZipMember) -> int:
    """Where the data of a member begin. Raises `BadZip`."""
    file.seek(member.start)
    local = file.read(30)
    if len(local) < 30 or local[:4] != _LOCAL:
        raise BadZip("a member is not where the directory says")
    name_len, extra_len = struct.unpack("<26xHH", local)
    return int(member.start + 30 + name_len + extra_len)


def _directory(file: BinaryIO) -> tuple[int, int, int, int]:
    """(offset, bytes, what stands before the archive, members) of the directory."""
    size = file.seek(0, 2)
    tail_at = max(0, size - _LONGEST_END)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise BadZip("it has no directory at its end; perhaps it was cut short")
    count, nbytes, offset = struct.unpack("<10xHLL2x", tail[at : at + 22])
    end = tail_at + at
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR:
        end = struct.unpack("<8xQ4x", tail[at - 20 : at])[0]
        file.seek(end)
        record = file.read(56)
        if record[:4] != _END64 or len(record) < 56:
            raise BadZip("its directory is not where it says")
        count, nbytes, offset = struct.unpack("<32xQQQ", record)
    shift = end - nbytes - offset
    if shift < 0:
        raise BadZip("its directory is not where it says; perhaps it was cut short")
    return offset + shift, nbytes, shift, count


def _long(extra: bytes, size: int, packed: int, start: int) -> tuple[int, int, int]:
    """The numbers that have more than 32 bits, from the extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            longs = iter(struct.unpack_from(f"<{length // 8}Q", extra[: at + 4 + length], at + 4)
                         if at + 4 + length <= len(extra) else ())  # fmt: skip
            size = next(longs, size) if size == _FULL else size
            packed = next(longs, packed) if packed == _FULL else packed
            start = next(longs, start) if start == _FULL else start
        at += 4 + length
    return size, packed, start


def _as_utf8(name: bytes) -> bytes:
    """A name in UTF-8, as most programs write it even where they do not say so; else the code page
    of DOS."""
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437").encode("utf-8")
    return name
