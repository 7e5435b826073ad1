"""Paste: whole rows of bytes from one image, a box of bytes from another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled

Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]


def paste(
    pixels: Pixels, base: Ints, partner: Ints, box: npt.NDArray[np.int32], out: Pixels
) -> None:
    """``out[i] = pixels[base[i]]``, and inside ``box[i]`` ``pixels[partner[i]]`` at the same place.

    pixels (n, H, W, …) and out (m, H, W, …) are C-contiguous and of one dtype, any dtype; base and
    partner (m,) int64; box (m, 4) int32, y0 x0 y1 x1, half-open, inside the image.
    """
    pixel = pixels.dtype.itemsize * math.prod(pixels.shape[3:])
    _paste(_as_bytes(pixels), base, partner, box, pixel, _as_bytes(out))


def _as_bytes(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """(n, H, bytes of a line)"""
    return np.asarray(pixels).reshape(*pixels.shape[:2], -1).view(np.uint8)


@compiled(
    "void(Array(u1, 3, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), "
    "Array(i4, 2, 'C'), i8, Array(u1, 3, 'C'))"
)
def _paste(
    pixels: npt.NDArray[np.uint8],
    base: Ints,
    partner: Ints,
    box: npt.NDArray[np.int32],
    pixel: int,
    out: npt.NDArray[np.uint8],
) -> None:
    height, line = out.shape[1], out.shape[2]
    for row in range(out.shape[0]):
        below, above = pixels[base[row]], pixels[partner[row]]
        y0, x0, y1, x1 = box[row]
        left, right = x0 * pixel, x1 * pixel
        target = out[row]
        for y in range(height):
            for x in range(line):
                target[y, x] = below[y, x]
            if y0 <= y < y1:
                for x in range(left, right):
                    target[y, x] = above[y, x]
