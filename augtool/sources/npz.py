"""NumPy's npz files: images and labels as members. Pickled objects are never loaded."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Reading
from augtool.sources import _decompress, _telling, _unpack_limits
from augtool.sources._array_masks import MASK_KEY, check_masks, mask_extent
from augtool.sources._array_names import USUAL_NAMES, target_names
from augtool.sources._arrays import (
    ARRAY_READING,
    PIXEL_DTYPES,
    Found,
    check_lengths,
    source_of,
)
from augtool.sources._columns import column_path, text_extent
from augtool.sources._contract import NO_MASKS, Source
from augtool.sources._layout import layout_of, shown_shape
from augtool.sources._mapped import Extent, Version
from augtool.sources._npy_header import read_header
from augtool.sources._stored_targets import LabelArray, stored_targets
from augtool.sources._zip_members import BadZip, members
from augtool.text import shown

READING = ARRAY_READING
_AT_ONCE = 1 << 20
_SUFFIX = ".npy"
# encrypted members are a RuntimeError, unknown compressions a NotImplementedError
_DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, OverflowError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a zip file all of whose members are arrays, save hidden ones."""
    path, found = Path(spec), False
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            for member in members(file):  # `zipfile` would keep all of a million
                if not member.name.startswith(b"."):
                    found = member.name.endswith(_SUFFIX.encode())
                    if not found:
                        return False
    except (OSError, BadZip):
        return False
    return found


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images, labels and masks of the npz file ``spec``, unpacked once to ``scratch``.

    Members are found by their usual names, or by the keys of ``reading``. Raises `UsageError` when
    they are not found or not understood, `SourceError` when the file is damaged.
    """
    path = Path(spec).absolute()
    version = Version.of(path)
    with _opened(spec) as file:
        found = _found(spec, file, reading, scratch)
    find_column = partial(_column, spec, found.images.shape[0], reading, scratch)
    return source_of(path, version, found, reading, find_column)


def _found(spec: str, file: zipfile.ZipFile, reading: Reading, scratch: Path) -> Found:
    chosen = _chosen(spec, file, reading)
    images = _unpacked(spec, file, reading, chosen.images, scratch / "images.raw", PIXEL_DTYPES)
    labels = {
        name: _unpacked(spec, file, reading, key, scratch / f"labels-{number}.raw")
        for number, (name, key) in enumerate(chosen.labels.items())
    }
    by_key = {chosen.images: images, **{chosen.labels[name]: labels[name] for name in labels}}
    for key, extent in by_key.items():
        if 0 in extent.shape or not extent.shape:
            raise SourceError(f"{spec}: {key} {shown_shape(extent.shape)} holds no rows")
    check_lengths(spec, {key: extent.shape[0] for key, extent in by_key.items()})
    layout = layout_of(images.shape, reading.layout, f"{spec}: {chosen.images}")
    arrays = [
        LabelArray(name, _mapped(labels[name]), f"{spec}: {key}")
        for name, key in chosen.labels.items()
    ]
    targets, warnings = stored_targets(arrays, reading, scratch)
    masks = None
    if chosen.masks is not None:
        masks = _unpacked(spec, file, reading, chosen.masks, scratch / "masks.raw")
        where = f"{spec}: {chosen.masks}"
        check_masks(masks.shape, np.dtype(masks.dtype), images, layout, where)
        masks = mask_extent(masks)
    return Found(images, layout, targets, masks, Path(spec).stat().st_size, warnings)


@contextmanager
def _opened(spec: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(spec) as file:
            yield file
    except _DAMAGE as error:
        raise SourceError(f"{spec}: not readable as npz, perhaps damaged ({error})") from error


def _column(spec: str, n: int, reading: Reading, scratch: Path, key: str) -> Extent:
    """Where the member ``key`` lies after it was unpacked."""
    with _opened(spec) as file:
        _check_there(spec, key, _names_in(file))
        path = column_path(scratch, key)
        extent = _unpacked(spec, file, reading, key, path)
    if extent.shape[:1] != (n,):
        rows = f"{extent.shape[0]} rows" if extent.shape else "one value"
        raise UsageError(f"{spec}: {key} has {rows}, the images have {n}; choose another member")
    kind = np.dtype(extent.dtype).kind
    if kind not in "biufSU":
        raise UsageError(
            f"{spec}: {key} is {np.dtype(extent.dtype)}; a column holds numbers or strings"
        )
    return text_extent(np.array(_mapped(extent)), path) if kind in "SU" else extent


@dataclass(frozen=True)
class _Chosen:
    """The members that a source is made of; labels by the names of their targets."""

    images: str
    labels: Mapping[str, str]
    masks: str | None


def _names_in(file: zipfile.ZipFile) -> list[str]:
    names = file.namelist()
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        where = shown(str(file.filename).encode("utf-8", "surrogateescape"))
        member = shown(twice.encode("utf-8", "surrogateescape"))
        raise SourceError(f"{where}: {member!r} is there twice; write the file again")
    return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name.encode("utf-8", "surrogateescape")) for name in names)


def _check_there(spec: str, key: str, names: list[str]) -> None:
    if key not in names:
        advice = did_you_mean(key, names) or f"; it holds {_listed(names)}"
        raise UsageError(f"{spec}: there is no member {key!r}{advice}")


def _chosen(spec: str, file: zipfile.ZipFile, reading: Reading) -> _Chosen:
    """The names of the members, given or usual."""
    names = _names_in(file)
    named = [reading.image_key, *(reading.label_key or ())]
    for key in (*named, None if reading.mask_key == NO_MASKS else reading.mask_key):
        if key is not None:
            _check_there(spec, key, names)
    lower = {name.lower(): name for name in names}
    pairs = [
        (reading.image_key or lower[image], reading.label_key or (lower[label],))
        for image, partners in USUAL_NAMES.items()
        for label in partners
        if (reading.image_key or image in lower) and (reading.label_key or label in lower)
    ]
    if not pairs:
        raise UsageError(
            f"{spec}: no images and labels with usual names; name two of {_listed(names)} "
            "with --image-key and --label-key"
        )
    images, keys = pairs[0]
    masks = reading.mask_key or lower.get(MASK_KEY)
    labels = dict(zip(target_names(keys, spec), keys, strict=True))
    return _Chosen(images, labels, None if masks == NO_MASKS else masks)


def _unpacked(
    spec: str,
    file: zipfile.ZipFile,
    reading: Reading,
    name: str,
    path: Path,
    dtypes: tuple[str, ...] | None = None,
) -> Extent:
    """The member ``name`` copied to ``path``, a piece at a time, after its size was checked."""
    info = file.getinfo(name + _SUFFIX)
    with file.open(info) as member:
        header = read_header(member)
        if header.by_columns and len(header.shape) > 1:
            raise ValueError("an array in Fortran order: save it with np.ascontiguousarray")
        if dtypes is not None and header.dtype.name not in dtypes:
            raise UsageError(
                f"{spec}: {name} is {header.dtype}; pixels are {', '.join(dtypes)}: convert them"
            )
        if header.nbytes > info.file_size:
            raise SourceError(
                f"{spec}: {name} {shown_shape(header.shape)} should have {header.nbytes:,} bytes "
                f"and has {info.file_size:,}; the file is damaged"
            )
        _unpack_limits.check_whole(reading, f"{spec}: {name}", info.compress_size, header.nbytes)
        _telling.tell(f"{spec}: {name}", header.nbytes, path.parent)
        _decompress.check_room(path.parent, f"{spec}: {name}", header.nbytes)
        with path.open("wb") as out:
            left = header.nbytes
            while left and (piece := member.read(min(left, _AT_ONCE))):
                out.write(piece)
                left -= len(piece)
        if left:
            raise SourceError(f"{spec}: {name} ends {left:,} bytes early; the file is damaged")
    return Extent(path, 0, header.shape, header.dtype.str)


def _mapped(extent: Extent) -> npt.NDArray[Any]:
    return np.memmap(extent.path, extent.dtype, "r", 0, extent.shape)
