"""Boxes whose size λ gives and whose overhang is cut off."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def sides_of(lam: npt.NDArray[np.float32], shape: tuple[int, ...]) -> Ints:
    """(m, 2) heights and widths ``int(L·√(1−λ))``, from the stored, rounded λ, so that box and
    record agree."""
    sides = np.array(shape[:2], np.int64)
    return (sides * np.sqrt(1 - lam.astype(np.float64))[:, None]).astype(np.int64)


def clipped(start: Ints, size: Ints, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """(m, 4) y0, x0, y1, x1, half-open: what is inside the image of boxes that begin at ``start``
    (m, 2)."""
    sides = np.array(shape[:2], np.int64)
    ends = [np.maximum(start, 0), np.minimum(start + size, sides)]
    return np.concatenate(ends, axis=1).astype(np.int32)


def shares(box: npt.NDArray[np.int32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """(m, 2) the share of the pixels outside a box (m, 4), and inside it."""
    wide = box.astype(np.int64)
    pasted = (wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1])
    total = shape[0] * shape[1]
    return (np.stack([total - pasted, pasted], axis=1) / total).astype(np.float32)


def shares_of_layers(
    boxes: npt.NDArray[np.int32], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, k + 1) the share of the pixels outside all of k boxes (m, k, 4), and what is seen of
    each, where a later one covers an earlier.

    The sides of all boxes cut the image into a grid, in which each cell is of one owner.
    """
    down, tall = _cells(boxes[:, :, 0::2], shape[0])
    across, wide = _cells(boxes[:, :, 1::2], shape[1])
    owner = np.zeros((len(boxes), tall.shape[1], wide.shape[1]), np.uint8)
    for number in range(boxes.shape[1]):
        owner[down[:, number, :, None] & across[:, number, None, :]] = number + 1
    area = tall[:, :, None] * wide[:, None, :]
    seen = [(area * (owner == slot)).sum(axis=(1, 2)) for slot in range(boxes.shape[1] + 1)]
    return (np.stack(seen, axis=1) / (shape[0] * shape[1])).astype(np.float32)


def _cells(ends: npt.NDArray[np.int32], side: int) -> tuple[npt.NDArray[np.bool_], Ints]:
    """The cells that the first and last ends (m, k, 2) of boxes cut a side into: whether each box
    holds each cell (m, k, c), and the cells' lengths (m, c)."""
    rows = len(ends)
    border = np.broadcast_to(np.array([0, side], np.int64), (rows, 2))
    cuts = np.sort(np.concatenate([ends.reshape(rows, -1), border], axis=1), axis=1)
    starts = cuts[:, None, :-1]
    inside = (ends[:, :, :1] <= starts) & (starts < ends[:, :, 1:])
    return inside, np.diff(cuts, axis=1).astype(np.int64)
