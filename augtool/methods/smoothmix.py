"""Blend a second image in around a random point, fading out; the label is the mean weight.

The partner's weight is ``exp(−(y − cy)² / 2σ²H²) · exp(−(x − cx)² / 2σ²W²)``, with a centre that is
uniform over the image and σ, a share of the sides, uniform in ``sigma_range``. Each of the two
factors is a whole number of 1/32768; the label is the mean of their products, rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._exact import exp
from augtool.methods._images import images_only
from augtool.params import check, param

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "blended"
KERNELS = ("blend",)
PAPER = (
    "Lee, Zaheer, Astrid, Lee. SmoothMix: a Simple Yet Effective Data Augmentation to Train Robust "
    "Classifiers. CVPR Workshops 2020"
)
_ONE = 1 << 15  # augtool.kernels.blend.PROFILE_ONE, without its import
_STEPS = 4096  # entries of the table of exp for each unit of its argument
_FAR = 12  # beyond it exp(−x) is 0 in units of 1 / _ONE

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Params:
    """SmoothMix's parameter."""

    sigma_range: tuple[float, float] = param(
        (0.25, 0.5), "σ of the fading, as a share of each side.", above=0, high=10, rising=True
    )

    def __post_init__(self) -> None:
        check(self)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("smoothmix", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """The centre and σ."""
    centre = "y, x of the centre; a pixel's centre is at + 0.5"
    sigma = "σ as a share of the sides; 0: nothing is blended in"
    return (
        Column("centre", "float32", (2,), 0, centre, within="point"),
        Column("sigma", "float32", (), 0, sigma, low=0),
    )


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``centre`` (rows, 2) float32 and ``sigma`` (rows,) float32."""
    centre = streams("centre").random((rows, 2)) * shape[:2]
    sigma = streams("sigma").uniform(*params.sigma_range, rows)
    return {"centre": centre.astype(np.float32), "sigma": sigma.astype(np.float32)}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: the mean weight of the base and of the partner."""
    down, across = profiles(columns, shape)
    partner = down.sum(axis=1, dtype=np.int64) * across.sum(axis=1, dtype=np.int64)
    total = shape[0] * shape[1] * _ONE * _ONE
    return (np.stack([total - partner, partner], axis=1) / total).astype(np.float32)


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, and the partner with the weight of its place."""
    from augtool.kernels.blend import blend_outer

    down, across = profiles(columns, out.shape[1:])
    blend_outer(pixels, slots[:, 0], slots[:, 1], down, across, out)


def profiles(columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """(m, H) and (m, W) int32: the factors of the partner's weight, in units of 1 / _ONE."""
    centre = columns["centre"].astype(np.float64)
    sigma = columns["sigma"].astype(np.float64)
    return (
        _profile(centre[:, 0], sigma * shape[0], shape[0]),
        _profile(centre[:, 1], sigma * shape[1], shape[1]),
    )


def _profile(centre: npt.NDArray[np.float64], sigma: npt.NDArray[np.float64], side: int) -> Ints:
    """(m, side) round(_ONE · exp(−d² / 2σ²)), with exp taken from a table."""
    scale = np.sqrt(_STEPS / 2) / np.where(sigma > 0, sigma, 1)
    away = (np.arange(side) + 0.5 - centre[:, None]) * scale[:, None]
    nearest = np.minimum(away * away + 0.5, _FAR * _STEPS).astype(np.int32)
    found: Ints = _table()[nearest]
    found[sigma <= 0] = 0
    return found


@cache
def _table() -> Ints:
    """Entry i is round(_ONE · exp(−i / _STEPS)); the last one is 0."""
    return np.rint(_ONE * exp(np.arange(_FAR * _STEPS + 1) / -_STEPS)).astype(np.int32)
