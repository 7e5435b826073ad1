"""NumPy's .npy files, version 1.0, whose data begin at a multiple of 64 bytes."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt


def npy(value: npt.NDArray[Any]) -> bytes:
    """An array as the bytes of a .npy file."""
    return npy_header(value.shape, value.dtype) + np.ascontiguousarray(value).tobytes()


@cache
def npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """What stands before the data of a .npy file."""
    stream = io.BytesIO()
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def array_name(field: str, images: str, labels: str) -> str:
    """What the array of a field is called where images and labels have the names that readers of
    arrays expect: ``x`` and ``y``, or ``x_train`` and ``y_train``."""
    if field == "images":
        return images
    if field == "labels" or field.startswith("labels_"):
        return labels + field.removeprefix("labels")
    return field
