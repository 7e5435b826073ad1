"""A grid of images with captions, to look at an input or an output.

``caption_for`` says a label in words, ``draw_grid`` lays out the cells, ``save`` writes the PNG.
Pixels are enlarged by whole factors and boxes are drawn afterwards, so that what is seen is what
is in the file.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from augtool.errors import OutputError, UsageError
from augtool.fonts import Typeface, tidy, typeface
from augtool.sources._contract import TargetKind

Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]
Pixels = npt.NDArray[Any]

_BETWEEN = " · "
_MORE = "…"
_LEAST_SHARE = 0.005  # smaller shares would be shown as 0.00
_MOST_ENTRIES = 4

_LEAST_SIDE = 144  # images are enlarged until their long side has so many pixels
_MOST_SIDE = 512  # and made smaller when it has more
_LEAST_CELL = 120
_MARGIN, _GAP, _ROW_GAP, _CAPTION_GAP, _LEADING = 28, 18, 22, 7, 3
_MOST_LINES = 3
_SAMPLED = 1 << 18  # pixels of an image that its percentiles are taken from

_PAGE = (255, 255, 255)
_EDGE = (226, 227, 231)
_TITLE = (36, 38, 44)
_CAPTION = (92, 96, 106)
_FOOTNOTE = (140, 144, 154)
_BOX_OUTSIDE = (24, 25, 30)
_BOX_INSIDE = (255, 255, 255)


@dataclass(frozen=True)
class Cell:
    """One image of a grid.

    pixels
        (H, W) or (H, W, C) of any real dtype.
    caption
        Shown below the image, in up to three lines; entries are separated by " · ".
    box
        A region (y0, x0, y1, x1), half-open, in pixels of the image; None or empty for none.
    """

    pixels: Pixels
    caption: str = ""
    box: Box | None = None


def captions(
    rows: Iterable[npt.ArrayLike],
    class_names: Sequence[str] | None,
    kind: TargetKind = "soft",
    font: Path | None = None,
) -> list[str]:
    """`caption_for` each of ``rows``; names that no font of this machine can draw are shown as
    class ids. Raises `UsageError` when ``font`` cannot be read."""
    vectors = [np.asarray(row, np.float64) for row in rows]
    if class_names is None or kind == "values":
        return [caption_for(vector, class_names, kind) for vector in vectors]
    used = {index for vector in vectors for index in _entries(vector)}
    names = {index: tidy(class_names[index]) for index in used}
    face = typeface(names.values(), _font_size(_LEAST_SIDE), font)
    drawable = {index: name for index, name in names.items() if face.has(name)}
    return [_caption(vector, drawable, kind) for vector in vectors]


def caption_for(
    label: npt.ArrayLike, class_names: Sequence[str] | None, kind: TargetKind = "soft"
) -> str:
    """A target in words, from its vector (K,): "cat 0.62 · dog 0.38".

    The heaviest four classes are named, the heaviest first, unless their share would be shown as
    0.00; a class alone and sure is only named ("cat"), so are the sure ones of a multi-hot label.
    Without names a class is its id ("#17"). A target of kind ``values`` is its numbers.
    """
    vector = np.asarray(label, np.float64)
    names = {} if class_names is None else dict(enumerate(map(tidy, class_names)))
    return _caption(vector, names, kind)


def _caption(vector: npt.NDArray[np.float64], names: dict[int, str], kind: TargetKind) -> str:
    if kind == "values":
        numbers = [_number(value) for value in vector.ravel()[:_MOST_ENTRIES]]
        return ", ".join([*numbers, _MORE] if vector.size > _MOST_ENTRIES else numbers)
    entries = _entries(vector)
    said = [names.get(index) or f"#{index}" for index in entries]
    sure = [vector[index] >= 1 - _LEAST_SHARE for index in entries]
    return _BETWEEN.join(
        name if certain else f"{name} {vector[index]:.2f}"
        for index, name, certain in zip(entries, said, sure, strict=True)
    )


def _entries(vector: npt.NDArray[np.float64]) -> list[int]:
    """The classes worth naming, the heaviest first, the lowest id first on a tie."""
    heaviest = np.argsort(-vector, kind="stable")[:_MOST_ENTRIES]
    return [int(index) for index in heaviest if vector[index] >= _LEAST_SHARE]


def _number(value: float) -> str:
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def to_display(images: Sequence[Pixels]) -> tuple[list[npt.NDArray[np.uint8]], str]:
    """``images`` as (H, W, 3) uint8, and a note on how they were changed ("" when they were not).

    uint8 is shown as it is. Everything else is stretched: the 1st percentile of all images
    together becomes black, the 99th white. One or two channels are shown as grey, of more the
    first three as red, green, blue. Raises `UsageError` for what is not an image.
    """
    notes: list[str] = []
    for image in images:
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise UsageError(
                f"rows of shape {image.shape} cannot be shown; a preview needs (H, W) or (H, W, C)"
            )
    shown = [_three_channels(image) for image in images]
    counts = {image.shape[2] for image in images if image.ndim == 3} - {1, 3}
    if counts:
        notes.append(f"channel {'1' if max(counts) == 2 else '1-3'} of {max(counts)} is shown")
    stretched = [image for image in shown if image.dtype != np.uint8]
    if stretched:
        low, high = _percentiles(stretched)
        kinds = ", ".join(sorted({image.dtype.name for image in stretched}))
        notes.append(
            f"{kinds} stretched: {_number(low)} is shown as black, {_number(high)} as white "
            "(percentiles 1 and 99 of these images)"
        )
        shown = [
            image if image.dtype == np.uint8 else _stretched(image, low, high) for image in shown
        ]
    return shown, "; ".join(notes)


def _three_channels(image: Pixels) -> Pixels:
    stack = image[..., None] if image.ndim == 2 else image
    return stack[..., :3] if stack.shape[2] >= 3 else np.repeat(stack[..., :1], 3, axis=2)


def _percentiles(images: Sequence[Pixels]) -> tuple[float, float]:
    parts = [image.ravel()[:: max(1, image.size // _SAMPLED)] for image in images]
    values = np.concatenate([part.astype(np.float64) for part in parts])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high)


def _stretched(image: Pixels, low: float, high: float) -> npt.NDArray[np.uint8]:
    span = high - low if high > low else 1.0
    shares = np.nan_to_num((image.astype(np.float64) - low) / span, posinf=1.0, neginf=0.0)
    return (np.clip(shares, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class _Tile:
    """An image as large as it is drawn; ``box`` is in pixels of the page, from its corner."""

    picture: Image.Image
    box: Box | None


@dataclass(frozen=True)
class _Text:
    """What is written on a page, in lines that fit."""

    face: Typeface
    title: list[str]
    headings: list[str]
    captions: list[list[str]]
    footnote: list[str]

    @property
    def line(self) -> int:
        """Pixels from one baseline to the next."""
        return self.face.ascent + self.face.descent + _LEADING

    @property
    def caption_height(self) -> int:
        """Pixels below every image: as many lines as the longest caption has."""
        lines = max(map(len, self.captions))
        return _CAPTION_GAP + lines * self.line if lines else 0


def draw_grid(
    cells: Sequence[Cell],
    cols: int,
    *,
    scale: int | None = None,
    outline: bool = False,
    font: Path | None = None,
    title: str = "",
    headings: Sequence[str] = (),
    footnote: str = "",
) -> Image.Image:
    """The cells in rows of ``cols``, as an RGB image.

    ``scale`` enlarges every image by that whole factor; None enlarges small images until their
    captions have room and makes very large ones smaller. ``outline`` draws the boxes: a white line
    just inside a box, a dark one just outside. ``headings`` stand above the columns. How pixels
    were changed (`to_display`) is added to ``footnote``. Captions are cut to the width of a cell.
    Raises `UsageError` when there are no cells, ``cols`` or ``scale`` is below 1, rows are not
    images, or ``font`` cannot be read.
    """
    if not cells:
        raise UsageError("there are no images to show")
    for name, value in (("cols", cols), ("scale", scale)):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value}: must be at least 1")
    cols = min(cols, len(cells))
    images, note = to_display([cell.pixels for cell in cells])
    tiles = [
        _tile(image, cell.box if outline else None, scale)
        for image, cell in zip(images, cells, strict=True)
    ]
    cell_width = max(_LEAST_CELL, *(tile.picture.width for tile in tiles))
    inner_width = cols * (cell_width + _GAP) - _GAP
    below = "; ".join(filter(None, (footnote, note)))
    face = typeface(
        [_MORE, *map(tidy, (title, below, *headings, *(cell.caption for cell in cells)))],
        _font_size(cell_width),
        font,
    )
    text = _Text(
        face,
        _wrapped(tidy(title), face, inner_width),
        [_cut(tidy(heading), face, cell_width) for heading in headings],
        [_caption_lines(tidy(cell.caption), face, cell_width) for cell in cells],
        _wrapped(tidy(below), face, inner_width),
    )
    return _drawn(tiles, text, cols, cell_width)


def save(image: Image.Image, path: Path) -> None:
    """Write ``image`` to ``path`` as PNG: under another name first, equal bytes for equal images.

    Raises `OutputError` when it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        image.save(part, "PNG", optimize=True)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place"
        ) from None


def _tile(image: npt.NDArray[np.uint8], box: Box | None, scale: int | None) -> _Tile:
    height, width = image.shape[:2]
    longest = max(height, width)
    picture = Image.fromarray(np.ascontiguousarray(image))
    if scale is None and longest > _MOST_SIDE:
        size = (
            max(1, round(width * _MOST_SIDE / longest)),
            max(1, round(height * _MOST_SIDE / longest)),
        )
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    else:
        factor = scale or math.ceil(_LEAST_SIDE / longest)
        size = (width * factor, height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    return _Tile(picture, _scaled(box, (height, width), (size[1], size[0])))


def _scaled(box: Box | None, size: tuple[int, int], shown: tuple[int, int]) -> Box | None:
    """``box`` in an image of ``size`` (H, W), cut to it, as a box in an image of size ``shown``."""
    if box is None:
        return None
    y0, x0 = (max(low, 0) for low in box[:2])
    y1, x1 = (min(high, side) for high, side in zip(box[2:], size, strict=True))
    if y0 >= y1 or x0 >= x1:
        return None
    return (
        y0 * shown[0] // size[0],
        x0 * shown[1] // size[1],
        -(-y1 * shown[0] // size[0]),
        -(-x1 * shown[1] // size[1]),
    )


def _font_size(cell_width: int) -> int:
    return min(max(13, cell_width // 24), 18)


def _caption_lines(caption: str, face: Typeface, width: int) -> list[str]:
    """A caption in up to three lines: as many whole entries on each as fit."""
    lines: list[str] = []
    for entry in filter(None, caption.split(_BETWEEN)):
        longer = f"{lines[-1]}{_BETWEEN}{entry}" if lines else entry
        if lines and face.length(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(entry, face, width))
    return lines[:_MOST_LINES]


def _cut(entry: str, face: Typeface, width: int) -> str:
    """``entry`` as it is or with the end of its name left out, its share kept."""
    if face.length(entry) <= width:
        return entry
    name, _, last = entry.rpartition(" ")
    share = f" {last}" if name and last.replace(".", "", 1).isdigit() else ""
    name = name if share else entry

    def needed(letters: int) -> int:
        return math.ceil(face.length(f"{name[:letters]}{_MORE}{share}"))

    kept = bisect_right(range(1, len(name)), width, key=needed)
    return f"{name[:kept].rstrip()}{_MORE}{share}"


def _wrapped(text: str, face: Typeface, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.length(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, face, width))
    return lines


def _drawn(tiles: Sequence[_Tile], text: _Text, cols: int, cell_width: int) -> Image.Image:
    rows = [range(first, min(first + cols, len(tiles))) for first in range(0, len(tiles), cols)]
    tallest = [max(tiles[index].picture.height for index in row) for row in rows]
    title_height = len(text.title) * text.line + (_ROW_GAP // 2 if text.title else 0)
    heading_height = text.line + _CAPTION_GAP if text.headings else 0
    footnote_height = len(text.footnote) * text.line + (_ROW_GAP if text.footnote else 0)
    page = Image.new(
        "RGB",
        (
            2 * _MARGIN + cols * (cell_width + _GAP) - _GAP,
            2 * _MARGIN + title_height + heading_height + sum(tallest) + footnote_height
            + len(rows) * (text.caption_height + _ROW_GAP) - _ROW_GAP,
        ),
        _PAGE,
    )  # fmt: skip
    canvas = ImageDraw.Draw(page)
    _write(canvas, text, text.title, (_MARGIN, _MARGIN), _TITLE)
    y = _MARGIN + title_height
    for place, heading in enumerate(text.headings):
        _write(canvas, text, [heading], (_MARGIN + place * (cell_width + _GAP), y), _TITLE)
    y += heading_height
    for row, height in zip(rows, tallest, strict=True):
        for place, index in enumerate(row):
            x = _MARGIN + place * (cell_width + _GAP)
            _put(page, canvas, tiles[index], x, y + height - tiles[index].picture.height)
            _write(canvas, text, text.captions[index], (x, y + height + _CAPTION_GAP), _CAPTION)
        y += height + text.caption_height + _ROW_GAP
    _write(canvas, text, text.footnote, (_MARGIN, y), _FOOTNOTE)
    return page


def _put(page: Image.Image, canvas: ImageDraw.ImageDraw, tile: _Tile, x: int, y: int) -> None:
    """An image with a hairline around it, so that a white one has an end, and its box."""
    width, height = tile.picture.size
    page.paste(tile.picture, (x, y))
    canvas.rectangle((x - 1, y - 1, x + width, y + height), outline=_EDGE)
    if tile.box:
        y0, x0, y1, x1 = tile.box
        canvas.rectangle((x + x0 - 1, y + y0 - 1, x + x1, y + y1), outline=_BOX_OUTSIDE)
        canvas.rectangle((x + x0, y + y0, x + x1 - 1, y + y1 - 1), outline=_BOX_INSIDE)


def _write(
    canvas: ImageDraw.ImageDraw,
    text: _Text,
    lines: Sequence[str],
    corner: tuple[int, int],
    fill: Colour,
) -> None:
    x, y = corner
    for number, line in enumerate(lines):
        text.face.draw(canvas, x, y + number * text.line + text.face.ascent, line, fill)
