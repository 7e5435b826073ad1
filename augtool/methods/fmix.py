"""Take each pixel from one of two images, by a mask of smooth random shapes; the label counts them.

Noise in which amplitudes fall with frequency as ``f^−decay_power`` (f in cycles a pixel, at most 32
cycles over the longer side) is made for each row; the base image is seen at its ``round(λ·H·W)``
highest pixels, the partner elsewhere. λ ~ Beta(α, α).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._exact import cos_turns, power, sin_turns
from augtool.methods._images import images_only
from augtool.methods._lam import alpha_param, drawn, lam_param, settle
from augtool.params import check, param

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "pasted"
KERNELS = ("mask",)
PAPER = (
    "Harris, Marcu, Painter, Niranjan, Prügel-Bennett, Hare. FMix: Enhancing Mixed Sample Data "
    "Augmentation. 2020. arXiv:2002.12047"
)
_CYCLES = 32
_MASK_BYTES = 1 << 20  # masks are made for so many pixels at once

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Params:
    """FMix's parameters; ``alpha`` and ``lam`` exclude each other."""

    alpha: float | None = alpha_param(1.0)
    lam: float | None = lam_param()
    decay_power: float = param(
        3.0, "How fast high frequencies fade: larger makes smoother shapes.", low=0, high=20
    )

    def __post_init__(self) -> None:
        check(self)
        settle(self, 1.0)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("fmix", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """λ and what the mask is made from."""
    lam = "λ as drawn: the base has the nearest whole count of pixels"
    return (
        Column("lam", "float32", (), 1, lam, low=0, high=1),
        Column("key", "uint64", (), 0, "with decay_power and the image's size it makes the mask"),
    )


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``lam`` (rows,) float32 and ``key`` (rows,) uint64."""
    key = streams("key").integers(0, 2**64, rows, dtype=np.uint64)
    return {"lam": drawn(params, rows, streams), "key": key}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: the base's and the partner's share of the pixels; no mask is needed."""
    total = shape[0] * shape[1]
    count = _count(columns["lam"], total)
    return (np.stack([count, total - count], axis=1) / total).astype(np.float32)


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base where the row's noise is highest, the partner elsewhere."""
    from augtool.kernels.mask import choose

    height, width = out.shape[1:3]
    rows = max(1, _MASK_BYTES // (height * width))
    for low in range(0, len(out), rows):
        part = slice(low, low + rows)
        mask = masks(params, columns["key"][part], columns["lam"][part], height, width)
        choose(pixels, slots[part, 0], slots[part, 1], mask, out[part])


def masks(
    params: Params, key: npt.NDArray[np.uint64], lam: Floats, height: int, width: int
) -> npt.NDArray[np.uint8]:
    """(m, H · W) uint8: 1 where the base is seen."""
    from augtool.kernels.mask import masks_of_noise

    made = np.empty((len(key), height * width), np.uint8)
    count = _count(lam, height * width)
    masks_of_noise(key, count, *_spectrum(params.decay_power, height, width), made)
    return made


def _count(lam: Floats, total: int) -> npt.NDArray[np.int64]:
    """(m,) how many pixels of the base are seen."""
    return np.floor(lam.astype(np.float64) * total + 0.5).astype(np.int64)


@lru_cache(maxsize=8)
def _spectrum(decay_power: float, height: int, width: int) -> tuple[Floats, Floats, Floats]:
    """Amplitudes (P, Q) and the waves they belong to, down (P, H) and across (Q, W) the image."""
    longer = max(height, width)
    rows, down = _waves(height, longer)
    cols, across = _waves(width, longer)
    # In cycles over the longer side, so that shapes are round in images that are not square.
    square = (rows * longer / height)[:, None] ** 2 + (cols * longer / width)[None, :] ** 2
    square[0, 0] = 1
    amplitude = power(square, -decay_power / 2)
    amplitude[0, 0] = 0
    amplitude[amplitude < 1e-12] = 0
    return amplitude.astype(np.float32), down, across


def _waves(side: int, longer: int) -> tuple[npt.NDArray[np.float64], Floats]:
    """The cycles (P,) and values (P, side) of the real Fourier basis of a side: a constant, then
    each cosine and sine, of equal energy."""
    cycles = np.arange(1, min(side // 2, _CYCLES * side // longer) + 1)
    parts = cycles[:, None] * np.arange(side)
    pairs = np.stack([cos_turns(parts, side), sin_turns(parts, side)], axis=1)
    pairs = pairs.reshape(-1, side) * np.sqrt(2.0)
    cycles = np.repeat(cycles, 2)
    if side % 2 == 0 and len(cycles) and cycles[-1] == side // 2:  # its sine is 0 everywhere
        cycles, pairs = cycles[:-1], pairs[:-1]
        pairs[-1] /= np.sqrt(2.0)
    waves = np.concatenate([np.ones((1, side)), pairs])
    return np.concatenate([[0.0], cycles]), waves.astype(np.float32)
