"""Random numbers inside a kernel: hashes of a key and a place, in exact integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from augtool.kernels._compile import helper

NORMAL_VARIANCE = 8 * (256**2 - 1) / 12  # of `normal`: eight uniform bytes

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)


@helper
def hashed(key: Any, place: Any) -> Any:
    """64 random bits for a uint64 ``key`` and a place: splitmix64 (Steele, Lea, Flood 2014)."""
    bits = key + (np.uint64(place) + np.uint64(1)) * _STEP
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@helper
def normal(key: Any, place: Any) -> Any:
    """A whole number in −1020 … 1020, as good as normal: the sum of eight bytes less its mean."""
    bits = hashed(key, place)
    sums = (bits & _EVEN_BYTES) + ((bits >> np.uint64(8)) & _EVEN_BYTES)
    sums += sums >> np.uint64(32)
    sums += sums >> np.uint64(16)
    return np.int32(sums & np.uint64(0xFFFF)) - np.int32(1020)
