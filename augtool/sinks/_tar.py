"""Members of a tar archive: ustar, no owner, time 0, so that equal data has equal bytes."""

from __future__ import annotations

_BLOCK = 512
LONGEST_NAME = 100
END = bytes(2 * _BLOCK)


def member(name: str, data: bytes) -> bytes:
    """A file of the archive: its header, and its data up to a whole block.

    ``name`` has at most 100 bytes in UTF-8; data has less than 8 GiB.
    """
    return b"".join(parts(name, data))


def parts(name: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    """The bytes of `member` in three, for who joins them with others: a copy less."""
    return header(name, len(data)), data, bytes(-len(data) % _BLOCK)


def header(name: str, size: int) -> bytes:
    """The 512 bytes before a file of ``size`` bytes (POSIX.1-1988)."""
    text = name.encode()
    if len(text) > LONGEST_NAME:
        raise ValueError(f"{name}: longer than the {LONGEST_NAME} bytes of a tar header")
    front = b"%s0000644\x000000000\x000000000\x00%011o\x0000000000000\x00" % (
        text.ljust(100, b"\x00"),
        size,
    )
    checksum = sum(front) + _REST_SUM
    return b"%s%06o\x00 %s" % (front, checksum, _REST)


_REST = (b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\x00").ljust(
    _BLOCK - 156, b"\x00"
)
_REST_SUM = sum(_REST) + 8 * ord(" ")  # the checksum counts its own place as spaces
