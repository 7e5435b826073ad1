"""Colours for the ids of label images, the same for an id in every picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Ids = npt.NDArray[Any]

# Id 0 is most often what is around the objects; the others are told apart by hue and lightness.
_FIRST: tuple[Colour, ...] = (
    (28, 29, 34),
    (230, 75, 60),
    (52, 120, 210),
    (70, 170, 90),
    (250, 205, 60),
    (150, 90, 190),
    (60, 190, 200),
    (240, 130, 180),
    (150, 100, 60),
    (170, 205, 90),
    (225, 125, 20),
    (130, 140, 230),
)
_SIZE = 256
_LAST: Colour = (208, 199, 172)  # 255 is most often "unknown"
_SPREAD = ((97, 199), (57, 193), (151, 181))  # primes: no two ids share all three channels


def _palette() -> npt.NDArray[np.uint8]:
    """(256, 3) a colour for each of the lowest eight bits of an id."""
    ids = np.arange(_SIZE)
    channels = [48 + ids * step % size for step, size in _SPREAD]
    colours = np.stack(channels, axis=1).astype(np.uint8)
    colours[: len(_FIRST)] = _FIRST
    colours[-1] = _LAST
    return colours


_COLOURS = _palette()


def coloured(ids: Ids) -> npt.NDArray[np.uint8]:
    """(H, W, 3) the colours of ids (H, W); ids that differ by 256 share one."""
    return _COLOURS[ids.astype(np.int64) % _SIZE]


def legend(ids: Iterable[int]) -> list[tuple[Colour, str]]:
    """The colour of each id and the id as text."""
    return [
        ((int(r), int(g), int(b)), str(one)) for one in ids for r, g, b in [_COLOURS[one % 256]]
    ]
