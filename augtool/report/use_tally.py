"""Counting how often each source row is the base of a row, and how often a partner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError
from augtool.report.batches import Batch

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]

MOST_SOURCE_ROWS = 200_000_000
"""Of a larger source the uses of each row are not counted: they would not fit in memory."""

_SHOWN_TIMES = 40
_SHOWN_ROWS = 10


@dataclass
class UseTally:
    """``base`` and ``partner`` (n,): the uses of each source row so far. A partner that was drawn
    and has no weight in its row is not counted."""

    source_rows: int
    base: Counts = field(init=False)
    partner: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.base = np.zeros(self.source_rows, np.uint32)
        self.partner = np.zeros(self.source_rows, np.uint32)

    def add(self, batch: Batch) -> None:
        """Count some rows. Raises `SourceError` for rows that the source does not have."""
        src, weight = batch.values("src"), batch.values("weight")
        wrong = (src < -1) | (src >= self.source_rows)
        wrong[:, 0] |= src[:, 0] < 0
        if wrong.any():
            row = int(batch.rows[np.argmax(wrong.any(axis=1))])
            raise SourceError(
                f"{batch.output.path}: src of row {row} is not a row of its source, which has "
                f"{self.source_rows:,}; the file is damaged: check it with augtool verify"
            )
        used = (weight[:, 1:] > 0) & (src[:, 1:] >= 0)
        _count(self.base, src[:, 0])
        _count(self.partner, src[:, 1:][used])

    def as_json(self) -> dict[str, Any]:
        """How many source rows are used so many times, and the rows used most."""
        total = self.base.astype(np.int64) + self.partner
        most = np.argsort(-total, kind="stable")[:_SHOWN_ROWS]
        return {
            "rows": self.source_rows,
            "base": _times(self.base),
            "partner": _times(self.partner),
            "unused": int((total == 0).sum()),
            "most": [
                {"row": row, "base": int(self.base[row]), "partner": int(self.partner[row])}
                for row in most.tolist()
                if total[row]
            ],
        }


def _count(counts: Counts, rows: Ints) -> None:
    """Add 1 for each of ``rows``."""
    unique, times = np.unique(rows, return_counts=True)
    counts[unique] += times.astype(np.uint32)


def _times(counts: Counts) -> list[list[int]]:
    """[times, source rows] rising; the last entry stands for all that are used more often."""
    capped = np.minimum(counts, _SHOWN_TIMES).astype(np.int64)
    rows = np.bincount(capped, minlength=1)
    return [[times, int(rows[times])] for times in np.flatnonzero(rows).tolist()]
