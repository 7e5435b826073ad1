"""What is to be unpacked is said beforehand, on the logger ``augtool``."""

from __future__ import annotations

import logging
import os
from pathlib import Path

LOGGER = logging.getLogger("augtool")

_WORTH_SAYING = 64 << 20
_GZIP = b"\x1f\x8b"
_TRAILER = 4  # bytes at the end of a gzip file: the size of what was packed last, modulo 2³²


def tell(where: str, nbytes: int, folder: Path, about: str = "") -> None:
    """Say that a copy of ``where`` will take so many bytes in ``folder``, if they are many."""
    if nbytes >= _WORTH_SAYING:
        place = os.path.realpath(folder)  # it may be reached by a descriptor
        LOGGER.info("unpacking %s: %s%s bytes in %s", where, about, f"{nbytes:,}", place)


def expected(path: Path) -> int:
    """What a compressed file unpacks to, at least: what gzip says at its end, else as many bytes as
    it has, since images hardly shrink."""
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP)) == _GZIP
        size = file.seek(0, os.SEEK_END)
        if not is_gzip or size < _TRAILER:
            return size
        file.seek(-_TRAILER, os.SEEK_END)
        return max(size, int.from_bytes(file.read(_TRAILER), "little"))
