"""Labels: Σ weight · target[src], the one place where they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.targets import UNKNOWN, Target

Floats = npt.NDArray[np.float32]


def mixed(
    target: Target,
    src: npt.NDArray[np.int64],
    weight: Floats,
    smoothing: float = 0.0,
) -> Floats:
    """(m, K) float32 labels of rows made of the source rows ``src`` (m, S) with ``weight`` (m, S).

    Summed in float64 in slot order and rounded once. ``smoothing`` s makes y·(1−s) + s/K of it,
    and y·(1−s) + s/2 where each class is a yes or no of its own (multi-hot): the same as smoothing
    the targets first, since both are linear. Sources of weight 0 add nothing; what is not known of
    a source with weight is not known of the row (NaN).
    """
    rows = np.arange(len(src))
    total = np.zeros((len(src), target.width), np.float64)
    for slot in range(src.shape[1]):
        share = weight[:, slot].astype(np.float64)
        used = src[:, slot] * (share > 0)
        values = target.values[used]
        if target.kind == "classes":
            known = values != UNKNOWN
            total[rows, values * known] += np.where(known, share, 0)
            total[~known & (share > 0)] = np.nan
        else:
            total += _weighted(values, share)
    if smoothing:
        total *= 1 - smoothing
        total += smoothing / (2 if target.kind == "multihot" else target.width)
    return total.astype(np.float32)


def dense(classes: npt.NDArray[Any], weight: npt.NDArray[Any], width: int) -> Floats:
    """(m, K) float32 labels of rows that are stored as ``classes`` (m, S), −1 for none, beside
    ``weight`` (m, S): the same to the last bit as `mixed` makes them."""
    target = Target("classes", np.array([*range(width), UNKNOWN]), width)  # −1 is the last
    return mixed(target, np.asarray(classes, np.int64), np.asarray(weight, np.float32))


def hard(labels: Floats) -> npt.NDArray[np.int64]:
    """(m,) int64: the heaviest class of each row, the lowest index on a tie; −1 where a label is
    not known."""
    unknown = np.isnan(labels).any(axis=1)
    return np.where(unknown, UNKNOWN, labels.argmax(axis=1)).astype(np.int64)


def check_smoothing(target: Target, smoothing: float) -> None:
    """Raise `UsageError` when smoothing has no meaning for this target."""
    if smoothing and target.kind == "values":
        raise UsageError(
            f"label-smoothing is for class targets; {target.name or 'the labels'} are values to "
            "regress: leave it out"
        )


def mass(target: Target, selection: npt.NDArray[np.int64] | None) -> npt.NDArray[np.float64]:
    """(K,) the summed targets of the selected source rows: the label mass of one pass. What is not
    known counts as nothing."""
    values: npt.NDArray[Any] = target.values if selection is None else target.values[selection]
    if target.kind == "classes":
        known = values[values != UNKNOWN]
        return np.asarray(np.bincount(known, minlength=target.width), np.float64)
    return np.asarray(np.nansum(values, axis=0, dtype=np.float64))


def _weighted(values: npt.NDArray[Any], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    product: npt.NDArray[np.float64] = values.astype(np.float64) * share[:, None]
    product[share == 0] = 0  # an unused source may hold a NaN
    return product
