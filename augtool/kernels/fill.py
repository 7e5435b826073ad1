"""Fill: whole images from one source, some of their pixels replaced by a colour or by noise.

A region of one colour is painted byte for byte. For noise the same kernel paints a mask, and the
values are made where the mask is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled
from augtool.kernels._filling import Filling, ends_of
from augtool.kernels._memory import as_bytes, copy_bytes
from augtool.kernels._random import normal

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Pixels = npt.NDArray[Any]
Paint = Callable[[Pixels, Ints, Pixels, Pixels], None]


def fill_boxes(
    pixels: Pixels, base: Ints, boxes: npt.NDArray[np.int32], filling: Filling, out: Pixels
) -> None:
    """``out[i] = pixels[base[i]]``, and inside each of ``boxes[i]`` the filling.

    pixels (n, H, W[, C]) and out (m, H, W[, C]) are C-contiguous and of one dtype, uint8, uint16,
    float32 or float64; base (m,) int64 in 0 … n−1; boxes (m, k, 4) int32, y0 x0 y1 x1, half-open,
    inside the image; a later box lies over an earlier one.
    """

    def paint(source: Pixels, rows: Ints, lines: Pixels, made: Pixels) -> None:
        own = lines.shape[:2] != (1, 1)
        sizes = line_and_pixel(made)
        _paint_boxes(as_bytes(source), rows, boxes, *sizes, as_bytes(lines), own, as_bytes(made))

    fill(paint, boxes.shape[1], pixels, base, filling, out)


def fill(
    paint: Paint, regions: int, pixels: Pixels, base: Ints, filling: Filling, out: Pixels
) -> None:
    """Fill the regions of each row that ``paint`` knows: ``paint(source, rows, lines, made)`` makes
    ``made[i] = source[rows[i]]`` with ``lines[i, region]`` across each region; there is one line
    for all of them, (1, 1, …), when all are of one colour."""
    rows, height, width = out.shape[:3]
    if not filling.per_pixel:
        lines = np.tile(filling.colours(regions, out.dtype), width)
        paint(pixels, base, lines, out)
        return
    wide = -(-width // 8) * 8  # so that the mask can be looked at eight pixels at a time
    mask, line = np.empty((rows, height, wide), np.uint8), np.ones((1, 1, wide), np.uint8)
    paint(np.zeros((1, height, wide), np.uint8), np.zeros(rows, np.int64), line, mask)
    means, scales = np.tile(filling.mean, width), np.tile(filling.scale, width)
    assert filling.key is not None
    ends = ends_of(out.dtype)
    masks = mask, mask.view(np.uint64)
    _noise(_flat(pixels), base, *masks, width, means, scales, filling.key, *ends, _flat(out))


def line_and_pixel(pixels: Pixels) -> tuple[int, int, int]:
    """Lines of an image, bytes of a line, bytes of a pixel."""
    pixel = pixels.dtype.itemsize * math.prod(pixels.shape[3:])
    return pixels.shape[1], pixels.shape[2] * pixel, pixel


def _flat(pixels: Pixels) -> Pixels:
    return np.asarray(pixels).reshape(-1)


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i4, 3, 'A'), i8, i8, i8, u1[::1], b1, "
    "u1[::1])"
)
def _paint_boxes(
    pixels: Bytes,
    base: Ints,
    boxes: npt.NDArray[np.int32],
    height: int,
    line: int,
    pixel: int,
    lines: Bytes,
    own: bool,
    out: Bytes,
) -> None:
    image = height * line
    for row in range(base.shape[0]):
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        for region in range(boxes.shape[1]):
            y0, x0, y1, x1 = boxes[row, region]
            left, count = x0 * pixel, (x1 - x0) * pixel
            if count > 0:
                start = (row * boxes.shape[1] + region) * line * own
                for y in range(y0, y1):
                    copy_bytes(out, row * image + y * line + left, lines, start, count)


@compiled(
    *(
        f"void(Array({kind}, 1, 'C', True), Array(i8, 1, 'A'), u1[:, :, ::1], u8[:, :, ::1], i8, "
        f"f8[::1], f8[::1], Array(u8, 1, 'A'), f8, f8, f8, {kind}[::1])"
        for kind in ("u1", "u2", "f4", "f8")
    )
)
def _noise(
    pixels: Pixels,
    base: Ints,
    mask: Bytes,
    eights: npt.NDArray[np.uint64],
    width: int,
    mean: Floats,
    scale: Floats,
    key: Keys,
    low: float,
    high: float,
    half: float,
    out: Pixels,
) -> None:
    height, line = mask.shape[1], mean.shape[0]
    image, channels = height * line, line // width
    drawn = np.empty(line, np.int32)
    for row in range(base.shape[0]):
        own = key[row]
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        for y in range(height):
            stop = np.uint64(0)
            while stop < width:
                start = stop
                if not eights[row, y, start // np.uint64(8)]:
                    stop = (start | np.uint64(7)) + np.uint64(1)
                    continue
                while stop < width and mask[row, y, stop]:
                    stop += np.uint64(1)
                place = y * line + np.int64(start) * channels
                count = np.int64(stop - start) * channels
                for i in range(count):  # in a loop of its own the hash runs on vectors
                    drawn[i] = normal(own, place + i)
                for i in range(count):
                    value = mean[i] + scale[i] * drawn[i]
                    value = value if value > low else low
                    out[row * image + place + i] = (value if value < high else high) + half
                stop += np.uint64(1)
