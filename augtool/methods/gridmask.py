"""Drop a grid of squares out of an image and fill them; the label stays.

The grid's period d is a whole number of ``period_range``, its bars are l = ⌈d·ratio⌉ pixels thick
(at most d − 1), both phases are uniform in 0 … d − 1, and the grid is turned about the image's
centre by a whole number of degrees. Mode 1 (the paper) drops the squares between the bars and keeps
1 − (1 − l/d)² of the pixels; mode 0 keeps the squares, (1 − l/d)². The pattern goes on to every
edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods import _fill
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._exact import cos_turns, sin_turns
from augtool.methods._images import images_only
from augtool.methods._single import whole
from augtool.params import param

PROB = 0.8
SLOTS = 1
OWNERS: Owners = "kept"
KERNELS = ("grid",)
PAPER = "Chen, Liu, Zhao, Jia. GridMask Data Augmentation. 2020. arXiv:2001.04086"

_PRESETS: dict[str, dict[str, Any]] = {
    "imagenet": {"period_range": (96, 224), "ratio": 0.6, "rotate": 360, "grid_mode": 1},
    "cifar": {"period_range": (24, 33), "ratio": 0.4, "rotate": 1, "grid_mode": 1},
}
_DEGREES = 360
_FINEST = 1_000_000  # the largest denominator of a ratio

weights = whole
prepare = _fill.prepare
on_maps = _fill.on_maps


@dataclass(frozen=True)
class Params:
    """GridMask's parameters; ``preset`` stands for those that are not given."""

    preset: str = param(
        "imagenet",
        "The authors' values for what is not given: for images of about 224 pixels a side, or 32.",
        choices=tuple(_PRESETS),
    )
    period_range: tuple[int, int] | None = param(
        None,
        "The grid's period, from the first up to, not including, the second; equal values fix it.",
        unit="pixels",
        low=2,
        high=100_000,
        rising=True,
        shown_default="96,224; cifar: 24,33",
    )
    ratio: float | None = param(
        None,
        "Thickness of the bars, as a share of the period.",
        above=0,
        below=1,
        shown_default="0.6; cifar: 0.4",
    )
    rotate: int | None = param(
        None,
        "Turn the grid by a whole number of degrees below this; 0 or 1 do not turn it.",
        unit="degrees",
        low=0,
        high=_DEGREES,
        shown_default="360; cifar: 1",
    )
    grid_mode: int | None = param(
        None,
        "1 drops the squares between the bars (the paper), 0 drops the bars.",
        low=0,
        high=1,
        shown_default="1",
    )
    fill: str = _fill.fill("mean")
    mean: tuple[float, ...] | None = _fill.mean()
    std: tuple[float, ...] | None = _fill.std()

    def __post_init__(self) -> None:
        _fill.settle(self)
        for name, value in _PRESETS[self.preset].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), with as many channels as the fill has."""
    images_only("gridmask", shape)
    _fill.check_channels("gridmask", params, shape)


def columns(params: Params) -> tuple[Column, ...]:
    """The grid, and the key of a random fill."""
    period = "pixels after which the grid repeats; 0 for no grid"
    angle = "degrees by which the grid is turned, counter-clockwise"
    return (
        Column("period", "int32", (), 0, period, low=2),
        Column("phase", "int32", (2,), 0, "where a horizontal and a vertical bar begin", low=0),
        Column("angle", "int32", (), 0, angle, low=0, high=_DEGREES - 1),
        *_fill.columns(params),
    )


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``period`` and ``angle`` (rows,) and ``phase`` (rows, 2) int32, and ``key`` (rows,) uint64
    when the fill is random."""
    assert params.period_range is not None
    assert params.rotate is not None
    low, high = params.period_range
    period = streams("period").integers(low, max(high, low + 1), rows, np.int32)
    phase = streams("phase").integers(0, period[:, None], (rows, 2), np.int32)
    angle = streams("angle").integers(0, max(params.rotate, 1), rows, np.int32)
    drawn = _fill.draw(params, rows, streams)
    return {"period": period, "phase": phase, "angle": angle, **drawn}


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, filled in the squares or bars of its grid."""
    from augtool.kernels.grid import ONE, Grids, fill_grid

    period, angle = columns["period"].astype(np.int64), columns["angle"].astype(np.int64)
    every = np.arange(_DEGREES)
    cos, sin = (
        np.rint(of(every, _DEGREES) * ONE).astype(np.int64)[angle] for of in (cos_turns, sin_turns)
    )
    phase = columns["phase"].astype(np.int64)
    grids = Grids(period, _bar(params, period), phase, cos, sin, params.grid_mode == 1)
    filling = _fill.filling(params, columns, out.shape[1:])
    fill_grid(pixels, slots[:, 0], grids, filling, out)


def _bar(params: Params, period: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(m,) pixels: ⌈d·ratio⌉ of the ratio as it is written, at most d − 1."""
    ratio = Fraction(str(params.ratio)).limit_denominator(_FINEST)
    bar = -(-period * ratio.numerator // ratio.denominator)
    return np.minimum(bar, period - 1)
