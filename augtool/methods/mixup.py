"""Blend two rows, pixel by pixel and label by label, with one weight.

``out = λ · base + (1 − λ) · partner`` with λ ~ Beta(α, α) for each row. Integers are rounded to
nearest. Rows may be images, tables, sound: arrays of any rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._lam import alpha_param, drawn, lam_param, settle
from augtool.params import check

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "blended"
KERNELS = ("blend",)
PAPER = (
    "Zhang, Cisse, Dauphin, Lopez-Paz. mixup: Beyond Empirical Risk Minimization. ICLR 2018. "
    "arXiv:1710.09412"
)


@dataclass(frozen=True)
class Params:
    """mixup's parameters; ``alpha`` and ``lam`` exclude each other."""

    alpha: float | None = alpha_param(0.2)
    lam: float | None = lam_param()

    def __post_init__(self) -> None:
        check(self)
        settle(self, 0.2)


def check_shape(_params: Params, _shape: tuple[int, ...]) -> None:
    """Rows of any shape can be blended."""


def columns(_params: Params) -> tuple[Column, ...]:
    """λ."""
    return (Column("lam", "float32", (), 1, "λ: the weight of the base", low=0, high=1),)


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``lam`` (rows,) float32."""
    return {"lam": drawn(params, rows, streams)}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], _shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: λ and 1 − λ."""
    lam = columns["lam"].astype(np.float64)
    return np.stack([lam, 1 - lam], axis=1).astype(np.float32)


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The blend of the base and the partner."""
    from augtool.kernels.blend import blend

    blend(pixels, slots[:, 0], slots[:, 1], columns["lam"], out)
