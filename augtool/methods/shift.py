"""Move images by whole pixels; the label stays.

``out[y, x] = image[y − dy, x − dx]``. In each axis the offset is uniform over the whole numbers
−k … k, k = ⌊range · L⌋. Beyond the border there is a colour, or the image again.
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
PAPER = (
    "Simard, Steinkraus, Platt. Best Practices for Convolutional Neural Networks Applied to "
    "Visual Document Analysis. ICDAR 2003"
)
_ROUNDING = 1e-9  # 0.29 · 100 is 28.999999999999996


@dataclass(frozen=True)
class Params:
    """Shift's parameters; ``fill`` and ``mean`` are for a constant border only."""

    range: float = param(0.1, "Move by up to this share of the side, either way.", low=0, high=1)
    border: str = _border.border()
    fill: str = _border.fill()
    mean: tuple[float, ...] | None = _border.mean()
    std: ClassVar[None] = None

    def __post_init__(self) -> None:
        _border.settle(self)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), of which the fill knows all channels."""
    _border.check_shape("shift", params, shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """The offset."""
    what = "pixels that the image moves: down, to the right"
    return (Column("offset", "int32", (2,), 0, what, within="offset"),)


def draw(
    params: Params, rows: int, shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``offset`` (rows, 2) int32."""
    most = (np.array(shape[:2]) * params.range + _ROUNDING).astype(np.int64)
    offset = streams("offset").integers(-most, most, (rows, 2), endpoint=True)
    return {"offset": offset.astype(np.int32)}


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
    """The base, moved by ``offset``."""
    from augtool.kernels.warp import translate

    border, colour = _border.beyond(params, out.shape[1:], out.dtype)
    translate(pixels, slots[:, 0], columns["offset"], border, colour, out)
