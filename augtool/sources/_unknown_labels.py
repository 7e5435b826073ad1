"""Labels that are not known: what stands for them, and where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError

Labels = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


def unknown(labels: Labels, missing: str | None, where: str) -> Bools:
    """Which of ``labels`` (numbers of any shape) are unknown: those that are NaN or equal to
    ``missing``, a number or ``nan``; none when it is None. Raises `UsageError` for a word."""
    if missing is None:
        return np.zeros(labels.shape, bool)
    value = _number(missing, where)
    found: Bools = np.asarray(labels == value)
    return found | np.isnan(labels) if labels.dtype.kind == "f" else found


def marked(labels: Labels, missing: str | None, where: str) -> Labels:
    """``labels`` with NaN in place of what is unknown; as they are when ``missing`` is None."""
    if missing is None:
        return labels
    values = labels.astype(float_for(labels.dtype))
    values[unknown(labels, missing, where)] = np.nan
    return values


def float_for(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The smallest of float32 and float64 that keeps every value of ``dtype``."""
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)


def _number(missing: str, where: str) -> int | float:
    try:
        return int(missing)
    except ValueError:
        pass
    try:
        return float(missing)
    except ValueError:
        raise UsageError(
            f"{where}: the labels are numbers and --label-missing {missing!r} is none; "
            "use nan or a number"
        ) from None
