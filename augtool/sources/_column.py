"""A column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Column:
    """A column of a table: cells as the file has them, or an array of them (m, …).

    ``class_names``: what the file itself says of class ids.
    """

    cells: Sequence[Any] | npt.NDArray[Any]
    class_names: tuple[str, ...] | None = None
