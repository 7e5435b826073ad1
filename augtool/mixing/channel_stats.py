"""What a run knows of its source before it begins: each channel's mean and spread."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import SourceError
from augtool.methods._contract import ChannelStatistics
from augtool.sources._contract import Source

_MOST_IMAGES = 4096
_BATCH_BYTES = 4 << 20
_AT_ONCE = 1 << 18  # values that are widened and squared together
_GROUP = 1 << 32  # a shuffle of its own

Read = Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]]


def channel_statistics(
    source: Source, seed: int, selection: npt.NDArray[np.int64] | None = None
) -> ChannelStatistics:
    """Mean and standard deviation of each channel of a source: see `statistics_of`."""
    shape = source.shape
    assert shape is not None

    def read(rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        pixels = np.empty((len(rows), *shape), source.dtype)
        source.read(rows if selection is None else selection[rows], pixels)
        return pixels

    count = source.n if selection is None else len(selection)
    return statistics_of(read, count, math.prod(shape) * source.dtype.itemsize, seed)


def statistics_of(read: Read, count: int, row_bytes: int, seed: int) -> ChannelStatistics:
    """Mean and standard deviation of each channel over at most 4,096 of ``count`` rows, chosen by
    the seed; ``read(rows)`` gives their pixels (m, H, W, C) or (m, …).

    Integer pixels are summed as whole numbers of any length, so the result does not depend on the
    order. Raises `SourceError` when a sum is not finite.
    """
    shuffle = rng.Shuffle.keyed(count, seed, _GROUP)
    rows = np.sort(shuffle.rows(np.arange(min(count, _MOST_IMAGES))))
    at_once = max(1, _BATCH_BYTES // max(1, row_bytes))
    values, first, second = 0, [0], [0]
    for start in range(0, len(rows), at_once):
        pixels = _by_channel(read(rows[start : start + at_once]))
        for low in range(0, len(pixels), _AT_ONCE):
            wide = _widened(pixels[low : low + _AT_ONCE])
            values += len(wide)
            first = _added(first, wide.sum(axis=0))
            second = _added(second, (wide * wide).sum(axis=0))
    mean = [one / values for one in first]
    spread = [square / values - m * m for square, m in zip(second, mean, strict=True)]
    if not all(map(math.isfinite, (*mean, *spread))):
        raise SourceError(
            "the pixels hold values that are not finite, so they have no mean: "
            "repair them, or give --fill a constant"
        )
    return ChannelStatistics(tuple(mean), tuple(math.sqrt(max(one, 0.0)) for one in spread))


def _by_channel(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(values, C)"""
    return pixels.reshape(-1, pixels.shape[3] if pixels.ndim == 4 else 1)


def _widened(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Wide enough to be squared and summed."""
    return pixels.astype(np.int64 if pixels.dtype.kind in "iu" else np.float64)


def _added(sums: list[Any], more: npt.NDArray[Any]) -> list[Any]:
    """Sums by channel; Python's whole numbers do not overflow."""
    sums = sums if len(sums) == len(more) else sums * len(more)
    return [one + other for one, other in zip(sums, more.tolist(), strict=True)]
