"""Erase random rectangles of an image and fill them (Random Erasing); the label stays.

The area A is uniform in ``area_range`` of the image, divided by ``count``; the aspect r is
log-uniform in ``aspect_range``, so that upright boxes are as frequent as lying ones. A box of
round(√(A·r)) × round(√(A/r)) pixels is taken when both sides are at least 1 and smaller than the
image's, at a place uniform over all that are inside; after 10 tries the image stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods import _fill
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._exact import exp, log
from augtool.methods._images import images_only
from augtool.methods._single import whole
from augtool.params import param

PROB = 0.5
SLOTS = 1
OWNERS: Owners = "kept"
KERNELS = ("fill",)
PAPER = (
    "Zhong, Zheng, Kang, Li, Yang. Random Erasing Data Augmentation. AAAI 2020. arXiv:1708.04896"
)
_TRIES = 10

weights = whole
prepare = _fill.prepare
on_maps = _fill.on_maps


@dataclass(frozen=True)
class Params:
    """Random Erasing's parameters."""

    area_range: tuple[float, float] = param(
        (0.02, 0.33),
        "The erased share of the image, all boxes together.",
        low=0,
        high=1,
        rising=True,
    )
    aspect_range: tuple[float, float] = param(
        (0.3, 3.3), "Height over width of a box.", above=0, high=1000, rising=True
    )
    aspect: str = param(
        "log", "Draw the aspect log-uniform, or uniform (the paper).", choices=("log", "uniform")
    )
    count: int = param(1, "Boxes in each image; they may overlap.", low=1, high=1024)
    fill: str = _fill.fill("noise")
    mean: tuple[float, ...] | None = _fill.mean()
    std: tuple[float, ...] | None = _fill.std()

    def __post_init__(self) -> None:
        _fill.settle(self)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), with as many channels as the fill has."""
    images_only("erase", shape)
    _fill.check_channels("erase", params, shape)


def columns(params: Params) -> tuple[Column, ...]:
    """The erased boxes, and the key of a random fill."""
    what = "the erased boxes: y0, x0, y1, x1 each, half-open; empty when no try fitted"
    return (
        Column("box", "int32", (params.count, 4), 0, what, within="box"),
        *_fill.columns(params),
    )


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``box`` (rows, count, 4) int32, and ``key`` (rows,) uint64 when the fill is random."""
    sides = np.array(shape[:2], np.int64)
    size = _sizes(params, rows * params.count, sides, streams).reshape(rows, params.count, 2)
    start = streams("corner").integers(0, sides - size, endpoint=True)
    box = np.concatenate([start, start + size], axis=2, dtype=np.int32)
    box[size[..., 0] == 0] = 0
    return {"box": box, **_fill.draw(params, rows, streams)}


def _sizes(
    params: Params, boxes: int, sides: npt.NDArray[np.int64], streams: Streams
) -> npt.NDArray[np.int64]:
    """(boxes, 2) heights and widths of the first try that fits, else 0. All tries are drawn, so
    that no box's draws depend on another's luck."""
    area = streams("area").random((boxes, _TRIES))
    area = _between(params.area_range, area) * sides.prod() / params.count
    aspect = streams("aspect").random((boxes, _TRIES))
    taken, open_ = np.zeros((boxes, 2), np.int64), np.arange(boxes)
    for number in range(_TRIES):
        size = _size(params, area[open_, number], aspect[open_, number])
        fits = ((size >= 1) & (size < sides)).all(axis=1)
        taken[open_[fits]] = size[fits]
        open_ = open_[~fits]
        if not open_.size:
            break
    return taken


def _size(
    params: Params, area: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """(m, 2) heights and widths of boxes of these areas, from aspects in 0 … 1 of their range."""
    if params.aspect == "log":
        low, high = log(np.array(params.aspect_range, np.float64))
        aspect = exp(_between((low, high), drawn))
    else:
        aspect = _between(params.aspect_range, drawn)
    return np.rint(np.sqrt(np.stack([area * aspect, area / aspect], axis=1))).astype(np.int64)


def _between(ends: tuple[float, float], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return ends[0] + (ends[1] - ends[0]) * share


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, filled inside its boxes."""
    from augtool.kernels.fill import fill_boxes

    fill_boxes(
        pixels, slots[:, 0], columns["box"], _fill.filling(params, columns, out.shape[1:]), out
    )
