"""What runs in the child process that looks into an HDF5 file from outside.

It finds the data sets, refuses what leads out of the file, and says where the bytes lie. Chunked
or compressed data are unpacked into scratch files. Only plain values go back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from augtool.errors import NO_ROOM, SourceError, UsageError
from augtool.recipe.recipe import Layout, Reading
from augtool.sources._array_masks import check_masks, mask_extent
from augtool.sources._array_names import bare_name
from augtool.sources._arrays import PIXEL_DTYPES, Found, check_lengths
from augtool.sources._columns import column_path, text_extent
from augtool.sources._hdf5_augtool import attribute, own_kind, own_layout
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
    by_key,
    chosen,
    followed,
    foreign_filter,
    lies_inside,
    listing,
    load_no_filters,
    printable,
    short_name,
    type_name,
)
from augtool.sources._layout import layout_of
from augtool.sources._mapped import Extent
from augtool.sources._stored_targets import LabelArray, stored_targets
from augtool.sources._targets import MOST_IMPLIED_CLASSES
from augtool.system.child import limited

_MOST_NAME_BYTES = 64 << 20
_CLASS_NAME_KEYS = ("class_names", "list_classes", "label_names")


def found(spec: str, reading: Reading, scratch: Path) -> Found:
    """The images, labels and masks of the HDF5 file ``spec``; what has to be unpacked goes to
    ``scratch``. Raises `UsageError` when data sets are not found or not understood, `SourceError`
    when the file is damaged or not to be trusted."""
    with _opened(spec, reading, scratch) as ask:
        return _found(ask)


def column(spec: str, key: str, n: int, scratch: Path) -> Extent:
    """Where the data set ``key`` lies, as it is or as text, after it was unpacked where it must
    be. Raises as `found` does, and `UsageError` when it has not ``n`` rows."""
    with _opened(spec, Reading(), scratch) as ask:
        option = f"the key of one with {n} rows"
        with limited(SPARE_BYTES, CPU_SECONDS):
            dataset = by_key(ask, key, option)
        if len(dataset) != n:
            raise UsageError(
                f"{ask.where(dataset)} has {len(dataset)} rows, the images have {n}; "
                f"{listing(ask, option)}"
            )
        if type_name(dataset) == "strings":
            return text_extent(_strings(ask, dataset), column_path(scratch, key))
        _check_numbers(ask, dataset, "a column holds numbers or strings: choose another")
        return extent_of(ask, dataset, column_path(scratch, key).name)


@contextmanager
def _opened(spec: str, reading: Reading, scratch: Path) -> Iterator[Ask]:
    """The open file. What the operating system and the library raise becomes `SourceError`."""
    load_no_filters()
    try:
        with limited(SPARE_BYTES, CPU_SECONDS):
            file = h5py.File(spec, "r", locking="best-effort")
        with file:
            yield Ask(spec, file, reading, scratch)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise SourceError(_complaint(spec, scratch, error)) from error


def _found(ask: Ask) -> Found:
    with limited(SPARE_BYTES, CPU_SECONDS):
        sets = chosen(ask)
        images = sets.images
        stored_bytes, holes = images.id.get_storage_size(), gaps(ask, images)
    _check_pixels(ask, images)
    layout = _layout(ask, images)
    check_lengths(ask.spec, {short_name(one): len(one) for one in (images, *sets.labels.values())})
    labels = [_label_array(ask, at, *one) for at, one in enumerate(sets.labels.items())]
    targets, warnings = stored_targets(labels, ask.reading, ask.scratch)
    extent = extent_of(ask, images, "images.raw")
    masks = None if sets.masks is None else _mask_extent(ask, sets.masks, extent, layout)
    return Found(extent, layout, targets, masks, stored_bytes, warnings + holes)


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
    asked = ask.reading.layout or own_layout(ask.file, images.ndim)
    return layout_of(images.shape, asked, ask.where(images))


def _label_array(ask: Ask, number: int, name: str, labels: h5py.Dataset) -> LabelArray:
    """All labels of the target ``name``, and what the file says about them."""
    with limited(SPARE_BYTES, CPU_SECONDS):
        suffixes = _suffixes(name, labels)
        names = _class_names(ask.file, labels, suffixes)
        num_classes = _num_classes(ask.file, suffixes)
        kind = own_kind(ask.file, labels)
    values = _values(ask, labels, f"labels-{number}.raw")
    return LabelArray(name, values, ask.where(labels), names, num_classes, kind)


def _values(ask: Ask, labels: h5py.Dataset, scratch_name: str) -> npt.NDArray[Any]:
    """All labels: numbers are mapped, strings are in memory."""
    if type_name(labels) == "strings":
        return _strings(ask, labels)
    _check_numbers(ask, labels, "labels are numbers or strings: choose others with --label-key")
    extent = extent_of(ask, labels, scratch_name)
    return np.memmap(extent.path, extent.dtype, "r", extent.offset, extent.shape)


def _strings(ask: Ask, dataset: h5py.Dataset) -> npt.NDArray[Any]:
    check_chunks(ask, dataset)
    memory = 1024 * dataset.size + memory_for_chunks(dataset)
    with limited(memory, CPU_SECONDS + dataset.size // 10_000):
        return np.asarray(dataset[()])


def _check_numbers(ask: Ask, dataset: h5py.Dataset, advice: str) -> None:
    kind = type_name(dataset)
    if kind.rstrip("0123456789") not in ("bool", "int", "uint", "float"):
        raise UsageError(f"{ask.where(dataset)} is {kind}; {advice}")


def _mask_extent(ask: Ask, masks: h5py.Dataset, images: Extent, layout: Layout | None) -> Extent:
    try:
        dtype = masks.dtype
    except TypeError:  # of a type that NumPy does not have
        dtype = np.dtype("V1")
    check_masks(masks.shape, dtype, images, layout, ask.where(masks))
    return mask_extent(extent_of(ask, masks, "masks.raw"))


def _suffixes(name: str, labels: h5py.Dataset) -> tuple[str, ...]:
    """What may end the attributes that speak of this target, the best first."""
    if name:
        return (f"_{name}",)
    bare = bare_name(short_name(labels).rpartition("/")[2])
    return (f"_{bare}", "")


def _class_names(
    file: h5py.File, labels: h5py.Dataset, suffixes: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The class names that the file holds, near the labels first."""
    for key in _CLASS_NAME_KEYS:
        if (names := _names_in(attribute(labels, key))) is not None:
            return names
    keys = [key + suffix for suffix in suffixes for key in _CLASS_NAME_KEYS]
    for place in (labels.parent, file):
        for key in keys:
            names = _names_in(attribute(place, key))
            if names is None:
                names = _names_in(_small_value(file, f"{place.name}/{key}"))
            if names is not None:
                return names
    return None


def _num_classes(file: h5py.File, suffixes: tuple[str, ...]) -> int | None:
    for suffix in suffixes:
        value = attribute(file, f"num_classes{suffix}")
        if isinstance(value, int | np.integer) and 1 <= value <= MOST_IMPLIED_CLASSES:
            return int(value)
    return None


def _small_value(file: h5py.File, path: str) -> Any:
    """The value of a data set that can be nothing but a list of names; else None."""
    item = followed(file, path)
    if not isinstance(item, h5py.Dataset) or type_name(item) != "strings":
        return None
    is_small = 0 < item.size * item.dtype.itemsize <= _MOST_NAME_BYTES
    is_own = lies_inside(item) and foreign_filter(item) is None
    return item[()] if is_small and is_own else None


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
