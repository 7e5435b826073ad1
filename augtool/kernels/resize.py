"""Resize: a whole image shrunk into a box of another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper
from augtool.kernels._memory import as_bytes, copy_bytes

Boxes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]


def paste_nearest(pixels: Pixels, base: Ints, partner: Ints, box: Boxes, out: Pixels) -> None:
    """``out[i] = pixels[base[i]]``; each pixel of ``box[i]`` is the pixel of ``pixels[partner[i]]``
    that its centre falls on when the whole image is scaled to the box.

    pixels (n, H, W, …) and out (m, H, W, …) are C-contiguous and of one dtype, any dtype; base and
    partner (m,) int64 in 0 … n−1; box (m, 4) int32, y0 x0 y1 x1, half-open, inside the image.
    """
    height, width = out.shape[1:3]
    pixel = out.dtype.itemsize * math.prod(out.shape[3:])
    _paste_nearest(as_bytes(pixels), base, partner, box, height, width, pixel, as_bytes(out))


def paste_area(pixels: Pixels, base: Ints, partner: Ints, box: Boxes, out: Pixels) -> None:
    """As `paste_nearest`, but each pixel is the mean of the area that it covers, with the shares
    of pixels at its edges. Sums of integers are exact (to 2³⁷ pixels) and rounded once, to nearest,
    halves to even. The dtype is uint8, uint16, float32 or float64."""
    height, width = out.shape[1:3]
    values = math.prod(out.shape[3:])
    flat, whole = np.asarray(pixels).reshape(-1), out.dtype.kind == "u"
    _paste_area(flat, base, partner, box, height, width, values, whole, out.reshape(-1))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(i4, 2, 'C'), "
    "i8, i8, i8, Array(u1, 1, 'C'))"
)
def _paste_nearest(
    pixels: npt.NDArray[np.uint8],
    base: Ints,
    partner: Ints,
    box: Boxes,
    height: int,
    width: int,
    pixel: int,
    out: npt.NDArray[np.uint8],
) -> None:
    line = width * pixel
    image = height * line
    columns = np.empty(width, np.int64)
    for row in range(base.shape[0]):
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        y0, x0, y1, x1 = box[row]
        for x in range(x1 - x0):
            columns[x] = (2 * x + 1) * width // (2 * (x1 - x0)) * pixel
        for y in range(y1 - y0):
            start = partner[row] * image + (2 * y + 1) * height // (2 * (y1 - y0)) * line
            to = row * image + (y0 + y) * line + x0 * pixel
            for x in range(x1 - x0):
                copy_bytes(out, to + x * pixel, pixels, start + columns[x], pixel)


@helper
def _cover(place: Any, small: Any, large: Any) -> Any:
    """Which of ``large`` cells cell ``place`` of ``small`` ones covers: the first, the one after
    the last, how much of the first and how much of the last; all of one is ``small``."""
    low, high = place * large, (place + 1) * large
    first, end = low // small, (high + small - 1) // small
    return first, end, (first + 1) * small - low, high - (end - 1) * small


@helper
def _sum_lines(pixels: Any, start: Any, place: Any, small: Any, large: Any, totals: Any) -> None:
    """In ``totals`` the lines that cell ``place`` covers, each as often as it is covered."""
    line = totals.shape[0]
    first, end, head, tail = _cover(place, small, large)
    totals.fill(0)
    for y in range(first, end):
        weight = np.float64(head if y == first else tail if y == end - 1 else small)
        one = pixels[start + y * line : start + (y + 1) * line]
        for i in range(line):
            totals[i] += weight * np.float64(one[i])


@helper
def _sum_pixels(totals: Any, covers: Any, small: Any, values: Any, made: Any) -> None:
    """In ``made`` the ``small`` pixels of a line, each the pixels of ``totals`` that it covers, as
    often as it covers them."""
    for x in range(small):
        first, end, head, tail = covers[0, x], covers[1, x], covers[2, x], covers[3, x]
        for value in range(values):
            total = head * totals[first * values + value]
            for i in range(first + 1, end - 1):
                total += small * totals[i * values + value]
            if end - first > 1:
                total += tail * totals[(end - 1) * values + value]
            made[x * values + value] = total


@helper
def _sum_pixels_of_3(totals: Any, covers: Any, small: Any, made: Any) -> None:
    """`_sum_pixels` of three values a pixel, which nearly all images have, side by side."""
    for x in range(small):
        first, end, head, tail = covers[0, x], covers[1, x], covers[2, x], covers[3, x]
        at = first * 3
        red, green, blue = head * totals[at], head * totals[at + 1], head * totals[at + 2]
        for i in range(first + 1, end - 1):
            red += small * totals[i * 3]
            green += small * totals[i * 3 + 1]
            blue += small * totals[i * 3 + 2]
        if end - first > 1:
            at = (end - 1) * 3
            red += tail * totals[at]
            green += tail * totals[at + 1]
            blue += tail * totals[at + 2]
        made[x * 3], made[x * 3 + 1], made[x * 3 + 2] = red, green, blue


@compiled(
    *(
        f"void(Array({t}, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(i4, 2, 'C'), "
        f"i8, i8, i8, b1, Array({t}, 1, 'C'))"
        for t in ("u1", "u2", "f4", "f8")
    )
)
def _paste_area(
    pixels: Pixels,
    base: Ints,
    partner: Ints,
    box: Boxes,
    height: int,
    width: int,
    values: int,
    whole: bool,
    out: Pixels,
) -> None:
    line = width * values
    image = height * line
    totals, made, covers = (
        np.empty(line, np.float64),
        np.empty(line, np.float64),
        np.empty((4, width), np.int64),
    )
    for row in range(base.shape[0]):
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        y0, x0, y1, x1 = box[row]
        small, area = x1 - x0, np.float64(height * width)
        for x in range(small):
            covers[0, x], covers[1, x], covers[2, x], covers[3, x] = _cover(x, small, width)
        for y in range(y1 - y0):
            _sum_lines(pixels, partner[row] * image, y, y1 - y0, height, totals)
            if values == 3:
                _sum_pixels_of_3(totals, covers, small, made)
            else:
                _sum_pixels(totals, covers, small, values, made)
            to = row * image + (y0 + y) * line + x0 * values
            one = out[to : to + small * values]
            # In a loop of its own, of which a processor does several at once.
            if whole:
                for i in range(small * values):
                    one[i] = np.rint(made[i] / area)
            else:
                for i in range(small * values):
                    one[i] = made[i] / area
