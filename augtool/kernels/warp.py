"""Warp: every pixel of a row comes from another place of one image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled
from augtool.kernels._memory import as_bytes, copy_bytes

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]


def mirror(pixels: Pixels, base: Ints, mirrored: npt.NDArray[np.uint8], out: Pixels) -> None:
    """``out[i] = pixels[base[i]]``, with left and right exchanged where ``mirrored[i]``.

    pixels (n, H, W, …) and out (m, H, W, …) are C-contiguous and of one dtype, any dtype; base
    (m,) int64 in 0 … n−1; mirrored (m,) uint8.
    """
    height, width = out.shape[1:3]
    pixel = out.dtype.itemsize * math.prod(out.shape[3:])
    _mirror(as_bytes(pixels), base, mirrored, height, width, pixel, as_bytes(out))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(u1, 1, 'A'), "
    "i8, i8, i8, Array(u1, 1, 'C'))"
)
def _mirror(
    pixels: Bytes, base: Ints, mirrored: Bytes, height: int, width: int, pixel: int, out: Bytes
) -> None:
    line = width * pixel
    for row in range(base.shape[0]):
        to, start = row * height * line, base[row] * height * line
        if not mirrored[row]:
            copy_bytes(out, to, pixels, start, height * line)
            continue
        for y in range(height):
            first, last = to + y * line, start + (y + 1) * line - pixel
            if pixel == 3:  # a constant that the compiler sees makes this four times as fast
                for x in range(width):
                    copy_bytes(out, first + x * 3, pixels, last - x * 3, 3)
            elif pixel == 1:
                for x in range(width):
                    copy_bytes(out, first + x, pixels, last - x, 1)
            else:
                for x in range(width):
                    copy_bytes(out, first + x * pixel, pixels, last - x * pixel, pixel)
