"""NumPy's npz files: images and labels as members. Pickled objects are never loaded."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.params import did_you_mean
from augtool.recipe import Reading
from augtool.sources._arrays import (
    ARRAY_READING,
    PIXEL_DTYPES,
    ArraySource,
    Extent,
    Version,
    check_own_size,
)
from augtool.sources._contract import Notes, Source
from augtool.sources._layout import layout_of, shown_shape
from augtool.sources._names import USUAL_NAMES
from augtool.sources._targets import stored, target_of

READING = ARRAY_READING
_AT_ONCE = 1 << 20
_MOST_HEADER = 10_000  # bytes, NumPy's own bound
_SUFFIX = ".npy"
# encrypted members are a RuntimeError, unknown compressions a NotImplementedError
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class _Header:
    """What the beginning of a member says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of the array itself."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a zip file all of whose members are arrays."""
    path = Path(spec)
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
    return bool(names) and all(name.endswith(_SUFFIX) for name in names)


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images and labels of the npz file ``spec``, unpacked once to ``scratch``.

    Members are found by their usual names, or by ``reading.image_key`` and ``label_key``. Raises
    `UsageError` when they are not found or not understood, `SourceError` when the file is damaged.
    """
    path = Path(spec).absolute()
    version = Version.of(path)
    try:
        with zipfile.ZipFile(path) as file:
            images, labels = _chosen(spec, file, reading)
            pixels = _unpacked(spec, file, images, scratch / "images.raw", PIXEL_DTYPES)
            labelled = _unpacked(spec, file, labels, scratch / "labels.raw")
    except _DAMAGE as error:
        raise SourceError(f"{spec}: not readable as npz, perhaps damaged ({error})") from error
    for name, extent in ((images, pixels), (labels, labelled)):
        if 0 in extent.shape or not extent.shape:
            raise SourceError(f"{spec}: {name} {shown_shape(extent.shape)} holds no rows")
    if pixels.shape[0] != labelled.shape[0]:
        raise SourceError(
            f"{spec}: {images} has {pixels.shape[0]} rows, {labels} has {labelled.shape[0]}; "
            "choose members of one length with --image-key and --label-key"
        )
    layout = layout_of(pixels.shape, reading.layout, f"{spec}: {images}")
    target, warnings = target_of(_mapped(labelled), reading, f"{spec}: {labels}")
    kept = stored(target, scratch / "labels.npy")
    size = path.stat().st_size
    source = ArraySource(path, version, pixels, layout, kept, Notes(warnings), size)
    check_own_size(source, reading)
    return source


def _chosen(spec: str, file: zipfile.ZipFile, reading: Reading) -> tuple[str, str]:
    """The names of the image and the label member."""
    names = [name.removesuffix(_SUFFIX) for name in file.namelist()]
    label_key = reading.label_key[0] if reading.label_key else None
    for key in (reading.image_key, label_key):
        if key is not None and key not in names:
            raise UsageError(f"{spec}: there is no member {key!r}{did_you_mean(key, names)}")
    lower = {name.lower(): name for name in names}
    pairs = [
        (reading.image_key or lower[image], label_key or lower[label])
        for image, partners in USUAL_NAMES.items()
        for label in partners
        if (reading.image_key or image in lower) and (label_key or label in lower)
    ]
    if not pairs:
        raise UsageError(
            f"{spec}: no images and labels with usual names; name two of {', '.join(names)} "
            "with --image-key and --label-key"
        )
    return pairs[0]


def _unpacked(
    spec: str,
    file: zipfile.ZipFile,
    name: str,
    path: Path,
    dtypes: tuple[str, ...] | None = None,
) -> Extent:
    """The member ``name`` copied to ``path``, a piece at a time, after its size was checked."""
    info = file.getinfo(name + _SUFFIX)
    with file.open(info) as member:
        header = _header(member)
        if dtypes is not None and header.dtype.name not in dtypes:
            raise UsageError(
                f"{spec}: {name} is {header.dtype}; pixels are {', '.join(dtypes)}: convert them"
            )
        if header.nbytes > info.file_size:
            raise SourceError(
                f"{spec}: {name} {shown_shape(header.shape)} should have {header.nbytes:,} bytes "
                f"and has {info.file_size:,}; the file is damaged"
            )
        free = shutil.disk_usage(path.parent).free
        if header.nbytes > free:
            raise SourceError(
                f"{path.parent}: unpacking {name} needs {header.nbytes:,} bytes and {free:,} are "
                "free; make room there"
            )
        with path.open("wb") as out:
            left = header.nbytes
            while left and (piece := member.read(min(left, _AT_ONCE))):
                out.write(piece)
                left -= len(piece)
        if left:
            raise SourceError(f"{spec}: {name} ends {left:,} bytes early; the file is damaged")
    return Extent(path, 0, header.shape, header.dtype.str)


def _header(member: IO[bytes]) -> _Header:
    """The member's header. Raises ValueError for anything but a plain array in C order."""
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    else:
        read = np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(member, max_header_size=_MOST_HEADER)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never loaded")
    if by_columns and len(shape) > 1:
        raise ValueError("an array in Fortran order: save it with np.ascontiguousarray")
    return _Header(shape, dtype)


def _mapped(extent: Extent) -> npt.NDArray[Any]:
    return np.memmap(extent.path, extent.dtype, "r", 0, extent.shape)
