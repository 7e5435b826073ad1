"""Pad images on all sides and cut out a window of their size; the label stays.

``out[y, x] = image[y + y0, x + x0]``: the window's corner (y0, x0) is uniform over the whole
numbers −p … p in each axis, p the padding. Beyond the border there is a colour, or the image again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from augtool.methods import _border, _fill
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._single import whole
from augtool.params import param

PROB = 1.0
SLOTS = 1
OWNERS: Owners = "moved"
KERNELS = ("warp", "fill")
PAPER = "He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016"


@dataclass(frozen=True)
class Params:
    """Crop's parameters; ``fill`` and ``mean`` are for a constant border only."""

    padding: int = param(4, "Pad by so many pixels on each side.", unit="pixels", low=0, high=65535)
    border: str = _border.border()
    fill: str = _border.fill()
    mean: tuple[float, ...] | None = _border.mean()
    std: ClassVar[None] = None

    def __post_init__(self) -> None:
        _border.settle(self)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), of which the fill knows all channels."""
    _border.check_shape("crop", params, shape)


def columns(params: Params) -> tuple[Column, ...]:
    """The window's corner."""
    what, most = "y, x in the image of the window's first pixel; −p … p", params.padding
    return (Column("corner", "int32", (2,), 0, what, low=-most, high=most),)


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``corner`` (rows, 2) int32."""
    most = params.padding
    corner = streams("corner").integers(-most, most, (rows, 2), np.int32, endpoint=True)
    return {"corner": corner}


weights = whole
prepare = _fill.prepare
on_maps = _border.on_maps


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, seen through the window at ``corner``."""
    from augtool.kernels.warp import translate

    border, colour = _border.beyond(params, out.shape[1:], out.dtype)
    translate(pixels, slots[:, 0], -columns["corner"], border, colour, out)
