"""Copies of what cannot be read at random places, made once, in order, in the scratch folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from augtool.errors import SourceError
from augtool.sources import _unpack_limits
from augtool.text import shown

_AT_ONCE = 1 << 20
_SPARE = 64 << 20  # bytes that a copy of unknown size leaves free
_XZ_MEMORY = 256 << 20  # xz -9 takes 65 MB, and a header can ask for 4 GB


class _Xz(io.RawIOBase):
    """An xz file, decompressed with bounded memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._engine = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises LZMAError, and EOFError when the file ends early."""
        while True:
            if self._engine.eof:  # there may be another stream, or zeros, behind it
                rest = (self._engine.unused_data or self._file.read(_AT_ONCE)).lstrip(b"\0")
                if not rest:
                    return 0
                self._engine = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            else:
                rest = self._file.read(_AT_ONCE) if self._engine.needs_input else b""
                if self._engine.needs_input and not rest:
                    raise EOFError("it ends early")
            data = self._engine.decompress(rest, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


_OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": cast(Any, gzip.GzipFile),
    b"BZh": cast(Any, bz2.BZ2File),
    b"\xfd7zXZ\0": lambda path: io.BufferedReader(cast(Any, _Xz(path))),
}
DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def opener(beginning: bytes) -> Callable[[Path], IO[bytes]] | None:
    """What decompresses a file that begins so; None when it is not compressed."""
    return next((one for magic, one in _OPENERS.items() if beginning.startswith(magic)), None)


def unpacked(path: Path, decompressed: Callable[[Path], IO[bytes]], copy: Path, most: int) -> Path:
    """``copy``, with the decompressed content of ``path``.

    Raises `SourceError` when the file is damaged, takes more than ``most`` bytes, or does not fit
    on the disk.
    """
    where = shown(str(path).encode("utf-8", "surrogateescape"))
    with copy.open("wb") as out:
        try:
            with decompressed(path) as file:
                while piece := file.read(_AT_ONCE):
                    if out.tell() + len(piece) > most:
                        raise SourceError(
                            f"{where}: unpacks to more than {most:,} bytes; {_unpack_limits.OPTION}"
                        )
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
            f"{os.path.realpath(folder)}: a copy of {where} needs {nbytes:,} bytes and {free:,} "
            "are free; make room, or name another place with --scratch DIR"
        )
