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
