"""Mirror images left to right; the label stays.

``out[y, x] = image[y, W − 1 − x]`` in the rows that are flipped: each with probability ``prob``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams
from augtool.methods._images import images_only
from augtool.methods._single import whole

PROB = 0.5
SLOTS = 1
OWNERS: Owners = "moved"
KERNELS = ("warp",)
PAPER = (
    "Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural "
    "Networks. NeurIPS 2012"
)


@dataclass(frozen=True)
class Params:
    """A flip has no parameters besides its probability."""


def check_shape(_params: Params, shape: tuple[int, ...]) -> None:
    """Images only: (H, W) or (H, W, C)."""
    images_only("flip", shape)


def columns(_params: Params) -> tuple[Column, ...]:
    """Whether the row is flipped."""
    what = "1 in rows that are mirrored left to right, else 0"
    return (Column("flipped", "uint8", (), 0, what, high=1),)


def draw(
    _params: Params, rows: int, _shape: tuple[int, ...], _streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """``flipped`` (rows,) uint8: ones; the plan spares rows by ``prob``."""
    return {"flipped": np.ones(rows, np.uint8)}


weights = whole


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base, mirrored where ``flipped``."""
    from augtool.kernels.warp import mirror

    mirror(pixels, slots[:, 0], columns["flipped"], out)
