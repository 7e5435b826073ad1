"""Copies of what cannot be read at random places, made once, in order, in the scratch folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from augtool.errors import SourceError
from augtool.sources._listing import shown

_AT_ONCE = 1 << 20
_SPARE = 64 << 20  # bytes that a copy of unknown size leaves free
_OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": cast(Any, gzip.GzipFile),
    b"BZh": cast(Any, bz2.BZ2File),
    b"\xfd7zXZ\0": cast(Any, lzma.LZMAFile),
}
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def opener(beginning: bytes) -> Callable[[Path], IO[bytes]] | None:
    """What decompresses a file that begins so; None when it is not compressed."""
    return next((one for magic, one in _OPENERS.items() if beginning.startswith(magic)), None)


def unpacked(path: Path, decompressed: Callable[[Path], IO[bytes]], copy: Path) -> Path:
    """``copy``, with the decompressed content of ``path``.

    Raises `SourceError` when the file is damaged, or does not fit on the disk.
    """
    where = shown(str(path).encode("utf-8", "surrogateescape"))
    with copy.open("wb") as out:
        try:
            with decompressed(path) as file:
                while piece := file.read(_AT_ONCE):
                    check_room(copy.parent, where, len(piece) + _SPARE)
                    out.write(piece)
        except DAMAGE as error:
            raise SourceError(
                f"{where}: cannot be decompressed, perhaps damaged ({error})"
            ) from None
    return copy


def check_room(folder: Path, where: str, nbytes: int) -> None:
    """Raise `SourceError` unless ``nbytes`` more fit into the scratch ``folder``."""
    free = shutil.disk_usage(folder).free
    if nbytes > free:
        raise SourceError(
            f"{folder}: a copy of {where} needs {nbytes:,} bytes and {free:,} are free; make room, "
            "or name another place with --scratch DIR"
        )
