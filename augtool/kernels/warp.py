"""Warp: every pixel of a row comes from another place of one image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper
from augtool.kernels._memory import as_bytes, copy_bytes

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]

EDGE, REFLECT, WRAP = 1, 2, 3  # the borders; every other number is a colour
ONE = 1 << 32  # 1.0, as sines and cosines are given
_PLACES = 16  # bits after the point of a place between pixels
_PART = 1 << _PLACES


@helper
def _inside(at: Any, side: Any, border: Any) -> Any:
    """The pixel of 0 … side−1 that is seen at ``at``, or −1 where a colour is."""
    if 0 <= at < side:
        return at
    if border == EDGE or (border == REFLECT and side == 1):
        return min(max(at, 0), side - 1)
    if border == REFLECT:
        at %= 2 * side - 2
        return min(at, 2 * side - 2 - at)
    return at % side if border == WRAP else -1


@helper
def _copy_pixel(out: Any, to: Any, pixels: Any, start: Any, pixel: Any) -> None:
    """Copy ``pixel`` bytes. A constant that the compiler sees makes the usual sizes four times as
    fast."""
    if pixel == 3:
        copy_bytes(out, to, pixels, start, 3)
    elif pixel == 1:
        copy_bytes(out, to, pixels, start, 1)
    else:
        copy_bytes(out, to, pixels, start, pixel)


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
            for x in range(width):
                _copy_pixel(out, first + x * pixel, pixels, last - x * pixel, pixel)


def translate(
    pixels: Pixels,
    base: Ints,
    offset: npt.NDArray[np.int32],
    border: int,
    colour: Pixels,
    out: Pixels,
) -> None:
    """``out[i, y, x] = pixels[base[i], y − dy, x − dx]`` with ``offset[i]`` = dy, dx.

    pixels (n, H, W[, C]) and out (m, H, W[, C]) are C-contiguous and of one dtype, any dtype; base
    (m,) int64; offset (m, 2) int32, of any size; colour (C,), of the pixels' dtype, is what lies
    beyond the border unless ``border`` is `EDGE`, `REFLECT` or `WRAP`.
    """
    height, width = out.shape[1:3]
    beyond = np.tile(as_bytes(colour), width)
    _translate(as_bytes(pixels), base, offset, border, beyond, height, width, as_bytes(out))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i4, 2, 'A'), i8, u1[::1], i8, i8, "
    "u1[::1])"
)
def _translate(
    pixels: Bytes,
    base: Ints,
    offset: npt.NDArray[np.int32],
    border: int,
    beyond: Bytes,
    height: int,
    width: int,
    out: Bytes,
) -> None:
    line = beyond.shape[0]
    pixel = line // width
    for row in range(base.shape[0]):
        dy, dx = offset[row]
        left, right = min(max(dx, 0), width), max(min(width + dx, width), 0)
        for y in range(height):
            to = (row * height + y) * line
            from_y = _inside(y - dy, height, border)
            if from_y < 0:
                copy_bytes(out, to, beyond, 0, line)
                continue
            start = (base[row] * height + from_y) * line
            if left < right:
                shown = (right - left) * pixel
                copy_bytes(out, to + left * pixel, pixels, start + (left - dx) * pixel, shown)
            for first, last in ((0, left), (max(left, right), width)):
                for x in range(first, last):
                    from_x = _inside(x - dx, width, border)
                    if from_x < 0:
                        copy_bytes(out, to + x * pixel, beyond, 0, (last - x) * pixel)
                        break
                    _copy_pixel(out, to + x * pixel, pixels, start + from_x * pixel, pixel)


def rotate_nearest(
    pixels: Pixels, base: Ints, turn: Ints, border: int, colour: Pixels, out: Pixels
) -> None:
    """``out[i]`` is ``pixels[base[i]]`` turned counter-clockwise about its centre by the angle of
    which ``turn[i]`` is the cosine and the sine, times `ONE`; each pixel is the nearest one.

    Otherwise as for `translate`.
    """
    height, width = out.shape[1:3]
    beyond = as_bytes(colour)
    _rotate_nearest(as_bytes(pixels), base, turn, border, beyond, height, width, as_bytes(out))


@helper
def _place(cos: Any, sin: Any, x: Any, y: Any, height: Any, width: Any) -> tuple[Any, Any]:
    """Where a pixel of the turned image comes from: y and x, in parts of a pixel."""
    across, down = 2 * x - (width - 1), 2 * y - (height - 1)  # twice the way from the centre
    from_x = cos * across - sin * down + (width - 1) * ONE
    from_y = sin * across + cos * down + (height - 1) * ONE
    half = 1 << (32 - _PLACES)
    return (from_y + half) >> (33 - _PLACES), (from_x + half) >> (33 - _PLACES)


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 2, 'A'), i8, u1[::1], i8, i8, "
    "u1[::1])"
)
def _rotate_nearest(
    pixels: Bytes,
    base: Ints,
    turn: Ints,
    border: int,
    beyond: Bytes,
    height: int,
    width: int,
    out: Bytes,
) -> None:
    pixel = beyond.shape[0]
    image = height * width * pixel
    for row in range(base.shape[0]):
        cos, sin = turn[row]
        for y in range(height):
            for x in range(width):
                place_y, place_x = _place(cos, sin, x, y, height, width)
                from_y = _inside((place_y + _PART // 2) >> _PLACES, height, border)
                from_x = _inside((place_x + _PART // 2) >> _PLACES, width, border)
                to = row * image + (y * width + x) * pixel
                if from_y < 0 or from_x < 0:
                    _copy_pixel(out, to, beyond, 0, pixel)
                else:
                    start = base[row] * image + (from_y * width + from_x) * pixel
                    _copy_pixel(out, to, pixels, start, pixel)


def rotate_bilinear(
    pixels: Pixels, base: Ints, turn: Ints, border: int, colour: Pixels, out: Pixels
) -> None:
    """As `rotate_nearest`, but each pixel is the mean of the four around its place, weighed by how
    near they are; whole numbers are rounded to the nearest.

    uint8, uint16, float32 or float64 only.
    """
    height, width = out.shape[1:3]
    floating = out.dtype.kind == "f"
    flat, made = np.asarray(pixels).reshape(-1), out.reshape(-1)
    _rotate_bilinear(flat, base, turn, border, colour, height, width, floating, made)


@helper
def _start(from_y: Any, from_x: Any, width: Any, channels: Any) -> Any:
    return (from_y * width + from_x) * channels if from_y >= 0 and from_x >= 0 else -1


@helper
def _of_floats(values: Any, weights: Any) -> Any:
    """A place on a pixel is that pixel to the bit, and what has no weight may be no number."""
    total = 0.0
    for value, weight in zip(values, weights):  # noqa: B905
        if weight == _PART * _PART:
            return np.float64(value)
        if weight > 0:
            total += np.float64(weight) / (_PART * _PART) * np.float64(value)
    return total


@compiled(
    *(
        f"void(Array({kind}, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 2, 'A'), i8, "
        f"{kind}[::1], i8, i8, b1, {kind}[::1])"
        for kind in ("u1", "u2", "f4", "f8")
    )
)
def _rotate_bilinear(
    pixels: Pixels,
    base: Ints,
    turn: Ints,
    border: int,
    beyond: Pixels,
    height: int,
    width: int,
    floating: bool,
    out: Pixels,
) -> None:
    channels = beyond.shape[0]
    size = height * width * channels
    for row in range(base.shape[0]):
        image = pixels[base[row] * size : (base[row] + 1) * size]
        made = out[row * size : (row + 1) * size]
        cos, sin = turn[row]
        for y in range(height):
            for x in range(width):
                place_y, place_x = _place(cos, sin, x, y, height, width)
                y0 = _inside(place_y >> _PLACES, height, border)
                y1 = _inside((place_y >> _PLACES) + 1, height, border)
                x0 = _inside(place_x >> _PLACES, width, border)
                x1 = _inside((place_x >> _PLACES) + 1, width, border)
                at = (
                    _start(y0, x0, width, channels),
                    _start(y0, x1, width, channels),
                    _start(y1, x0, width, channels),
                    _start(y1, x1, width, channels),
                )
                low, right = place_y & (_PART - 1), place_x & (_PART - 1)
                weights = (
                    (_PART - low) * (_PART - right),
                    (_PART - low) * right,
                    low * (_PART - right),
                    low * right,
                )
                for channel in range(channels):
                    a = image[at[0] + channel] if at[0] >= 0 else beyond[channel]
                    b = image[at[1] + channel] if at[1] >= 0 else beyond[channel]
                    c = image[at[2] + channel] if at[2] >= 0 else beyond[channel]
                    d = image[at[3] + channel] if at[3] >= 0 else beyond[channel]
                    to = (y * width + x) * channels + channel
                    if floating:
                        made[to] = _of_floats((a, b, c, d), weights)
                    else:
                        total = a * weights[0] + b * weights[1] + c * weights[2] + d * weights[3]
                        made[to] = (np.int64(total) + _PART * _PART // 2) >> (2 * _PLACES)
