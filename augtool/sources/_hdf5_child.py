"""What runs in the child process that looks into an HDF5 file from outside.

It finds the data sets, refuses what leads out of the file, and says where the bytes lie. Chunked
or compressed data are unpacked into scratch files. Only plain values go back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from augtool.errors import NO_ROOM, SourceError, UsageError
from augtool.isolate import limited
from augtool.recipe import Layout, Reading
from augtool.sources._arrays import PIXEL_DTYPES, Found
from augtool.sources._hdf5_bytes import (
    CPU_SECONDS,
    SPARE_BYTES,
    check_chunks,
    extent_of,
    gaps,
    memory_for_chunks,
)
from augtool.sources._hdf5_find import (
    Ask,
    chosen,
    followed,
    lies_inside,
    printable,
    short_name,
    type_name,
)
from augtool.sources._layout import known_layout, layout_of
from augtool.sources._targets import MOST_IMPLIED_CLASSES, stored, target_of

_MOST_NAME_BYTES = 64 << 20
_CLASS_NAME_KEYS = ("class_names", "list_classes", "label_names")


def found(spec: str, reading: Reading, scratch: Path) -> Found:
    """The images and labels of the HDF5 file ``spec``; what has to be unpacked goes to
    ``scratch``. Raises `UsageError` when data sets are not found or not understood, `SourceError`
    when the file is damaged or not to be trusted."""
    try:
        with limited(SPARE_BYTES, CPU_SECONDS):
            file = h5py.File(spec, "r", locking="best-effort")
        with file:
            return _found(Ask(spec, file, reading, scratch))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise SourceError(_complaint(spec, scratch, error)) from error


def _found(ask: Ask) -> Found:
    with limited(SPARE_BYTES, CPU_SECONDS):
        images, labels = chosen(ask)
        names, num_classes = _class_names(ask.file, labels), _num_classes(ask.file)
        stored_bytes, holes = images.id.get_storage_size(), gaps(ask, images)
    _check_pixels(ask, images)
    layout = _layout(ask, images)
    if len(images) != len(labels):
        raise SourceError(
            f"{ask.where(images)} has {len(images)} rows, {short_name(labels)} has {len(labels)}; "
            "choose data sets of one length with --image-key and --label-key"
        )
    array = _label_array(ask, labels)
    target, warnings = target_of(array, ask.reading, ask.where(labels), names, num_classes)
    kept = stored(target, ask.scratch / "labels.npy")
    extent = extent_of(ask, images, "images.raw")
    return Found(extent, layout, kept, stored_bytes, warnings + holes)


def _complaint(spec: str, scratch: Path, error: BaseException) -> str:
    """What an error of the operating system or of the HDF5 library means."""
    detail = printable(" ".join(str(error).split()))
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"{scratch}: cannot be written; make room there ({detail})"
    if isinstance(error, MemoryError):
        return f"{spec}: needs more memory than its size accounts for; it may be damaged ({detail})"
    if "truncated file" in detail:
        return f"{spec}: the HDF5 file is truncated; copy it again ({detail})"
    if "lock" in detail:
        return f"{spec}: another program has the file open for writing; close it there ({detail})"
    return f"{spec}: not readable as HDF5, perhaps damaged; copy it again ({detail})"


def _check_pixels(ask: Ask, images: h5py.Dataset) -> None:
    kind = type_name(images)
    if kind not in PIXEL_DTYPES:
        raise UsageError(
            f"{ask.where(images)} is {kind}; pixels are {', '.join(PIXEL_DTYPES)}: "
            "convert them, or choose another data set with --image-key"
        )


def _layout(ask: Ask, images: h5py.Dataset) -> Layout | None:
    """The layout that was asked for; else what augtool wrote down; else what the shape says."""
    asked: str | None = ask.reading.layout
    if asked is None and "schema_version" in ask.file.attrs:
        own = ask.file.attrs.get("layout")
        asked = own if known_layout(own) and len(own) == images.ndim else None
    return layout_of(images.shape, asked, ask.where(images))


def _label_array(ask: Ask, labels: h5py.Dataset) -> npt.NDArray[Any]:
    """All labels: numbers are mapped, strings are in memory."""
    kind = type_name(labels)
    if kind == "strings":
        check_chunks(ask, labels)
        memory = 1024 * labels.size + memory_for_chunks(labels)
        with limited(memory, CPU_SECONDS + labels.size // 10_000):
            return np.asarray(labels[()])
    if kind.rstrip("0123456789") not in ("bool", "int", "uint", "float"):
        raise UsageError(
            f"{ask.where(labels)} is {kind}; labels are numbers or strings: "
            "choose others with --label-key"
        )
    extent = extent_of(ask, labels, "labels.raw")
    return np.memmap(extent.path, extent.dtype, "r", extent.offset, extent.shape)


def _class_names(file: h5py.File, labels: h5py.Dataset) -> tuple[str, ...] | None:
    """The class names that the file holds, near the labels first."""
    for place in (labels, labels.parent, file):
        for key in _CLASS_NAME_KEYS:
            names = _names_in(_attribute(place, key))
            if names is None and place is not labels:
                names = _names_in(_small_value(file, f"{place.name}/{key}"))
            if names is not None:
                return names
    return None


def _num_classes(file: h5py.File) -> int | None:
    value = _attribute(file, "num_classes")
    whole = isinstance(value, int | np.integer) and 1 <= value <= MOST_IMPLIED_CLASSES
    return int(value) if whole else None


def _attribute(place: h5py.HLObject, key: str) -> Any:
    """The attribute's value; None when there is none or it is of a strange type."""
    try:
        return place.attrs.get(key)
    except (OSError, TypeError):
        return None


def _small_value(file: h5py.File, path: str) -> Any:
    """The value of a data set that can be nothing but a list of names; else None."""
    item = followed(file, path)
    if not isinstance(item, h5py.Dataset) or type_name(item) != "strings":
        return None
    is_small = 0 < item.size * item.dtype.itemsize <= _MOST_NAME_BYTES
    return item[()] if is_small and lies_inside(item) else None


def _names_in(value: Any) -> tuple[str, ...] | None:
    """Names from an array of strings, or from a JSON list in one string."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    values = value.reshape(-1).tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(values, list) or not all(isinstance(name, str | bytes) for name in values):
        return None
    names = (
        name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
        for name in values
    )
    return tuple(names) or None
