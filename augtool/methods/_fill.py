"""What stands where pixels are dropped: a constant, the mean colour, random colours or noise.

A method that fills has the parameters ``fill``, ``mean`` and ``std``, made here, and a ``key``
column when the fill is random. ``mean`` and ``std`` are measured before the run where they are
needed and not given, so that the recipe holds them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.methods._contract import Column, Statistics, Streams
from augtool.params import ParamsLike, check, is_number, param, shown

if TYPE_CHECKING:
    from augtool.kernels._filling import Filling

_NEEDS: dict[str, tuple[str, ...]] = {
    "mean": ("mean",),
    "noise": ("mean", "std"),
    "random-colour": ("mean", "std"),
}
_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?"
_FORM = "mean, noise, random-colour, or one value or one a channel: 0, or 125,123,114"


class Fills(ParamsLike, Protocol):
    """The parameters of a method that fills."""

    @property
    def fill(self) -> str: ...

    @property
    def mean(self) -> tuple[float, ...] | None: ...

    @property
    def std(self) -> tuple[float, ...] | None: ...


def fill(default: str) -> Any:
    """The field ``fill: str``."""
    text = (
        "What dropped pixels become: the data set's mean colour, mean + std · N(0, 1) drawn for "
        "every pixel and channel (noise) or once a region and channel (random-colour), or values "
        "in the pixels' own units."
    )
    return param(default, text, admits=_is_fill, form=_FORM)


def mean() -> Any:
    """The field ``mean: tuple[float, ...] | None``."""
    text = "Each channel's mean, for --fill mean, noise or random-colour, in the pixels' units."
    return param(None, text, shown_default="measured before the run")


def std() -> Any:
    """The field ``std: tuple[float, ...] | None``."""
    text = "Each channel's standard deviation, for --fill noise or random-colour."
    return param(None, text, low=0, shown_default="measured before the run")


def settle(params: Fills) -> None:
    """Bring what was given to its one form, and check it with all other parameters."""
    if isinstance(params.fill, int | float | tuple):
        object.__setattr__(params, "fill", shown(params.fill))
    for name in ("mean", "std"):
        value = getattr(params, name)
        if is_number(value):
            object.__setattr__(params, name, (float(value),))
    check(params)
    for name in ("mean", "std"):
        if getattr(params, name) is not None and name not in _NEEDS.get(params.fill, ()):
            raise UsageError(f"{name} cannot be combined with fill {params.fill}: it has no use")


def check_channels(method: str, params: Fills, shape: tuple[int, ...]) -> None:
    """Raise `UsageError` unless there is one value, or one a channel, of everything given."""
    channels = shape[2] if len(shape) == 3 else 1
    constant = () if params.fill in _NEEDS else params.fill.split(",")
    for name, values in (("fill", constant), ("mean", params.mean), ("std", params.std)):
        if values is not None and len(values) > 1 and len(values) != channels:
            raise UsageError(
                f"{method}: {name} has {len(values)} values and images here have {channels} "
                f"channel{'s' * (channels != 1)}; give one value, or one a channel"
            )


def prepare(params: Any, statistics: Statistics) -> Any:
    """The parameters with the mean and the spread that their fill needs and that are not given."""
    missing = [name for name in _NEEDS.get(params.fill, ()) if getattr(params, name) is None]
    if not missing:
        return params
    known = statistics()
    return dataclasses.replace(params, **{name: getattr(known, name) for name in missing})


def on_maps(params: Any, fill: str) -> Any:
    """The parameters with which a map of whole numbers is filled."""
    return dataclasses.replace(params, fill=fill, mean=None, std=None)


def columns(params: Fills) -> tuple[Column, ...]:
    """``key``, when the fill is random."""
    if not _is_random(params):
        return ()
    return (Column("key", "uint64", (), 0, "the key of the row's random fill"),)


def draw(params: Fills, rows: int, streams: Streams) -> dict[str, npt.NDArray[Any]]:
    """The `columns`: ``key`` (rows,) uint64, uniform over all its values."""
    if not _is_random(params):
        return {}
    return {"key": streams("key").integers(0, 1 << 64, rows, np.uint64)}


def filling(
    params: Fills, drawn: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...]
) -> Filling:
    """What the kernels fill rows of this shape with. Raises `UsageError` when a mean or a spread is
    needed that was neither given nor measured."""
    from augtool.kernels._filling import Filling

    for name in _NEEDS.get(params.fill, ()):
        if getattr(params, name) is None:
            raise UsageError(
                f"fill {params.fill}: {name} is not known; prepare the step or give it"
            )
    channels = shape[2] if len(shape) == 3 else 1
    constant = params.mean if params.fill in _NEEDS else tuple(map(float, params.fill.split(",")))
    random = _is_random(params)
    return Filling(
        mean=np.broadcast_to(np.array(constant, np.float64), channels),
        std=np.broadcast_to(np.array(params.std if random else 0, np.float64), channels),
        key=drawn["key"] if random else None,
        per_pixel=params.fill == "noise",
    )


def _is_random(params: Fills) -> bool:
    return "std" in _NEEDS.get(params.fill, ())


def _is_fill(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if value in _NEEDS:
        return True
    numbers = re.fullmatch(rf"{_NUMBER}(,{_NUMBER})*", value) is not None
    return numbers and all(math.isfinite(float(one)) for one in value.split(","))
