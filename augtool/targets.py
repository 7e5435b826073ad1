"""What a target is: that which every row of a source is labelled with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

UNKNOWN = -1
"""The class id of a row whose class is not known."""
TargetKind = Literal["classes", "soft", "multihot", "values"]


@dataclass(frozen=True)
class Target:
    """One target of every row of a source.

    kind
        ``classes``: ``values`` is (n,) int64 class ids in [0, width), or `UNKNOWN` (−1) where the
        label is not known; ``soft``: (n, width) float, rows sum to 1; ``multihot``: (n, width)
        float in [0, 1], rows need not sum to 1; ``values``: (n, width) float, a regression target.
        In vectors NaN is an entry that is not known. There are unknown labels only when
        ``reading.label_missing`` says what stands for them.
    width
        K, the number of classes or of regression values.
    class_names
        ``width`` names, or None when the source has none. Folder sources always have them.
    name
        Empty for the only target; several targets all have one, and no two the same.
    """

    kind: TargetKind
    values: npt.NDArray[Any]
    width: int
    class_names: tuple[str, ...] | None = None
    name: str = ""

    @property
    def has_hard_label(self) -> bool:
        """Whether the heaviest class means something, so that ``label`` is written."""
        return self.kind in ("classes", "soft")
