"""Counting what steps drew: λ, boxes, options, and which rows they left as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.planning.chain import Link, Option
from augtool.report.batches import Batch
from augtool.report.histogram import Histogram, beta_shares

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_FINEST = 512  # cells of a side in which boxes are counted
_SHOWN = 48  # cells of a side that the page draws
_BINS = 50


def is_idle(option: Option, columns: dict[str, Array]) -> Bools:
    """(m,) whether what a step drew for a row is what leaves it as it is."""
    rows = len(next(iter(columns.values())))
    idle = np.ones(rows, np.bool_)
    for column in option.columns:
        values = columns[column.name]
        same = values == np.asarray(column.idle, values.dtype)
        idle &= np.asarray(same).reshape(rows, -1).all(axis=1)
    return idle


@dataclass
class BoxTally:
    """Where boxes lie, and how large they are. Boxes are half-open, in pixels of ``size``."""

    size: tuple[int, int]
    boxes: int = 0
    areas: Histogram = field(default_factory=lambda: Histogram(0.0, 1.0, _BINS))
    height_sum: float = 0.0
    width_sum: float = 0.0
    _corners: Ints = field(init=False)

    def __post_init__(self) -> None:
        self._grid = tuple(min(side, _FINEST) for side in self.size)
        self._corners = np.zeros((self._grid[0] + 1, self._grid[1] + 1), np.int64)

    def add(self, boxes: Array) -> None:
        """Count boxes (m, 4) that are not empty."""
        limits = np.array([*self.size, *self.size])
        clipped = np.clip(boxes.astype(np.int64), 0, limits)
        sides = clipped[:, 2:] - clipped[:, :2]
        clipped, sides = (each[(sides > 0).all(axis=1)] for each in (clipped, sides))
        self.boxes += len(sides)
        self.areas.add(sides.prod(axis=1) / (self.size[0] * self.size[1]))
        self.height_sum += float(sides[:, 0].sum())
        self.width_sum += float(sides[:, 1].sum())
        cells = clipped * np.array([*self._grid, *self._grid]) // limits
        y0, x0, y1, x1 = cells.T
        # A box adds 1 between its corners once the corners are summed up along both axes.
        for y, x, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
            places = y * self._corners.shape[1] + x
            counts = np.bincount(places, minlength=self._corners.size)
            self._corners += sign * counts.reshape(self._corners.shape)

    def cover(self) -> npt.NDArray[np.float64]:
        """(h, w) the share of all boxes that cover a place, at most `_SHOWN` cells a side."""
        counts = self._corners.cumsum(axis=0).cumsum(axis=1)[:-1, :-1].astype(np.float64)
        for axis in (0, 1):
            counts = _averaged(counts, axis, _SHOWN)
        return counts / max(self.boxes, 1)


def _averaged(values: npt.NDArray[np.float64], axis: int, most: int) -> npt.NDArray[np.float64]:
    """Values with at most so many cells along an axis, each the mean of those it stands for."""
    count = values.shape[axis]
    cells = min(count, most)
    starts = np.arange(cells) * count // cells
    lengths = np.diff([*starts, count])
    shape = (-1, 1) if axis == 0 else (1, -1)
    sums: npt.NDArray[np.float64] = np.add.reduceat(values, starts, axis=axis)
    return sums / lengths.reshape(shape)


@dataclass
class StepTally:
    """What one step of a chain did: in ``rows`` rows it changed something."""

    option: Option
    rows: int = 0
    lam: Histogram | None = None
    box: BoxTally | None = None

    def add(self, batch: Batch, took: Bools) -> None:
        """Count the rows that take this step."""
        columns = {
            column.name: batch.values(f"{self.option.name}_{column.name}")
            for column in self.option.columns
        }
        if not columns:
            return
        active = took & ~is_idle(self.option, columns)
        self.rows += int(active.sum())
        if self.lam is not None:
            self.lam.add(columns["lam"][active])
        if self.box is not None:
            self.box.add(columns["box"][active].reshape(-1, 4))

    def as_json(self) -> dict[str, Any]:
        """What the page shows of the step."""
        shown: dict[str, Any] = {"name": self.option.name, "rows": self.rows}
        alpha = getattr(self.option.step.params, "alpha", None)
        if self.lam is not None:
            shown["lam"] = self.lam.as_json()
            if alpha is not None:
                shown["alpha"] = alpha
                shown["beta"] = [round(one, 8) for one in beta_shares(alpha, _BINS).tolist()]
        if self.box is not None and self.box.boxes:
            cover = self.box.cover()
            shown["boxes"] = {
                "count": self.box.boxes,
                "cover": [[round(one, 4) for one in line] for line in cover.tolist()],
                "size": list(self.box.size),
                "areas": self.box.areas.as_json(),
                "height": round(self.box.height_sum / self.box.boxes, 2),
                "width": round(self.box.width_sum / self.box.boxes, 2),
            }
        return shown


@dataclass
class GeometryTally:
    """What all steps of a chain did, and the weights that came of it."""

    links: Sequence[Link]
    size: tuple[int, int] | None
    weight: Histogram = field(default_factory=lambda: Histogram(0.0, 1.0, _BINS))
    unmixed: int = 0
    alone: int = 0  # rows without a partner
    choices: dict[str, Ints] = field(default_factory=dict)
    steps: dict[str, StepTally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for link in self.links:
            if link.choice:
                self.choices[link.choice] = np.zeros(len(link.options) + 1, np.int64)
            for option in link.steps:
                names = [column.name for column in option.columns]
                has_box = "box" in names and self.size is not None
                self.steps[option.name] = StepTally(
                    option,
                    lam=Histogram(0.0, 1.0, _BINS) if "lam" in names else None,
                    box=BoxTally(self.size) if has_box and self.size else None,
                )

    def add(self, batch: Batch) -> None:
        """Count some rows."""
        weight, src = batch.values("weight"), batch.values("src")
        mixed = weight[:, 0] != 1
        self.unmixed += int((~mixed).sum())
        self.weight.add(weight[mixed, 0])
        if src.shape[1] > 1:
            self.alone += int((src[:, 1:] < 0).all(axis=1).sum())
        for link in self.links:
            self._add_link(link, batch)

    def _add_link(self, link: Link, batch: Batch) -> None:
        took = np.zeros(len(batch), np.int64)
        if link.choice:
            took = batch.values(f"{link.choice}_option").astype(np.int64)
            known = np.where((took < 0) | (took >= len(link.options)), len(link.options), took)
            counts = np.bincount(known, minlength=len(link.options) + 1)
            self.choices[link.choice] += counts
        for number, option in enumerate(link.options):
            if option is not None:
                self.steps[option.name].add(batch, took == number)

    def as_json(self) -> dict[str, Any]:
        """What the page shows."""
        choices = []
        for link in self.links:
            if link.choice:
                names = ["none" if one is None else one.name for one in link.options]
                counts = self.choices[link.choice].tolist()
                shares = [*link.weights, 0.0]
                shown = zip([*names, "not asked"], counts, shares, strict=True)
                choices.append(
                    {
                        "name": link.choice,
                        "options": [list(one) for one in shown if one[0] != "not asked" or one[1]],
                    }
                )
        return {
            "weight": self.weight.as_json(),
            "unmixed": self.unmixed,
            "alone": self.alone,
            "choices": choices,
            "steps": [one.as_json() for one in self.steps.values() if one.option.columns],
        }
