"""Grid: squares, or the bars between them, of a grid that may be turned, are filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled, helper
from augtool.kernels._filling import Filling
from augtool.kernels._memory import as_bytes, copy_bytes
from augtool.kernels.fill import fill, line_and_pixel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]

ONE = 1 << 30  # 1.0, as sines and cosines are given; places are halves of it
_PIXEL = 2 * ONE


@dataclass(frozen=True)
class Grids:
    """The grid of each row, in pixels.

    period, bar
        (m,) int64: the grid repeats every ``period`` ≥ 2 pixels, of which ``bar`` are bar; a period
        of 0 is no grid.
    phase
        (m, 2) int64: where a horizontal and a vertical bar begin, in 0 … period−1.
    cos, sin
        (m,) int64, of the angle by which the grid is turned about the image's centre, times `ONE`.
    squares
        Whether the squares between the bars are filled; else the bars.
    """

    period: Ints
    bar: Ints
    phase: Ints
    cos: Ints
    sin: Ints
    squares: bool


def fill_grid(pixels: Pixels, base: Ints, grids: Grids, filling: Filling, out: Pixels) -> None:
    """``out[i] = pixels[base[i]]``, and the filling in the squares or bars of its grid.

    pixels (n, H, W[, C]) and out (m, H, W[, C]) are C-contiguous and of one dtype, uint8, uint16,
    float32 or float64; base (m,) int64 in 0 … n−1.
    """
    of_rows = (grids.period, grids.bar, np.ascontiguousarray(grids.phase), grids.cos, grids.sin)

    def paint(source: Pixels, rows: Ints, lines: Pixels, made: Pixels) -> None:
        own, sizes = lines.shape[:2] != (1, 1), (*line_and_pixel(made), out.shape[2])
        flat = as_bytes(source), rows, *of_rows, grids.squares, *sizes, as_bytes(lines), own
        _paint_grid(*flat, as_bytes(made))

    fill(paint, 1, pixels, base, filling, out)


@helper
def _wrapped(place: Any, period: Any) -> Any:
    """``place`` in 0 … period−1, when it is at most one period outside."""
    if place < 0:
        return place + period
    return place - period if place >= period else place


@helper
def _run(down: Any, across: Any, step: Any, bar: Any, period: Any, most: Any, squares: Any) -> Any:
    """How many pixels, at most ``most``, are filled or not like the first; whether they are; and
    the place of the next. Along a line, a place moves by ``step``."""
    turns, steps = step
    first, count = ((down >= bar) & (across >= bar)) == squares, 0
    if turns == 0 and steps == _PIXEL:  # not turned: straight to the next border
        if down < bar:
            return most, first, down, across
        border = bar if across < bar else period
        count = min(most, (border - across + _PIXEL - 1) // _PIXEL)
        return count, first, down, _wrapped(across + count * _PIXEL, period)
    while count < most and (((down >= bar) & (across >= bar)) == squares) == first:
        down, across = _wrapped(down + turns, period), _wrapped(across + steps, period)
        count += 1
    return count, first, down, across


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), i8[:], i8[:], i8[:, ::1], i8[:], i8[:], b1, "
    "i8, i8, i8, i8, u1[::1], b1, u1[::1])"
)
def _paint_grid(
    pixels: Bytes,
    base: Ints,
    period: Ints,
    bar: Ints,
    phase: Ints,
    cos: Ints,
    sin: Ints,
    squares: bool,
    height: int,
    line: int,
    pixel: int,
    width: int,
    lines: Bytes,
    own: bool,
    out: Bytes,
) -> None:
    image = height * line
    for row in range(base.shape[0]):
        copy_bytes(out, row * image, pixels, base[row] * image, image)
        if period[row] == 0:
            continue
        whole, thick = period[row] * _PIXEL, bar[row] * _PIXEL
        # The middle of a pixel lies (2y − (H−1), 2x − (W−1)) halves from the image's centre.
        v, u = 1 - height, 1 - width
        top = (cos[row] * v + sin[row] * u + height * ONE - phase[row, 0] * _PIXEL) % whole
        left = (cos[row] * u - sin[row] * v + width * ONE - phase[row, 1] * _PIXEL) % whole
        step = 2 * sin[row], 2 * cos[row]
        for y in range(height):
            down, across, x = top, left, 0
            while x < width:
                count, filled, down, across = _run(
                    down, across, step, thick, whole, width - x, squares
                )
                if filled:
                    at = row * image + y * line + x * pixel
                    copy_bytes(out, at, lines, row * line * own, count * pixel)
                x += count
            top, left = _wrapped(top + step[1], whole), _wrapped(left - step[0], whole)
