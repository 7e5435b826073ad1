"""Paste a box around the second image's most salient point; the label is the share of pixels.

λ ~ Beta(α, α) per row; the box has sides ``int(L·√(1−λ))``, is centred on the partner's peak and
clipped at the border; the label comes from the clipped box. The peak is where the partner's
lightness, smoothed a little, differs most from its surroundings: ``Σ |v − mean of the window around
v|`` over windows of six sizes (fine-grained saliency, Montabone and Soto 2010), in whole numbers;
the first in reading order on a tie. It is found in each row's own partner when the pixels are read;
until then, in ``augtool plan``, peak and box are empty and the weights those of the base alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._box import clipped, shares, sides_of
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.methods._lam import alpha_param, drawn, lam_param, settle
from augtool.params import check

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "pasted"
KERNELS = ("saliency", "paste")
PAPER = (
    "Uddin, Monira, Shin, Chung, Bae. SaliencyMix: A Saliency Guided Data Augmentation Strategy "
    "for Better Regularization. ICLR 2021. arXiv:2006.01791"
)


@dataclass(frozen=True)
class Params:
    """SaliencyMix's parameters; ``alpha`` and ``lam`` exclude each other."""

    alpha: float | None = alpha_param(1.0)
    lam: float | None = lam_param("Fix λ, the share of the base image before clipping.")

    def __post_init__(self) -> None:
        check(self)
        settle(self, 1.0)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("saliencymix", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """λ, and what the partner's pixels decide."""
    lam = "λ as drawn: the share of the base before clipping"
    peak = "y, x of the partner's most salient point"
    box = "the pasted box: y0, x0, y1, x1, half-open, clipped"
    return (
        Column("lam", "float32", (), 1, lam, low=0, high=1),
        Column("peak", "int32", (2,), -1, peak, measured=True, within="point"),
        Column("box", "int32", (4,), 0, box, measured=True, within="box"),
    )


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``lam`` (rows,) float32."""
    return {"lam": drawn(params, rows, streams)}


def measure(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
) -> dict[str, npt.NDArray[Any]]:
    """``peak`` (m, 2) int32 of each row's partner, and ``box`` (m, 4) int32 around it."""
    from augtool.kernels.saliency import peaks

    shape = pixels.shape[1:]
    peak, size = peaks(pixels, slots[:, 1]), sides_of(columns["lam"], shape)
    return {"peak": peak, "box": clipped(peak - size // 2, size, shape)}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: the base's and the partner's share of the pixels."""
    return shares(columns["box"], shape)


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base everywhere, the partner inside the box, at the same place."""
    from augtool.kernels.paste import paste

    paste(pixels, slots[:, 0], slots[:, 1], columns["box"], out)
