"""Saliency: where an image differs most from its surroundings, in whole numbers.

S. Montabone, A. Soto. Human detection using a mobile platform and novel features derived from a
visual saliency mechanism. Image and Vision Computing 28, 2010.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper

Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]

_REACHES = (12, 24, 28, 48, 56, 112)  # of the windows, in pixels each way; the authors' six
_LEVELS = 65535  # what floats are spread over
_RED, _GREEN, _BLUE = 77, 150, 29  # of 256


def peaks(pixels: Pixels, rows: Ints) -> npt.NDArray[np.int32]:
    """(m, 2) int32 y, x of the most salient point of each of ``pixels[rows]``, the first in reading
    order on a tie.

    pixels (n, H, W[, C]) is C-contiguous, uint8, uint16, float32 or float64; rows (m,) int64. Of
    three or four channels the first are red, green and blue; others count alike.
    """
    height, width, channels = (*pixels.shape[1:], 1)[:3]
    weight = [_RED, _GREEN, _BLUE, 0][:channels] if channels in (3, 4) else [1] * channels
    reaches = [min(reach, max(height, width)) for reach in _REACHES]
    at = np.empty((len(rows), 2), np.int32)
    _peaks(
        np.asarray(pixels).reshape(-1),
        rows,
        height,
        width,
        np.array(weight, np.int64),
        np.stack(np.unique(reaches, return_counts=True), axis=1),
        pixels.dtype.kind == "f",
        at,
    )
    return at


@helper
def _light_of_integers(image: Any, weight: Any, light: Any) -> None:
    height, width = light.shape
    channels = weight.shape[0]
    for y in range(height):
        for x in range(width):
            total, first = 0, (y * width + x) * channels
            for channel in range(channels):
                total += weight[channel] * np.int64(image[first + channel])
            light[y, x] = total


@helper
def _light_of_floats(image: Any, weight: Any, light: Any) -> None:
    """Floats become whole numbers by their place between the image's least and largest value;
    what is not finite counts as the least."""
    low, high = np.inf, -np.inf
    for value in image:
        if np.isfinite(value):
            low, high = min(low, np.float64(value)), max(high, np.float64(value))
    half = high / 2 - low / 2  # halves, since the difference of two large ones may be infinite
    height, width = light.shape
    channels = weight.shape[0]
    for y in range(height):
        for x in range(width):
            total, first = 0, (y * width + x) * channels
            for channel in range(channels):
                value = np.float64(image[first + channel])
                if half > 0 and np.isfinite(value):
                    place = (value / 2 - low / 2) / half
                    total += weight[channel] * np.int64(place * _LEVELS + 0.5)
            light[y, x] = total


@helper
def _smooth(light: Any, other: Any) -> None:
    """Weigh each pixel and its neighbours 1, 2, 1 in both directions, mirrored at the border;
    ``other`` is scratch."""
    height, width = light.shape
    for y in range(height):
        for x in range(width):
            left, right = min(abs(x - 1), width - 1), max(min(x + 1, 2 * width - 3 - x), 0)
            other[y, x] = light[y, left] + 2 * light[y, x] + light[y, right]
    for y in range(height):
        above, below = min(abs(y - 1), height - 1), max(min(y + 1, 2 * height - 3 - y), 0)
        for x in range(width):
            light[y, x] = other[above, x] + 2 * other[y, x] + other[below, x]


@helper
def _sum(light: Any, sums: Any) -> None:
    """``sums[y, x]``: the sum of ``light[:y, :x]``."""
    height, width = light.shape
    for y in range(height):
        line = 0
        for x in range(width):
            line += light[y, x]
            sums[y + 1, x + 1] = sums[y, x + 1] + line


@helper
def _add_differences(
    values: Any, top: Any, bottom: Any, rows: Any, reach: Any, times: Any, line: Any
) -> None:
    """Add to ``line``, so many ``times``, how much each of ``values``, a line of the image, differs
    from the mean of the others in its window: ``rows`` high, between the sums ``top`` and
    ``bottom``."""
    width = values.shape[0]
    for x in range(width):
        x0, x1 = max(x - reach, 0), min(x + reach + 1, width)
        others = rows * (x1 - x0) - 1
        around = bottom[x1] - top[x1] - bottom[x0] + top[x0] - values[x]
        line[x] += times * (abs(values[x] * others - around) // max(others, 1))


@helper
def _peak(light: Any, sums: Any, reaches: Any, line: Any) -> tuple[int, int]:
    """Where the saliency is largest; ``line`` is scratch."""
    height, width = light.shape
    largest, at = np.int64(-1), (0, 0)
    for y in range(height):
        line[:] = 0
        for index in range(reaches.shape[0]):
            reach, times = reaches[index]
            y0, y1 = max(y - reach, 0), min(y + reach + 1, height)
            _add_differences(light[y], sums[y0], sums[y1], y1 - y0, reach, times, line)
        for x in range(width):
            if line[x] > largest:
                largest, at = line[x], (y, x)
    return at


@compiled(
    *(
        f"void(Array({kind}, 1, 'C', True), Array(i8, 1, 'A'), i8, i8, i8[::1], i8[:, ::1], b1, "
        "i4[:, ::1])"
        for kind in ("u1", "u2", "f4", "f8")
    )
)
def _peaks(
    pixels: Pixels,
    rows: Ints,
    height: int,
    width: int,
    weight: Ints,
    reaches: Ints,
    floating: bool,
    at: npt.NDArray[np.int32],
) -> None:
    size = height * width * weight.shape[0]
    light = np.empty((height, width), np.int64)
    other = np.empty((height, width), np.int64)
    line = np.empty(width, np.int64)
    sums = np.zeros((height + 1, width + 1), np.int64)
    for row in range(rows.shape[0]):
        image = pixels[rows[row] * size : (rows[row] + 1) * size]
        if floating:
            _light_of_floats(image, weight, light)
        else:
            _light_of_integers(image, weight, light)
        for _ in range(2):
            _smooth(light, other)
        _sum(light, sums)
        at[row, 0], at[row, 1] = _peak(light, sums, reaches, line)
