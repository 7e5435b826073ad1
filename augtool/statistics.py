"""What a run knows of its source before it begins: each channel's mean and spread."""

from __future__ import annotations

import math
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
    assert source.shape is not None
    count = source.n if selection is None else len(selection)
    shuffle = rng.Shuffle.keyed(count, seed, _GROUP)
    rows = np.sort(shuffle.rows(np.arange(min(count, _MOST_IMAGES))))
    rows = rows if selection is None else selection[rows]
    first: Any = 0
    second: Any = 0
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        pixels = np.empty((len(some), *source.shape), source.dtype)
        source.read(some, pixels)
        wide = _by_channel(pixels)
        first = first + wide.sum(axis=0)
        second = second + (wide * wide).sum(axis=0)
    total = len(rows) * math.prod(source.shape) // len(first)
    mean = [float(one) / total for one in first]
    spread = [float(square) / total - m * m for square, m in zip(second, mean, strict=True)]
    return ChannelStatistics(tuple(mean), tuple(math.sqrt(max(one, 0.0)) for one in spread))


def _by_channel(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(values, C), wide enough to be squared and summed."""
    channels = pixels.shape[3] if pixels.ndim == 4 else 1
    kind = np.int64 if pixels.dtype.kind in "iu" else np.float64
    return pixels.reshape(-1, channels).astype(kind)
