"""Show four images around a random centre; the label is the share of pixels of each.

The centre is uniform over whole pixels within a range of shares of the sides. The base image is
seen above and left of it, the second above right, the third below left, the fourth below right:
each the same quadrant of its own image, so nothing is resized and every pixel stays in its place.
The weights are the four areas over H·W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.params import check, param

PROB = 1.0
SLOTS = 4
OWNERS: Owners = "pasted"
KERNELS = ("paste",)
PAPER = (
    "Bochkovskiy, Wang, Liao. YOLOv4: Optimal Speed and Accuracy of Object Detection. 2020. "
    "arXiv:2004.10934"
)
_NONE = -1


@dataclass(frozen=True)
class Params:
    """Mosaic's parameters."""

    centre_range: tuple[float, float] = param(
        (0.3, 0.7),
        "Draw the centre within these shares of the image's sides.",
        low=0,
        high=1,
        rising=True,
    )

    def __post_init__(self) -> None:
        check(self)


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("mosaic", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """The centre."""
    what = "y, x of the fourth image's first pixel; −1: none"
    return (Column("centre", "int32", (2,), _NONE, what, within="point"),)


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``centre`` (rows, 2) int32, between the whole numbers nearest to both ends of the range."""
    sides = np.array(shape[:2])
    low, high = (sides * share for share in params.centre_range)
    first, last = np.ceil(low - 0.5), np.floor(high + 0.5)
    centre = streams("centre").integers(first, last, (rows, 2), endpoint=True)
    return {"centre": centre.astype(np.int32)}


def weights(
    _params: Params, columns: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(m, 4) float32: each image's share of the pixels."""
    boxes = _quadrants(columns["centre"], shape).astype(np.int64)
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    share: npt.NDArray[np.float32] = (areas / (shape[0] * shape[1])).astype(np.float32)
    return share


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base everywhere, over it the other three, each in its quadrant."""
    from augtool.kernels.paste import paste

    boxes = _quadrants(columns["centre"], out.shape[1:])
    paste(pixels, slots[:, 0], slots[:, 1:], np.ascontiguousarray(boxes[:, 1:]), out)


def _quadrants(centre: npt.NDArray[np.int32], shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """(m, 4, 4) int32: each image's box; without a centre, the first one's is the whole row."""
    height, width = shape[:2]
    y, x = np.where(centre == _NONE, (height, width), centre).T
    top, left = np.zeros_like(y), np.zeros_like(x)
    bottom, right = top + height, left + width
    boxes = [
        (top, left, y, x),
        (top, x, y, right),
        (y, left, bottom, x),
        (y, x, bottom, right),
    ]
    return np.stack([np.stack(box, axis=1) for box in boxes], axis=1).astype(np.int32)
