"""One pass over the plan columns and labels of an output, a slice at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from augtool.outputs.output import Output
from augtool.planning.chain import Link, links_of
from augtool.report.batches import Batch, batches, is_estimated, rows_to_read
from augtool.report.geometry_tally import GeometryTally
from augtool.report.histogram import Histogram
from augtool.report.label_tally import ClassTally, ValueTally
from augtool.report.runs import recipes_of
from augtool.report.use_tally import MOST_SOURCE_ROWS, UseTally

_VALUES_SHOWN = 6
_VALUE_BINS = 40


@dataclass(frozen=True)
class Scan:
    """What the pass has counted, in ``rows`` rows of the output: all, unless ``estimated``.
    ``uses`` is None where the source has too many rows, or where several runs were merged."""

    rows: int
    estimated: bool
    links: tuple[Link, ...]
    labels: dict[str, ClassTally | ValueTally]
    geometry: GeometryTally
    uses: UseTally | None


def scan(output: Output, tell: Callable[[int], None] = lambda _rows: None) -> Scan:
    """Count what is in an output; ``tell`` hears how many rows are done.

    Raises `SourceError` for values that no plan can have.
    """
    recipes = recipes_of(output)
    links = links_of(recipes[0].steps) if recipes else ()
    smoothing = recipes[0].label_smoothing if recipes else 0.0
    labels = {target: _label_tally(output, target, smoothing) for target in output.targets}
    geometry = GeometryTally(links, image_size(output))
    uses = None
    source_rows = int(output.attributes.get("source_rows", 0))
    if "parts" not in output.attributes and 0 < source_rows <= MOST_SOURCE_ROWS:
        uses = UseTally(source_rows)
    for batch in batches(output, tell):
        geometry.add(batch)
        if uses is not None:
            uses.add(batch)
        for target, tally in labels.items():
            _add_labels(tally, batch, target)
    return Scan(rows_to_read(output), is_estimated(output), links, labels, geometry, uses)


def image_size(output: Output) -> tuple[int, int] | None:
    """(H, W) of the images; None for rows that are none."""
    shape = tuple(output.images.shape[1:])
    if output.layout == "NCHW":
        shape = (*shape[1:], shape[0])
    return (int(shape[0]), int(shape[1])) if len(shape) in (2, 3) else None


def _label_tally(output: Output, target: str, smoothing: float) -> ClassTally | ValueTally:
    kind = output.kind_of(target)
    width = int(output.labels_of(target).shape[1])
    if kind == "values":
        return ValueTally(_ranges(output, target, min(width, _VALUES_SHOWN)))
    if output.attributes.get("split") == "validation":
        smoothing = 0.0
    floor = float(np.float32(smoothing / (2 if kind == "multihot" else width)))
    slots = int(output.field("src").shape[1])
    return ClassTally(kind, width, slots, floor)


def _ranges(output: Output, target: str, columns: int) -> list[Histogram]:
    """A histogram for each of the first columns of values, from its least to its largest."""
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    for batch in batches(output):
        values = batch.labels(target)[:, :columns].astype(np.float64)
        finite = np.isfinite(values)
        low = np.minimum(low, np.where(finite, values, np.inf).min(axis=0))
        high = np.maximum(high, np.where(finite, values, -np.inf).max(axis=0))
    return [
        Histogram(float(least), float(most), _VALUE_BINS) if least <= most else Histogram(0.0, 1.0)
        for least, most in zip(low, high, strict=True)
    ]


def _add_labels(tally: ClassTally | ValueTally, batch: Batch, target: str) -> None:
    values = batch.labels(target)
    if isinstance(tally, ValueTally):
        tally.add(values)
        return
    hard: Any = f"label_{target}" if target else "label"
    tally.add(values, batch.values(hard) if hard in batch.output.fields else None)
