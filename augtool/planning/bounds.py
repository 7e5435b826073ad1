"""Whether the values of a stored plan can be applied: kernels check nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Within

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


def wrong(column: Column, values: Array, shape: tuple[int, ...]) -> Bools:
    """(m,) which rows of a column, (m, *its shape), no plan over images of this shape can have."""
    bad = _outside(column, values) & (values != np.asarray(column.idle, values.dtype))
    if values.dtype.kind == "f":
        bad |= ~np.isfinite(values)
    result: Bools = bad.reshape(len(values), -1).any(axis=1)
    if column.within:
        idle = (values == np.asarray(column.idle, values.dtype)).all(axis=-1)
        off = ~_WITHIN[column.within](values, shape) & ~idle
        result |= off.reshape(len(values), -1).any(axis=1)
    return result


def _outside(column: Column, values: Array) -> Bools:
    bad = np.zeros(values.shape, np.bool_)
    if column.low is not None:
        bad |= values < column.low
    if column.high is not None:
        bad |= values > column.high
    return bad


def _box(values: Array, shape: tuple[int, ...]) -> Bools:
    y0, x0, y1, x1 = np.moveaxis(values, -1, 0)
    down = (y0 >= 0) & (y0 <= y1) & (y1 <= shape[0])
    across = (x0 >= 0) & (x0 <= x1) & (x1 <= shape[1])
    return np.asarray(down & across)


def _point(values: Array, shape: tuple[int, ...]) -> Bools:
    return np.asarray(((values >= 0) & (values <= shape[:2])).all(axis=-1))


def _offset(values: Array, shape: tuple[int, ...]) -> Bools:
    wide = values.astype(np.int64)
    return np.asarray((np.abs(wide) <= shape[:2]).all(axis=-1))


_WITHIN: dict[Within, Callable[[Array, tuple[int, ...]], Bools]] = {
    "box": _box,
    "point": _point,
    "offset": _offset,
}
