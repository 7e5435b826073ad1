"""Looking at an input or an output: which rows are shown, and what is said under each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augtool import rng
from augtool.errors import OutputError, UsageError
from augtool.mixing.mask_rules import with_folder
from augtool.outputs import output
from augtool.outputs.output import Output
from augtool.preview.boxes import outlines
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Source
from augtool.system.scratch import temporary
from augtool.targets import UNKNOWN, Target, TargetKind

if TYPE_CHECKING:
    from PIL.Image import Image

    from augtool.preview.boxes import Box
    from augtool.preview.palette import Colour

_SHUFFLE = 0
_MOST_CELLS = 1024
_MOST_LEGEND = 12  # ids
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
        Draw the pasted boxes that are still where they were pasted.
    masks
        Draw each row's label image, or importance map, under its image.
    font
        A font file to use.
    plain
        A folder for the shown images, each alone and unscaled, as ``row-17.png``.
    """

    rows: int = 4
    cols: int = 8
    pick: tuple[int, ...] | None = None
    seed: int | None = None
    scale: int | None = None
    outline: bool = False
    masks: bool = False
    font: Path | None = None
    plain: Path | None = None


@dataclass(frozen=True)
class _Labels:
    """A target of the rows that are shown: their vectors (K,), and what they mean."""

    name: str
    vectors: list[Any]
    class_names: tuple[str, ...] | None
    kind: TargetKind
    weights: list[Any] | None = None


@dataclass(frozen=True)
class _Rows:
    """What is shown of some rows: images, a list of boxes for each, label images if any."""

    images: list[Any]
    labels: list[_Labels]
    boxes: list[tuple[Box, ...]]
    masks: list[Any] | None
    numbers: list[int]


def preview_of(
    path: str,
    view: View | None = None,
    reading: Reading | None = None,
    masks: str | None = None,
    labels: str | None = None,
    kind: str | None = None,
) -> Image:
    """A grid of images with captions, of an output of augtool or of anything that it reads.

    ``masks`` is a folder of label images for a folder of images, ``labels`` a file of labels for
    one, ``kind`` the name of the input's format. Raises `UsageError` for rows that
    are not there and for masks where there are none, `SourceError` for an unusable input.
    """
    view = view or View()
    if (
        output.is_output(path)
        and reading in (None, Reading())
        and (masks, labels, kind) == (None,) * 3
    ):
        return _drawn(_of_output(path, view), view)
    return _drawn(_of_source(path, view, reading or Reading(), masks, labels, kind), view)


def _of_output(path: str, view: View) -> _Rows:
    with output.open(path) as opened:
        chosen = _chosen(len(opened), view, spread=False)
        labels = [
            _Labels(
                target,
                [np.asarray(opened.labels_of(target)[row]) for row in chosen],
                opened.class_names_of(target),
                opened.kind_of(target),
                [np.asarray(opened.field("weight")[row]) for row in chosen],
            )
            for target in opened.targets
        ]
        if view.masks and opened.masks is None:
            raise _no_masks(path)
        return _Rows(
            [_channels_last(opened, row) for row in chosen],
            labels,
            [outlines(opened, row) if view.outline else () for row in chosen],
            [np.asarray(opened.masks[row]) for row in chosen] if view.masks else None,
            chosen,
        )


def _channels_last(opened: Output, row: int) -> Any:
    pixels = np.asarray(opened.images[row])
    return np.moveaxis(pixels, 0, -1) if opened.layout == "NCHW" else pixels


def _of_source(
    path: str,
    view: View,
    reading: Reading,
    folder: str | None,
    labels_in: str | None,
    kind: str | None,
) -> _Rows:
    with temporary() as scratch:
        source = open_source(path, reading, scratch, labels_in, kind)
        if folder is not None:
            source = with_folder(source, folder, scratch, 0)
        chosen = _chosen(source.n, view, spread=True)
        labels = [
            _Labels(
                target.name,
                [_vector(target, row) for row in chosen],
                target.class_names,
                target.kind,
            )
            for target in source.targets
        ]
        masks = _masks_of(source, chosen, path) if view.masks else None
        # A mask is as large as its image; a size that was asked for is shown.
        read = _read if view.masks or reading.size else _at_its_size
        images = [read(source, row) for row in chosen]
        return _Rows(images, labels, [()] * len(chosen), masks, chosen)


def _at_its_size(source: Source, row: int) -> Any:
    return source.image(row)


def _read(source: Source, row: int) -> Any:
    assert source.shape is not None
    out = np.empty((1, *source.shape), source.dtype)
    source.read(np.array([row]), out)
    return out[0]


def _masks_of(source: Source, chosen: Sequence[int], path: str) -> list[Any]:
    if source.masks is None:
        raise _no_masks(path)
    out = np.empty((len(chosen), *source.masks.shape), source.masks.dtype)
    source.masks.read(np.asarray(chosen), out)
    return list(out)


def _no_masks(path: str) -> UsageError:
    return UsageError(f"{path}: has no label images to show; name those of an input with --masks")


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


def _drawn(rows: _Rows, view: View) -> Image:
    from augtool.preview.grid import Cell, draw_grid

    if rows.images[0].ndim not in (2, 3):
        raise UsageError(f"rows of shape {rows.images[0].shape} are not images: nothing to preview")
    _check_side(rows.images, view.scale)
    if view.plain is not None:
        _save_plain(rows, view.plain)
    below, legend, note = _coloured(rows.masks)
    said = _said(rows.labels, view.font)
    cells = [
        Cell(*cell)
        for cell in zip(rows.images, said, rows.boxes, below or [None] * len(said), strict=True)
    ]
    names = [one.name for one in rows.labels if one.name]
    lines = f"labels, line by line: {', '.join(names)}" if len(names) > 1 else ""
    return draw_grid(
        cells,
        view.cols,
        scale=view.scale,
        outline=view.outline,
        font=view.font,
        legend=legend,
        footnote="; ".join(filter(None, (lines, note))),
    )


def _save_plain(rows: _Rows, folder: Path) -> None:
    """Write each image alone and unscaled, all with the same black and white."""
    from PIL import Image

    from augtool.preview.grid import save
    from augtool.preview.to_uint8 import to_display

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another") from None
    shown, _ = to_display(rows.images)
    for row, image in zip(rows.numbers, shown, strict=True):
        save(Image.fromarray(np.ascontiguousarray(image)), folder / f"row-{row}.png")


def _said(labels: Sequence[_Labels], font: Path | None) -> list[str]:
    """What stands under each row: a line for each target."""
    from augtool.preview.captions import captions

    columns = [
        captions(one.vectors, one.class_names, one.kind, font, one.weights) for one in labels
    ]
    return ["\n".join(lines) for lines in zip(*columns, strict=True)]


def _coloured(
    masks: Sequence[Any] | None,
) -> tuple[list[Any] | None, list[tuple[Colour, str]], str]:
    """Label images in colours, the legend of their ids, and a note; importance maps in grey."""
    from augtool.preview import palette
    from augtool.preview.to_uint8 import to_display

    if masks is None:
        return None, [], ""
    if masks[0].dtype.kind == "f":
        shown, note = to_display(masks)
        return list(shown), [], ", ".join(filter(None, ("below: importance", note)))
    ids = np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist()
    few = len(ids) <= _MOST_LEGEND
    note = "" if few else f"below: label images with {len(ids)} ids, {ids[0]} … {ids[-1]}"
    return [palette.coloured(mask) for mask in masks], palette.legend(ids) if few else [], note


def _check_side(images: Sequence[Any], scale: int | None) -> None:
    """Raise `UsageError` for an enlargement that would take all memory."""
    side = max(max(image.shape[:2]) for image in images)
    if scale is not None and scale * side > _MOST_SIDE:
        raise UsageError(
            f"scale {scale}: an image would be {scale * side:,} pixels long; "
            f"use at most {max(1, _MOST_SIDE // side)}"
        )


def _vector(target: Target, row: int) -> Any:
    if target.kind != "classes":
        return np.atleast_1d(target.values[row])
    if target.values[row] == UNKNOWN:
        return np.full(target.width, np.nan)
    vector = np.zeros(target.width)
    vector[target.values[row]] = 1
    return vector
