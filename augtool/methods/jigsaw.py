"""Cut images into a grid and take each cell from one of two; the label is the share of pixels.

Known as GridMix. λ ~ Beta(α, α) per row; of the n×n cells, ``⌊(1 − λ)·n² + ½⌋`` come from the
partner, at the same place; which ones is drawn uniformly. Cell j of a side L begins at ``⌊j·L/n⌋``:
sides need not divide. The partner's weight is the count of pixels of its cells over H·W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.methods._lam import alpha_param, drawn, lam_param, settle
from augtool.params import check, param

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "pasted"
KERNELS = ("paste",)
PAPER = (
    "Baek, Bang, Shim. GridMix: Strong Regularization through Local Context Mapping. "
    "Pattern Recognition 109, 2021"
)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Params:
    """Jigsaw's parameters; ``alpha`` and ``lam`` exclude each other."""

    grid: int = param(4, "Cut images into this many rows and columns of cells.", low=2, high=8)
    alpha: float | None = alpha_param(1.0)
    lam: float | None = lam_param("Fix λ, the share of the cells that stay the base image's.")

    def __post_init__(self) -> None:
        check(self)
        settle(self, 1.0)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("jigsaw", shape)


def columns(params: Params) -> tuple[Column, ...]:
    """The cells and λ."""
    lam = "λ as drawn: the share of the base before rounding"
    return (
        Column(
            "cells",
            "uint64",
            (),
            0,
            f"the partner's cells: bit {params.grid}·j + i for row j, column i of the grid",
        ),
        Column("lam", "float32", (), 1, lam, low=0, high=1),
    )


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``cells`` (rows,) uint64 and ``lam`` (rows,) float32."""
    lam, total = drawn(params, rows, streams), params.grid**2
    count = np.floor((1 - lam.astype(np.float64)) * total + 0.5)
    bits = np.tile(np.uint64(1) << np.arange(total, dtype=np.uint64), (rows, 1))
    shuffled = streams("cells").permuted(bits, axis=1)
    taken = np.arange(total) < count[:, None]
    return {"cells": np.where(taken, shuffled, np.uint64(0)).sum(axis=1), "lam": lam}


def weights(
    params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: the base's and the partner's share of the pixels."""
    heights, widths = (np.diff(border) for border in _borders(params, shape))
    area = np.outer(heights, widths).ravel()
    bits = columns["cells"][:, None] >> np.arange(len(area), dtype=np.uint64)
    pasted = (bits & np.uint64(1)).astype(np.int64) @ area
    total = shape[0] * shape[1]
    return (np.stack([total - pasted, pasted], axis=1) / total).astype(np.float32)


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base everywhere, the partner in its cells, at the same place."""
    from augtool.kernels.paste import paste_cells

    borders = _borders(params, out.shape[1:])
    paste_cells(pixels, slots[:, 0], slots[:, 1], columns["cells"], borders, out)


def _borders(params: Params, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """(n + 1,) the first pixels of the grid's rows, and of its columns, up to the side itself."""
    steps = np.arange(params.grid + 1)
    return steps * shape[0] // params.grid, steps * shape[1] // params.grid
