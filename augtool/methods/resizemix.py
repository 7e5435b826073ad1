"""Shrink the whole second image and paste it at a random place; the label is the share of pixels.

The sides are ``round(τH)`` and ``round(τW)``, at least 1, with τ uniform in ``tau_range``; the box
is uniform over the places inside the image. A pixel of the small image is the mean of the area that
it covers, or the pixel under its centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._box import shares
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.params import check, param

PROB = 1.0
SLOTS = 2
OWNERS: Owners = "pasted"
KERNELS = ("resize",)
PAPER = (
    "Qin, Fang, Zhang, Liu, Wang, Wang. ResizeMix: Mixing Data with Preserved Object Information "
    "and True Labels. 2020. arXiv:2012.11101"
)


@dataclass(frozen=True)
class Params:
    """ResizeMix's parameters."""

    tau_range: tuple[float, float] = param(
        (0.1, 0.8), "Shrink each side to a share within these.", above=0, high=1, rising=True
    )
    shrink: str = param(
        "area",
        "A pixel of the small image is the mean of the area it covers, or the nearest pixel.",
        choices=("area", "nearest"),
    )

    def __post_init__(self) -> None:
        check(self)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("resizemix", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """The box."""
    what = "where the small image is: y0, x0, y1, x1, half-open"
    return (Column("box", "int32", (4,), 0, what, within="box"),)


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``box`` (rows, 4) int32."""
    sides = np.array(shape[:2], np.int64)
    tau = streams("tau").uniform(*params.tau_range, rows)
    size = np.maximum(np.floor(tau[:, None] * sides + 0.5).astype(np.int64), 1)
    start = streams("corner").integers(0, sides - size, endpoint=True)
    return {"box": np.concatenate([start, start + size], axis=1).astype(np.int32)}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 2) float32: the base's and the partner's share of the pixels."""
    return shares(columns["box"], shape)


def on_maps(params: Params, _fill: str) -> Params:
    """The nearest pixel."""
    return replace(params, shrink="nearest")


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base everywhere, the whole partner inside the box."""
    from augtool.kernels.resize import paste_area, paste_nearest

    paste = paste_area if params.shrink == "area" else paste_nearest
    paste(pixels, slots[:, 0], slots[:, 1], columns["box"], out)
