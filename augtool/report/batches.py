"""Reading the fields of an output a slice at a time, so that no field is in memory as a whole."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.outputs.output import Output

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

ESTIMATED_ROWS = 20_000
"""So many rows are read of an output in which each row is a file of its own."""

_SLICE_BYTES = 16 << 20
_FEWEST, _MOST = 256, 1 << 16
_BY_ROW = (".tar",)  # files in which every row has members of its own


@dataclass
class Batch:
    """Some rows of an output; `values` reads a field of them, once."""

    output: Output
    rows: Ints
    whole: bool  # whether the rows follow each other
    _values: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, name: str) -> Array:
        """(m, …) a field of these rows."""
        if name not in self._values:
            self._values[name] = self._read(self.output.field(name))
        return self._values[name]

    def labels(self, target: str) -> Array:
        """(m, K) float32, the soft labels of a target."""
        key = f"labels of {target}"
        if key not in self._values:
            self._values[key] = self._read(self.output.labels_of(target))
        return self._values[key]

    def _read(self, stored: Any) -> Array:
        if self.whole:
            values = np.array(stored[int(self.rows[0]) : int(self.rows[-1]) + 1])
        else:
            values = np.asarray(stored[self.rows])
        _drop_pages(stored)
        return values


def is_estimated(output: Output) -> bool:
    """Whether only some rows are read, since each is a file of its own and there are many."""
    return _by_row(output) and len(output) > ESTIMATED_ROWS


def batches(output: Output, tell: Callable[[int], None] = lambda _rows: None) -> Iterator[Batch]:
    """All rows of an output in order, or `ESTIMATED_ROWS` spread evenly; ``tell`` hears how many
    rows are done."""
    estimated = is_estimated(output)
    count = ESTIMATED_ROWS if estimated else len(output)
    step = _batch_rows(output)
    for low in range(0, count, step):
        rows = np.arange(low, min(low + step, count))
        if estimated:
            rows = rows * len(output) // count
        yield Batch(output, rows, whole=not estimated)
        tell(int(min(low + step, count)))


def rows_to_read(output: Output) -> int:
    """How many rows `batches` reads."""
    return ESTIMATED_ROWS if is_estimated(output) else len(output)


def _by_row(output: Output) -> bool:
    """Whether each row has files of its own for its fields."""
    if output.path.suffix.lower() in _BY_ROW:
        return True
    return output.path.is_dir() and any(output.path.glob("*.tar"))


def _batch_rows(output: Output) -> int:
    """As many rows as keep the widest labels within `_SLICE_BYTES`."""
    widest: int = max(output.labels_of(target).shape[1] for target in output.targets)
    return min(max(_SLICE_BYTES // max(4 * widest, 1), _FEWEST), _MOST)


def _drop_pages(stored: Any) -> None:
    """Let the system take back the pages of a mapped file that were read: they would count as this
    process's memory."""
    mapped = getattr(stored, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
