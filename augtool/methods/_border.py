"""What lies beyond the border of an image that is moved: a colour, or the image itself again.

A method that moves images has the parameters ``border``, ``fill`` and ``mean``, made here; its
``std`` is None, since what is beyond the border is not random.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.methods import _fill
from augtool.methods._fill import Fills
from augtool.methods._images import images_only
from augtool.params import bounds_of, param

BORDERS = ("constant", "edge", "reflect", "wrap")
_BLACK = "0"
_RANDOM = ("noise", "random-colour")


class Borders(Fills, Protocol):
    """The parameters of a method that moves images."""

    @property
    def border(self) -> str: ...


def border() -> Any:
    """The field ``border: str``."""
    text = (
        "What lies beyond the border: one colour, the nearest pixel, the image mirrored about its "
        "outermost pixels, or the image again from its other side."
    )
    return param("constant", text, choices=BORDERS)


def fill() -> Any:
    """The field ``fill: str``."""
    text = (
        "The colour for --border constant: values in the pixels' own units, or the data set's mean "
        "colour."
    )
    form = "mean, or one value or one a channel: 0, or 125,123,114"
    return param(_BLACK, text, admits=_is_colour, form=form)


def mean() -> Any:
    """The field ``mean: tuple[float, ...] | None``."""
    text = "Each channel's mean, for --fill mean, in the pixels' units."
    return param(None, text, shown_default="measured before the run")


def settle(params: Borders) -> None:
    """Check all parameters; a colour is for a constant border only."""
    _fill.settle(params)
    if params.border != "constant" and params.fill != _BLACK:
        raise UsageError(
            f"fill cannot be combined with border {params.border}, which takes its pixels from the "
            "image: give one"
        )


def on_maps(params: Any, fill: str) -> Any:
    """The parameters with which a map of whole numbers is moved: ``fill`` beyond a constant
    border."""
    if params.border != "constant":
        return params
    return dataclasses.replace(params, fill=fill, mean=None)


def check_shape(method: str, params: Borders, shape: tuple[int, ...]) -> None:
    """Raise `UsageError` unless rows are images of which the fill knows all channels."""
    images_only(method, shape)
    if params.border == "constant":
        _fill.check_channels(method, params, shape)


def beyond(
    params: Borders, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[int, npt.NDArray[Any]]:
    """The border's number, and its colour (C,) as pixels of this dtype, rounded and clipped."""
    channels = shape[2] if len(shape) == 3 else 1
    if params.border != "constant":
        return BORDERS.index(params.border), np.zeros(channels, dtype)
    values = _fill.filling(params, {}, shape).mean
    if dtype.kind == "u":
        values = np.floor(np.clip(values, 0, np.iinfo(dtype).max) + 0.5)
    return BORDERS.index(params.border), values.astype(dtype)


def _is_colour(value: Any) -> bool:
    admits = bounds_of(_fill.fill("0")).admits
    return admits is not None and admits(value) and value not in _RANDOM
