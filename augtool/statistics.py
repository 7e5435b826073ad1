"""What a run knows of its source before it begins: each channel's mean and spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.methods._contract import ChannelStatistics
from augtool.sources._contract import Source

_MOST_IMAGES = 4096
_AT_ONCE = 32
_GROUP = 1 << 32  # a shuffle of its own


def channel_statistics(
    source: Source, seed: int, selection: npt.NDArray[np.int64] | None = None
) -> ChannelStatistics:
    """Mean and standard deviation of each channel, over at most 4,096 rows chosen by the seed.

    Integer pixels are summed as integers, so the result does not depend on the order.
    """
    shape = source.shape
    assert shape is not None
    count = source.n if selection is None else len(selection)
    shuffle = rng.Shuffle.keyed(count, seed, _GROUP)
    rows = np.sort(shuffle.rows(np.arange(min(count, _MOST_IMAGES))))
    rows = rows if selection is None else selection[rows]

    def batches() -> Iterator[npt.NDArray[Any]]:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            pixels = np.empty((len(some), *shape), source.dtype)
            source.read(some, pixels)
            yield pixels

    return statistics_of(batches())


def statistics_of(batches: Iterable[npt.NDArray[Any]]) -> ChannelStatistics:
    """Mean and standard deviation of each channel of all ``batches``, (m, H, W, C) or (m, …)."""
    count, first, second = 0, np.zeros(1, np.int64), np.zeros(1, np.int64)
    for pixels in batches:
        wide = _by_channel(pixels)
        count += len(wide)
        first = first + wide.sum(axis=0)
        second = second + (wide * wide).sum(axis=0)
    mean = [float(one) / count for one in first]
    spread = [float(square) / count - m * m for square, m in zip(second, mean, strict=True)]
    return ChannelStatistics(tuple(mean), tuple(math.sqrt(max(one, 0.0)) for one in spread))


def _by_channel(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(values, C), wide enough to be squared and summed."""
    channels = pixels.shape[3] if pixels.ndim == 4 else 1
    kind = np.int64 if pixels.dtype.kind in "iu" else np.float64
    return pixels.reshape(-1, channels).astype(kind)
