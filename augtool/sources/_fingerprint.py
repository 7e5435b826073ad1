"""What is in an input, byte for byte: for those to whom names, sizes and labels are not enough."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from augtool.errors import SourceError
from augtool.sources._listing import is_clutter
from augtool.text import shown

_AT_ONCE = 1 << 20


def content_of(paths: Sequence[str], follow: bool = False) -> str:
    """sha256 (hex) over the content and the relative names of files, and of all files below
    folders, save hidden ones; what is no path has no content. Links inside folders are passed over
    unless they are to be followed: then each folder is entered once.

    Raises `SourceError` for a file that cannot be read.
    """
    digest = hashlib.sha256()
    for path in map(os.fsencode, paths):
        for name, file in _files(path, follow):
            digest.update(b"%d %s %s" % (len(name), name, _sha256(file)))
    return digest.hexdigest()


def _files(path: bytes, follow: bool) -> Iterator[tuple[bytes, bytes]]:
    """(name below ``path``, path) of each regular file, by name; of a file its own."""
    if os.path.isfile(path):  # noqa: PTH113 (paths of bytes)
        yield b"", path
        return
    entered: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(path, followlinks=follow):
        status = os.stat(folder)  # noqa: PTH116 (paths of bytes)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not is_clutter(name.lower()))
        for name in sorted(name for name in files if not is_clutter(name.lower())):
            file = os.path.join(folder, name)  # noqa: PTH118
            if os.path.isfile(file) and (follow or not os.path.islink(file)):  # noqa: PTH113, PTH114
                yield os.path.relpath(file, path), file


def _sha256(file: bytes) -> bytes:
    digest = hashlib.sha256()
    try:
        with Path(os.fsdecode(file)).open("rb") as stream:
            while data := stream.read(_AT_ONCE):
                digest.update(data)
    except OSError as error:
        raise SourceError(
            f"{shown(file)}: cannot be read ({error.strerror}); check the file"
        ) from error
    return digest.digest()
