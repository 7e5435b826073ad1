"""What in an HDF5 file is not as augtool lays it out, so that a reader may find other values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augtool.fields import Field
from augtool.sinks._contract import Fault

_DEFLATE = 1


def faults(path: Path, fields: Sequence[Field], rows: int) -> Iterator[Fault]:
    """Data sets that are linked, stored or typed in another way than the sink's."""
    import h5py

    with h5py.File(path, "r", locking="best-effort") as file:
        if file.userblock_size:
            yield Fault("it has a user block, which augtool never makes")
        for one in fields:
            if not isinstance(file.get(one.name, getlink=True), h5py.HardLink):
                yield Fault("it is a link to elsewhere", one.name)
                continue
            what = _fault(file[one.name], one, rows)
            if what is not None:
                yield Fault(what, one.name)


def _fault(data_set: Any, one: Field, rows: int) -> str | None:
    import h5py

    dtype: Any = np.dtype(one.dtype)
    if dtype.kind == "S":
        dtype = h5py.string_dtype("utf-8", dtype.itemsize)
    if data_set.id.get_type() != h5py.h5t.py_create(dtype, logical=True):
        return "its type is stored in another way than augtool does"
    if data_set.shape != (rows, *one.shape):
        return f"it has shape {data_set.shape}, and there are {rows} rows"
    properties = data_set.id.get_create_plist()
    layout, filters = properties.get_layout(), properties.get_nfilters()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED) or data_set.is_virtual:
        return "it is stored in a layout that augtool never makes"
    if data_set.external:
        return "its values lie in other files"
    if [properties.get_filter(at)[0] for at in range(filters)] not in ([], [_DEFLATE]):
        return "it goes through filters that augtool never uses"
    return None
