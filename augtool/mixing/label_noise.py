"""Label noise: a share of the source rows gets the label of another class, on purpose.

Which rows these are, and which class each gets, depends on the seed and the row's number alone: a
row has the same wrong label in every copy, as a mislabelled image has.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import UsageError
from augtool.targets import UNKNOWN, Target

Ints = npt.NDArray[np.int64]

_SCALE = 1 << 32


@dataclass(frozen=True)
class Noise:
    """Each row is mislabelled with probability ``share``, in 0…1, drawn by ``seed``."""

    share: float
    seed: int


def noise_of(share: float, seed: int) -> Noise | None:
    """The noise of a recipe, or None when it has none."""
    return Noise(share, seed) if share else None


def check(target: Target, share: float) -> None:
    """Raise `UsageError` when a target cannot have the class of another row in place of its own."""
    if not share:
        return
    named = target.name or "the labels"
    if target.kind != "classes":
        raise UsageError(
            f"--label-noise {share:g} needs one class per row, and {named} are vectors; "
            "leave it out"
        )
    if target.width < 2:
        raise UsageError(f"--label-noise {share:g}: {named} have one class only; leave it out")


def noisy(target: Target, src: Ints, noise: Noise) -> tuple[Target, Ints]:
    """A target of only the rows in ``src`` (m, S), some with another class, and ``src`` as rows of
    that target; −1 stays −1.

    A wrong class is drawn uniformly from the other K − 1. An unknown class stays unknown.
    """
    rows, places = np.unique(np.where(src < 0, 0, src), return_inverse=True)
    values = target.values[rows]
    words = rng.hashed(noise.seed, f"label-noise {target.name}", rows)
    wrong = (words >> np.uint64(32) < np.uint64(round(noise.share * _SCALE))) & (values != UNKNOWN)
    # a number in 0 … K−2 from the other half of the word, passing over the true class
    other = ((words & np.uint64(_SCALE - 1)) * np.uint64(target.width - 1)) >> np.uint64(32)
    drawn = other.astype(np.int64)
    drawn += drawn >= values
    mixed_up = dataclasses.replace(target, values=np.where(wrong, drawn, values))
    return mixed_up, np.where(src < 0, src, places.reshape(src.shape))
