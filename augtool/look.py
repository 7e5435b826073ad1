"""Looking at an input or an output: which rows are shown, and what is said under each."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augtool import output, rng
from augtool.errors import UsageError
from augtool.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Target, TargetKind

if TYPE_CHECKING:
    from PIL.Image import Image

_SHUFFLE = 0
_MOST_CELLS = 1024
_MOST_SIDE = 8192  # pixels of an image that is enlarged on request


@dataclass(frozen=True)
class View:
    """How a grid is chosen and drawn.

    rows, cols
        The grid's size. None fits ``pick``.
    pick
        Rows to show, in this order; without it and without ``seed`` the first ones of an output,
        and rows spread evenly over an input, so that all classes are seen.
    seed
        Show rows drawn with this seed.
    scale
        Enlarge by this whole factor; None chooses.
    outline
        Draw the pasted boxes.
    font
        A font file to use.
    """

    rows: int = 4
    cols: int = 8
    pick: tuple[int, ...] | None = None
    seed: int | None = None
    scale: int | None = None
    outline: bool = False
    font: Path | None = None


def preview_of(path: str, view: View | None = None, reading: Reading | None = None) -> Image:
    """A grid of images with captions, of an output of augtool or of anything that it reads.

    Raises `UsageError` for rows that are not there, `SourceError` for an unusable input.
    """
    view = view or View()
    if output.is_output(path) and reading in (None, Reading()):
        return _of_output(path, view)
    return _of_source(path, view, reading or Reading())


def _of_output(path: str, view: View) -> Image:
    with output.open(path) as opened:
        chosen = _chosen(len(opened), view, spread=False)
        boxes = [name for name in opened.fields if name.endswith("_box")]
        return _drawn(
            [np.asarray(opened.images[row]) for row in chosen],
            [np.asarray(opened.labels[row]) for row in chosen],
            opened.class_names,
            opened.attributes.get("target", "soft"),
            [opened.field(boxes[0])[row] for row in chosen] if boxes else None,
            view,
        )


def _of_source(path: str, view: View, reading: Reading) -> Image:
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        source = open_source(path, reading, Path(scratch))
        chosen = _chosen(source.n, view, spread=True)
        target = source.targets[0]
        return _drawn(
            [source.image(row) for row in chosen],
            [_vector(target, row) for row in chosen],
            target.class_names,
            target.kind,
            None,
            view,
        )


def _chosen(count: int, view: View, *, spread: bool) -> list[int]:
    if view.pick is not None:
        wrong = [row for row in view.pick if row >= count]
        if wrong:
            raise UsageError(f"row {wrong[0]}: there are only rows 0…{count - 1}")
    shown = len(view.pick) if view.pick is not None else min(view.rows * view.cols, count)
    if shown > _MOST_CELLS:
        raise UsageError(f"{shown:,} images: a grid shows at most {_MOST_CELLS:,}; choose fewer")
    if view.pick is not None:
        return list(view.pick)
    if view.seed is not None:
        shuffle = rng.Shuffle.keyed(count, view.seed, _SHUFFLE)
        return [int(row) for row in shuffle.rows(np.arange(shown))]
    return [row * count // shown for row in range(shown)] if spread else list(range(shown))


def _drawn(
    images: Sequence[Any],
    vectors: Sequence[Any],
    names: tuple[str, ...] | None,
    kind: TargetKind,
    boxes: Sequence[Any] | None,
    view: View,
) -> Image:
    from augtool.preview import Cell, captions, draw_grid

    if images[0].ndim not in (2, 3):
        raise UsageError(f"rows of shape {images[0].shape} are not images: nothing to preview")
    _check_side(images, view.scale)
    said = captions(vectors, names, kind, view.font)
    marks = [None] * len(images) if boxes is None else list(map(_box, boxes))
    cells = [Cell(*cell) for cell in zip(images, said, marks, strict=True)]
    return draw_grid(cells, view.cols, scale=view.scale, outline=view.outline, font=view.font)


def _check_side(images: Sequence[Any], scale: int | None) -> None:
    """Raise `UsageError` for an enlargement that would take all memory."""
    side = max(max(image.shape[:2]) for image in images)
    if scale is not None and scale * side > _MOST_SIDE:
        raise UsageError(
            f"scale {scale}: an image would be {scale * side:,} pixels long; "
            f"use at most {max(1, _MOST_SIDE // side)}"
        )


def _box(values: Any) -> tuple[int, int, int, int] | None:
    if np.size(values) != 4:  # several boxes cannot all be outlined
        return None
    y0, x0, y1, x1 = (int(value) for value in np.ravel(values))
    return y0, x0, y1, x1


def _vector(target: Target, row: int) -> Any:
    if target.kind != "classes":
        return np.atleast_1d(target.values[row])
    vector = np.zeros(target.width)
    vector[target.values[row]] = 1
    return vector
