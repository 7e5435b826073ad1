"""What dropped pixels become, as kernels take it. Importing it compiles nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.kernels._random import NORMAL_VARIANCE, normal

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Filling:
    """What dropped pixels become: ``mean + std · N(0, 1)``, rounded and clipped in whole numbers.

    mean, std
        (C,) float64, in the units of the pixels.
    key
        (m,) uint64, the randomness of each row; None when std is 0.
    per_pixel
        Whether N is drawn for every pixel and channel; else once a region and channel.
    """

    mean: Floats
    std: Floats
    key: Keys | None = None
    per_pixel: bool = False

    @property
    def scale(self) -> Floats:
        """(C,) float64: what one step of `normal` is worth."""
        return self.std / math.sqrt(NORMAL_VARIANCE)

    def colours(self, regions: int, dtype: np.dtype[Any]) -> Pixels:
        """(m, regions, C) the colour of each region, (1, 1, C) when all have the same."""
        values = self.mean[None, None]
        if self.key is not None:
            places = np.arange(regions * len(self.mean), dtype=np.uint64)
            drawn = normal(self.key[:, None], places).reshape(-1, regions, len(self.mean))
            values = self.mean + self.scale * drawn
        low, high, half = ends_of(dtype)
        return (np.clip(values, low, high) + half).astype(dtype)


def ends_of(dtype: np.dtype[Any]) -> tuple[float, float, float]:
    """The lowest value, the highest, and what is added before a fraction is cut off."""
    if dtype.kind == "u":
        return 0.0, float(np.iinfo(dtype).max), 0.5
    return -math.inf, math.inf, 0.0
