"""Resampling: a part of one image brought to another size, bilinear with antialiasing."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled

Bytes = npt.NDArray[np.uint8]
Starts = npt.NDArray[np.uint64]
Weights = npt.NDArray[np.int32]
Box = tuple[float, float, float, float]

_BITS = 15  # of a weight: two of them and a byte, less what is rounded away between, fit int32
_ONE = 1 << _BITS
_KEPT = np.int32(8)  # bits rounded away between the two directions: 7 of a fraction are kept
_HALF_KEPT = np.int32(1 << 7)
_DOWN = np.int32(2 * _BITS - 8)  # what is left to shift at the end
_HALF_DOWN = np.int32(1 << (2 * _BITS - 9))
_STEP_4, _STEP_3 = np.uint64(4), np.uint64(3)
_1, _2 = np.uint64(1), np.uint64(2)


def bilinear(pixels: Bytes, box: Box, out: Bytes) -> None:
    """``out`` is the part ``box`` (y0, x0, y1, x1, half-open, in pixels) of an image, resized.

    pixels (H, W, p) uint8, C-contiguous, p channels of which the first are taken; out (h, w, c)
    uint8, C-contiguous, c ≤ p. The weight of a pixel falls linearly from the centre of the wanted
    one to nothing at a distance of one wanted pixel, or of one given pixel where that is more; at
    the edges of the box pixels beyond it count, as far as there are any. All is done in integers:
    weights have 15 bits and sum to one exactly, rows are summed before columns, and the result is
    rounded to nearest.
    """
    height, width, pitch = pixels.shape
    y0, x0, y1, x1 = box
    rows, downs = _weights(height, y0, y1, out.shape[0])
    columns, acrosses = _weights(width, x0, x1, out.shape[1])
    left = int(columns[0])
    right = int(columns[-1]) + acrosses.shape[1]
    sums = np.empty((right - left) * pitch, np.int32)
    _bilinear(
        pixels.reshape(-1),
        width * pitch,
        pitch,
        left,
        rows,
        downs,
        columns,
        acrosses,
        out.shape[2],
        sums,
        out.reshape(-1),
    )


@functools.lru_cache(maxsize=256)
def _weights(size: int, low: float, high: float, wanted: int) -> tuple[Starts, Weights]:
    """For each of the ``wanted`` pixels of low … high the first of ``size`` pixels that counts,
    (wanted,), and the weights from there on, (wanted, n) int32, of which each row sums to one.

    Only +, −, × and ÷ of float64 are used, which give the same everywhere.
    """
    scale = (high - low) / wanted
    reach = max(scale, 1.0)
    centres = low + (np.arange(wanted) + 0.5) * scale
    first = np.clip(np.floor(centres - reach - 0.5).astype(np.int64) + 1, 0, size - 1)
    last = np.clip(np.ceil(centres + reach - 0.5).astype(np.int64) - 1, first, size - 1)
    count = int((last - first).max()) + 1
    starts = np.minimum(first, size - count)
    places = starts[:, None] + np.arange(count)
    shares = np.maximum(0.0, 1.0 - np.abs(places + 0.5 - centres[:, None]) / reach)
    total = np.zeros(wanted)
    for column in shares.T:  # in this order: a sum of NumPy's has its own on each processor
        total = total + column
    whole = np.floor(shares / total[:, None] * _ONE + 0.5).astype(np.int32)
    largest = shares.argmax(axis=1)
    whole[np.arange(wanted), largest] += _ONE - whole.sum(axis=1, dtype=np.int32)
    return starts.astype(np.uint64), whole


@compiled(
    "void(Array(u1, 1, 'C', True), i8, i8, i8, Array(u8, 1, 'C'), Array(i4, 2, 'C'), "
    "Array(u8, 1, 'C'), Array(i4, 2, 'C'), i8, Array(i4, 1, 'C'), Array(u1, 1, 'C'))"
)
def _bilinear(
    pixels: Bytes,
    line: Any,
    pitch: Any,
    left: Any,
    rows: Starts,
    downs: Weights,
    columns: Starts,
    acrosses: Weights,
    channels: Any,
    sums: npt.NDArray[np.int32],
    out: Bytes,
) -> None:
    # Unsigned numbers as indices: with signed ones each access would ask if it counts from the end.
    step, begin = np.uint64(pitch), np.uint64(left)
    bytes_of_line, taken = np.uint64(line), np.uint64(channels)
    length, width = np.uint64(sums.shape[0]), np.uint64(columns.shape[0])
    tall, wide = np.uint64(downs.shape[1]), np.uint64(acrosses.shape[1])
    to = np.uint64(0)
    for y in range(np.uint64(rows.shape[0])):
        for i in range(length):
            sums[i] = _HALF_KEPT
        for k in range(tall):
            weight = downs[y, k]
            start = (rows[y] + k) * bytes_of_line + begin * step
            for i in range(length):
                sums[i] += weight * np.int32(pixels[start + i])
        for i in range(length):
            sums[i] >>= _KEPT
        if step == _STEP_4 and taken == _STEP_3:  # the usual case, without a loop over channels
            for x in range(width):
                at = (columns[x] - begin) * _STEP_4
                red, green, blue = _HALF_DOWN, _HALF_DOWN, _HALF_DOWN
                for k in range(wide):
                    weight = acrosses[x, k]
                    red += weight * sums[at]
                    green += weight * sums[at + _1]
                    blue += weight * sums[at + _2]
                    at += _STEP_4
                out[to] = red >> _DOWN
                out[to + _1] = green >> _DOWN
                out[to + _2] = blue >> _DOWN
                to += _STEP_3
        else:
            for x in range(width):
                for channel in range(taken):
                    at = (columns[x] - begin) * step + channel
                    total = _HALF_DOWN
                    for k in range(wide):
                        total += acrosses[x, k] * sums[at]
                        at += step
                    out[to] = total >> _DOWN
                    to += _1
