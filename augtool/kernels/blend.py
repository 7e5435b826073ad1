"""Blend: weighted means of two sources; integers are rounded to nearest, halves to even.

A source whose weight is 0 leaves no trace, not even of a NaN; one whose weight is 1 keeps its
bytes. Bytes are blended in 24-bit fixed point, which errs by at most 0.5 + 2⁻¹⁷ levels, everything
else in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper, overload

Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]
Profile = npt.NDArray[np.int32]

PROFILE_ONE = 1 << 15  # what a profile of `blend_outer` holds where its weight is 1


def blend(
    pixels: Pixels, base: Ints, partner: Ints, lam: npt.NDArray[np.float32], out: Pixels
) -> None:
    """``out[i] = lam[i] · pixels[base[i]] + (1 − lam[i]) · pixels[partner[i]]``.

    pixels (n, …) and out (m, …) are C-contiguous, of any rank and one dtype: uint8, uint16, float32
    or float64; base and partner (m,) int64 in 0 … n−1; lam (m,) float32 in 0 … 1.
    """
    size = math.prod(out.shape[1:])
    _blend(np.asarray(pixels).reshape(-1), base, partner, lam, size, out.reshape(-1))


def blend_outer(
    pixels: Pixels, base: Ints, partner: Ints, down: Profile, across: Profile, out: Pixels
) -> None:
    """``out[i, y, x] = w · pixels[partner[i], y, x] + (1 − w) · pixels[base[i], y, x]``, where
    ``w = down[i, y] · across[i, x] / PROFILE_ONE²``.

    pixels (n, H, W, …) and out (m, H, W, …) of a dtype that `blend` takes; base and partner (m,)
    int64 in 0 … n−1; down (m, H) and across (m, W) int32 in 0 … PROFILE_ONE.
    """
    flat, values = np.asarray(pixels).reshape(-1), math.prod(out.shape[3:])
    _blend_outer(flat, base, partner, down, across, values, out.reshape(-1))


def _mixed(one: Any, two: Any, weight: Any) -> Any:
    """``weight · one + (1 − weight) · two`` in the pixels' type; weight is a float in 0 … 1, or a
    uint32 in units of 1 / PROFILE_ONE²."""


@helper
def _bytes(one: Any, two: Any, weight: Any) -> Any:
    """Bytes, with a weight in units of 2⁻²⁴. Differences wrap around, and back."""
    product = np.uint32(weight * np.uint32(np.uint32(one) - np.uint32(two)))
    total = np.uint32(np.uint32(np.uint32(two) << 24) + product)
    odd = np.uint32(np.uint32(total >> 24) & np.uint32(1))
    return np.uint8(np.uint32(total + np.uint32(0x7FFFFF) + odd) >> 24)


@helper
def _words(one: Any, two: Any, weight: Any) -> Any:
    """16-bit integers; adding and taking away 2⁵² rounds halves to even."""
    total = weight * np.float64(one) + (1.0 - weight) * np.float64(two)
    return np.uint16(np.int32((total + 4503599627370496.0) - 4503599627370496.0))


@overload(_mixed)
def _mixed_of(one: Any, two: Any, weight: Any) -> Any:  # noqa: ARG001
    from numba import types

    product = weight == types.uint32

    def bytes_(one: Any, two: Any, weight: Any) -> Any:
        if product:
            return _bytes(one, two, np.uint32(np.uint32(weight + np.uint32(32)) >> 6))
        return _bytes(one, two, np.uint32(np.rint(np.float64(weight) * 16777216.0)))

    def words(one: Any, two: Any, weight: Any) -> Any:
        return _words(one, two, np.float64(weight) / 1073741824.0 if product else weight)

    def floats(one: Any, two: Any, weight: Any) -> Any:
        share = np.float64(weight) / (1073741824.0 if product else 1.0)
        if share == 1.0:
            return one
        if share == 0.0:
            return two
        return kind(share * np.float64(one) + (1.0 - share) * np.float64(two))

    kind = np.float32 if one == types.float32 else np.float64
    return {types.uint8: bytes_, types.uint16: words}.get(one, floats)


@compiled(
    *(
        f"void(Array({t}, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(f4, 1, 'A'), "
        f"i8, Array({t}, 1, 'C'))"
        for t in ("u1", "u2", "f4", "f8")
    )
)
def _blend(
    pixels: Pixels,
    base: Ints,
    partner: Ints,
    lam: npt.NDArray[np.float32],
    size: int,
    out: Pixels,
) -> None:
    for row in range(base.shape[0]):
        one = pixels[base[row] * size : (base[row] + 1) * size]
        two = pixels[partner[row] * size : (partner[row] + 1) * size]
        made = out[row * size : (row + 1) * size]
        for i in range(size):
            made[i] = _mixed(one[i], two[i], lam[row])


@compiled(
    *(
        f"void(Array({t}, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(i4, 2, 'C'), "
        f"Array(i4, 2, 'C'), i8, Array({t}, 1, 'C'))"
        for t in ("u1", "u2", "f4", "f8")
    )
)
def _blend_outer(
    pixels: Pixels,
    base: Ints,
    partner: Ints,
    down: Profile,
    across: Profile,
    values: int,
    out: Pixels,
) -> None:
    height, width = down.shape[1], across.shape[1]
    line = width * values
    spread = np.empty(line, np.uint32)
    for row in range(base.shape[0]):
        for x in range(width):
            spread[x * values : (x + 1) * values] = np.uint32(across[row, x])
        for y in range(height):
            at, height_weight = y * line, np.uint32(down[row, y])
            one = pixels[base[row] * height * line + at :][:line]
            two = pixels[partner[row] * height * line + at :][:line]
            made = out[row * height * line + at :][:line]
            for i in range(line):
                made[i] = _mixed(two[i], one[i], np.uint32(height_weight * spread[i]))
