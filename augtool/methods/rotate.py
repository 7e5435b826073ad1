"""Turn images about their centre; the label stays.

The angle is uniform over the hundredths of a degree from −degrees to degrees, counter-clockwise.
The image keeps its size. A pixel at (u, v) from the centre, to the right and down, shows the place
``(u·cos − v·sin, u·sin + v·cos)``, between whole pixels by the four around it (bilinear) or the
nearest. Sine and cosine are made of basic operations and places are whole numbers of 1/65536 pixel,
so rows have the same bytes on every machine. Beyond the border there is a colour, or the image
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from augtool.methods import _border, _fill
from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._exact import cos_turns, sin_turns
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
_TURN = 36000


@dataclass(frozen=True)
class Params:
    """Rotate's parameters; ``fill`` and ``mean`` are for a constant border only."""

    degrees: float = param(
        15.0, "Turn by up to this angle, either way.", unit="degrees", low=0, high=180
    )
    interpolation: str = param(
        "bilinear",
        "Between pixels, weigh the four around, or take the nearest.",
        choices=("bilinear", "nearest"),
    )
    border: str = _border.border()
    fill: str = _border.fill()
    mean: tuple[float, ...] | None = _border.mean()
    std: ClassVar[None] = None

    def __post_init__(self) -> None:
        _border.settle(self)


def check_shape(params: Params, shape: tuple[int, ...]) -> None:
    """Images only, (H, W) or (H, W, C), of which the fill knows all channels."""
    _border.check_shape("rotate", params, shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """The angle."""
    what = "hundredths of a degree, counter-clockwise"
    return (Column("angle", "int32", (), 0, what, low=-_TURN, high=_TURN),)


def draw(
    params: Params, rows: int, _shape: tuple[int, ...], streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``angle`` (rows,) int32."""
    most = int(params.degrees * 100 + 0.5)
    return {"angle": streams("angle").integers(-most, most, rows, np.int32, endpoint=True)}


weights = whole
prepare = _fill.prepare


def on_maps(params: Params, fill: str) -> Params:
    """The nearest pixel, and ``fill`` beyond a constant border."""
    turned: Params = replace(_border.on_maps(params, fill), interpolation="nearest")
    return turned


def apply(
    params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, turned by ``angle``."""
    from augtool.kernels.warp import ONE, rotate_bilinear, rotate_nearest

    angle = columns["angle"].astype(np.int64)
    turn = np.stack([cos_turns(angle, _TURN), sin_turns(angle, _TURN)], axis=1)
    rotate = rotate_bilinear if params.interpolation == "bilinear" else rotate_nearest
    border, colour = _border.beyond(params, out.shape[1:], out.dtype)
    rotate(pixels, slots[:, 0], np.rint(turn * ONE).astype(np.int64), border, colour, out)
