"""Leave images as they are, to smooth their labels alone with --label-smoothing.

Every row is one source row. With ``--label-smoothing S`` its label y becomes y·(1 − S) + S/K over
K classes, the rule that every other method has as an option: here nothing else is done. Rows of any
rank will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.methods._contract import Column, Owners, Pixels, Streams

PROB = 1.0
SLOTS = 1
OWNERS: Owners = "kept"
KERNELS = ()
PAPER = (
    "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer "
    "Vision. CVPR 2016. arXiv:1512.00567"
)


@dataclass(frozen=True)
class Params:
    """None: how much labels are smoothed is an option of the run."""


def check_shape(_params: Params, _shape: tuple[int, ...]) -> None:
    """Rows of every shape."""


def columns(_params: Params) -> tuple[Column, ...]:
    """Nothing is drawn."""
    return ()


def draw(
    _params: Params, _rows: int, _shape: tuple[int, ...], _streams: Streams
) -> dict[str, npt.NDArray[Any]]:
    """Nothing."""
    return {}


def weights(
    _params: Params, _columns: Mapping[str, npt.NDArray[Any]], _shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(1, 1): every row is its base."""
    return np.ones((1, 1), np.float32)


def apply(
    _params: Params,
    pixels: Pixels,
    slots: npt.NDArray[np.int64],
    _columns: Mapping[str, npt.NDArray[Any]],
    out: Pixels,
) -> None:
    """The base."""
    np.take(np.asarray(pixels), slots[:, 0], axis=0, out=out, mode="clip")
