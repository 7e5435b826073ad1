"""Mask: choose pixel by pixel between two sources, by masks that noise makes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper
from augtool.kernels._memory import as_bytes, copy_bytes
from augtool.kernels._random import normal

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Pixels = npt.NDArray[Any]


def choose(pixels: Pixels, base: Ints, partner: Ints, mask: Bytes, out: Pixels) -> None:
    """``out[i]``: ``pixels[base[i]]`` where ``mask[i]`` is not 0, else ``pixels[partner[i]]``.

    pixels (n, H, W, …) and out (m, H, W, …) are C-contiguous and of one dtype, any dtype; base and
    partner (m,) int64 in 0 … n−1; mask (m, H · W) uint8.
    """
    pixel = out.dtype.itemsize * math.prod(out.shape[3:])
    _choose(as_bytes(pixels), base, partner, mask, pixel, as_bytes(out))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(u1, 2, 'C'), "
    "i8, Array(u1, 1, 'C'))"
)
def _choose(pixels: Bytes, base: Ints, partner: Ints, mask: Bytes, pixel: int, out: Bytes) -> None:
    count = mask.shape[1]
    image = count * pixel
    for row in range(base.shape[0]):
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        at = 0
        while at < count:
            while at < count and mask[row, at]:
                at += 1
            first = at
            while at < count and not mask[row, at]:
                at += 1
            to = first * pixel
            copy_bytes(
                out, row * image + to, pixels, partner[row] * image + to, (at - first) * pixel
            )


@helper
def _multiply(left: Any, right: Any, out: Any) -> None:
    """``out = leftᵀ · right``, summed in the order of their rows."""
    out[:] = 0
    for i in range(right.shape[0]):
        for y in range(out.shape[0]):
            weight, made, line = left[i, y], out[y], right[i]
            for x in range(right.shape[1]):
                made[x] += weight * line[x]


@helper
def _mark_highest(values: Any, count: Any, mask: Any, order: Any, near: Any, found: Any) -> None:
    """1 in ``mask`` at the ``count`` (1 …) highest of the float32 ``values``, the first ones among
    equals: their limit is found byte by byte. ``order`` and ``near``, as long, and ``found``
    (256,) are scratch."""
    size = values.shape[0]
    bits = values.view(np.int32)
    for i in range(size):  # 0 … 2³²−1 in the order of the values
        order[i] = np.int64(bits[i] ^ ((bits[i] >> 31) & 0x7FFFFFFF)) + 0x80000000
        near[i] = order[i]
    candidates = size
    for shift in (24, 16, 8, 0):
        found[:] = 0
        for i in range(candidates):
            found[(near[i] >> shift) & 255] += 1
        digit = 255
        while found[digit] < count:
            count -= found[digit]
            digit -= 1
        kept = 0
        for i in range(candidates):
            near[kept] = near[i]
            kept += ((near[i] >> shift) & 255) == digit
        candidates = kept
    limit = near[0]
    for i in range(size):
        equal = order[i] == limit and count > 0
        count -= equal
        mask[i] = order[i] > limit or equal


@compiled(
    "void(Array(u8, 1, 'A'), Array(i8, 1, 'A'), Array(f4, 2, 'C', True), Array(f4, 2, 'C', True), "
    "Array(f4, 2, 'C', True), Array(u1, 2, 'C'))"
)
def masks_of_noise(
    keys: Keys, counts: Ints, spectrum: Floats, down: Floats, across: Floats, masks: Bytes
) -> None:
    """``masks[i]`` (H · W,) is 1 at the ``counts[i]`` highest pixels of the noise that ``keys[i]``
    makes, the first ones among equals, and 0 elsewhere.

    The noise is ``downᵀ · (spectrum × normal numbers) · across`` in float32: spectrum (P, Q), down
    (P, H), across (Q, W); one hash of key and place makes each number. counts (m,) 0 … H·W.
    """
    high, wide = spectrum.shape
    coefficients = np.empty((high, wide), np.float32)
    lines = np.empty((wide, down.shape[1]), np.float32)
    noise = np.empty((down.shape[1], across.shape[1]), np.float32)
    order, near = np.empty(noise.size, np.int64), np.empty(noise.size, np.int64)
    values, found = noise.reshape(-1), np.empty(256, np.int64)
    for row in range(keys.shape[0]):
        if counts[row] == 0 or counts[row] == masks.shape[1]:
            masks[row] = counts[row] > 0
            continue
        for p in range(high):
            for q in range(wide):
                place = np.uint64(p * wide + q)
                coefficients[p, q] = spectrum[p, q] * np.float32(normal(keys[row], place))
        _multiply(coefficients, down, lines)
        _multiply(lines, across, noise)
        _mark_highest(values, counts[row], masks[row], order, near, found)
