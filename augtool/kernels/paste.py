"""Paste: whole images from one source, a box from another, byte for byte."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._compile import compiled
from augtool.kernels._memory import as_bytes, copy_bytes

Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]


def paste(
    pixels: Pixels, base: Ints, partner: Ints, box: npt.NDArray[np.int32], out: Pixels
) -> None:
    """``out[i] = pixels[base[i]]``, and inside ``box[i]`` ``pixels[partner[i]]`` at the same place.

    pixels (n, H, W, …) and out (m, H, W, …) are C-contiguous and of one dtype, any dtype; base and
    partner (m,) int64 in 0 … n−1; box (m, 4) int32, y0 x0 y1 x1, half-open, inside the image.
    With partner (m, k) and box (m, k, 4) a row has k boxes; a later one covers the earlier.
    """
    height, width = out.shape[1:3]
    pixel = out.dtype.itemsize * math.prod(out.shape[3:])
    partners, boxes = partner.reshape(len(base), -1), box.reshape(len(base), -1, 4)
    _paste(as_bytes(pixels), base, partners, boxes, height, width * pixel, pixel, as_bytes(out))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 2, 'A'), Array(i4, 3, 'C'), "
    "i8, i8, i8, Array(u1, 1, 'C'))"
)
def _paste(
    pixels: npt.NDArray[np.uint8],
    base: Ints,
    partner: Ints,
    box: npt.NDArray[np.int32],
    height: int,
    line: int,
    pixel: int,
    out: npt.NDArray[np.uint8],
) -> None:
    image = height * line
    for row in range(base.shape[0]):
        to = row * image
        copy_bytes(out, to, pixels, base[row] * image, image)
        for part in range(partner.shape[1]):
            start = partner[row, part] * image
            y0, x0, y1, x1 = box[row, part]
            left, count = x0 * pixel, (x1 - x0) * pixel
            if count > 0:
                for y in range(y0, y1):
                    at = y * line + left
                    copy_bytes(out, to + at, pixels, start + at, count)


def paste_cells(
    pixels: Pixels,
    base: Ints,
    partner: Ints,
    cells: npt.NDArray[np.uint64],
    borders: tuple[Ints, Ints],
    out: Pixels,
) -> None:
    """``out[i] = pixels[base[i]]``, and in the cells of a grid whose bits are set in ``cells[i]``
    ``pixels[partner[i]]`` at the same place.

    pixels and out as for `paste`; base and partner (m,) int64; cells (m,) uint64, bit j·k + i for
    row j and column i of the grid; borders the k + 1 first pixels of the grid's rows and columns,
    from 0 up to H and W.
    """
    pixel = out.dtype.itemsize * math.prod(out.shape[3:])
    rows, columns = borders[0], borders[1] * pixel
    _paste_cells(as_bytes(pixels), base, partner, cells, rows, columns, as_bytes(out))


@compiled(
    "void(Array(u1, 1, 'C', True), Array(i8, 1, 'A'), Array(i8, 1, 'A'), Array(u8, 1, 'A'), "
    "Array(i8, 1, 'C'), Array(i8, 1, 'C'), Array(u1, 1, 'C'))"
)
def _paste_cells(
    pixels: npt.NDArray[np.uint8],
    base: Ints,
    partner: Ints,
    cells: npt.NDArray[np.uint64],
    rows: Ints,
    columns: Ints,
    out: npt.NDArray[np.uint8],
) -> None:
    count, line = rows.shape[0] - 1, columns[-1]
    image = rows[-1] * line
    for row in range(base.shape[0]):
        to, start = row * image, partner[row] * image
        copy_bytes(out, to, pixels, base[row] * image, image)
        bits = cells[row]
        for cell_row in range(count):
            column = 0
            while column < count:
                first = column
                while column < count and (bits >> np.uint64(cell_row * count + column)) & 1:
                    column += 1
                left, length = columns[first], columns[column] - columns[first]
                if length > 0:
                    for y in range(rows[cell_row], rows[cell_row + 1]):
                        at = y * line + left
                        copy_bytes(out, to + at, pixels, start + at, length)
                column += 1
