"""Drop square holes out of an image and fill them; the label stays.

A hole has sides of exactly ``length`` pixels and a centre that is uniform over all pixels: the hole
is [c − ⌊length/2⌋, c − ⌊length/2⌋ + length) along each axis, clipped at the border. The paper fills
with 0 after normalising, that is with the data set's mean colour, which is the default here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods import _fill
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.methods._single import whole
from augtool.params import param

PROB = 1.0
SLOTS = 1
OWNERS: Owners = "kept"
KERNELS = ("fill",)
PAPER = (
    "DeVries, Taylor. Improved Regularization of Convolutional Neural Networks with Cutout. 2017. "
    "arXiv:1708.04552"
)

weights = whole
prepare = _fill.prepare
on_maps = _fill.on_maps


@dataclass(frozen=True)
class Params:
    """Cutout's parameters."""

    holes: int = param(1, "Holes in each image; they may overlap.", low=1, high=1024)
    length: int = param(16, "Side of a hole, before clipping.", unit="pixels", low=1, high=100_000)
    fill: str = _fill.fill("mean")
    mean: tuple[float, ...] | None = _fill.mean()
    std: tuple[float, ...] | None = _fill.std()

    def __post_init__(self) -> None:
        _fill.settle(self)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), with as many channels as the fill has."""
    images_only("cutout", shape)
    _fill.check_channels("cutout", params, shape)


def columns(params: Params) -> tuple[Column, ...]:
    """The holes, and the key of a random fill."""
    what = "the holes: y0, x0, y1, x1 each, half-open, clipped"
    return (
        Column("box", "int32", (params.holes, 4), 0, what, within="box"),
        *_fill.columns(params),
    )


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``box`` (rows, holes, 4) int32, and ``key`` (rows,) uint64 when the fill is random."""
    sides = np.array(shape[:2], np.int64)
    centre = streams("centre").integers(0, sides, (rows, params.holes, 2))
    start = centre - params.length // 2
    box = np.concatenate(
        [np.maximum(start, 0), np.minimum(start + params.length, sides)], axis=2, dtype=np.int32
    )
    return {"box": box, **_fill.draw(params, rows, streams)}


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, filled inside its holes."""
    from augtool.kernels.fill import fill_boxes

    fill_boxes(
        pixels, slots[:, 0], columns["box"], _fill.filling(params, columns, out.shape[1:]), out
    )
