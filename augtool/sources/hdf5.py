"""HDF5 files: images and labels as data sets.

The file is looked at in a child process, because a file from outside can crash the HDF5 library
and can point to other files. What comes back is where the pixels lie; they are read from there
without the library.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from augtool.errors import SourceError
from augtool.recipe.recipe import Reading
from augtool.sources._arrays import ARRAY_READING, Found, source_of
from augtool.sources._contract import Source
from augtool.sources._mapped import Extent, Version
from augtool.system.child import isolated

READING = ARRAY_READING
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_USER_BLOCK = 512


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a regular file with HDF5's signature at byte 0, 512, 1024, 2048, …"""
    path = Path(spec)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            size, at = path.stat().st_size, 0
            while at < size:
                file.seek(at)
                if file.read(len(_SIGNATURE)) == _SIGNATURE:
                    return True
                at = max(_FIRST_USER_BLOCK, 2 * at)
    except PermissionError:
        raise SourceError(f"{spec}: no permission to read it; change its mode") from None
    except OSError:
        return False
    return False


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images, labels and masks of the HDF5 file ``spec``.

    Data sets are found by their usual names, or by the keys of ``reading``; all targets and the
    masks of augtool's own outputs are found. Arrays that are chunked or compressed are unpacked to
    ``scratch``. Raises `UsageError` when the data sets are not found or not understood (with what
    there is, and the options to use) and `SourceError` when the file is damaged or not to be
    trusted.
    """
    path = Path(spec).absolute()
    version = Version.of(path)
    found = isolated(_found_in_child, spec, reading, scratch)
    find_column = partial(_column, spec, found.images.shape[0], scratch)
    return source_of(path, version, found, reading, find_column)


def _found_in_child(spec: str, reading: Reading, scratch: Path) -> Found:
    from augtool.sources import _hdf5_child

    return _hdf5_child.found(spec, reading, scratch)


def _column(spec: str, n: int, scratch: Path, key: str) -> Extent:
    return isolated(_column_in_child, spec, key, n, scratch)


def _column_in_child(spec: str, key: str, n: int, scratch: Path) -> Extent:
    from augtool.sources import _hdf5_child

    return _hdf5_child.column(spec, key, n, scratch)
