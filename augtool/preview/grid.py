"""A grid of images with captions, to look at an input or an output.

``draw_grid`` lays out the cells, ``save`` writes the PNG. Pixels are enlarged by whole factors and
boxes are drawn afterwards, so that what is seen is what is in the file.
"""

from __future__ import annotations

import math
import os
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from augtool.errors import OutputError, OutputExists, UsageError
from augtool.preview.captions import BETWEEN, MORE, more
from augtool.preview.fonts import Typeface, tidy, typeface
from augtool.preview.legend import Entry, draw_entries, rows_of
from augtool.preview.palette import Colour
from augtool.preview.to_uint8 import to_display
from augtool.system import publishing

Box = tuple[int, int, int, int]
Pixels = npt.NDArray[Any]

_LEAST_SIDE = 144  # images are enlarged until their long side has so many pixels
_MOST_SIDE = 512  # and made smaller when it has more
_LEAST_CELL = 120
_MARGIN, _GAP, _ROW_GAP, _CAPTION_GAP, _LEADING = 28, 18, 22, 7, 3
_BELOW_GAP = 4
_MOST_LINES = 6
_MARK = ("Software", "augtool")
_BEGINNING = re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR.{17}.{4}tEXtSoftware\0augtool.{4}", re.DOTALL)
_LONGEST = 1 << 8  # bytes in which the mark stands

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
        Shown below the image, in up to six lines; entries are separated by " · ". With several
        targets a line (ended by a newline) is for each. What has no room is counted ("+3 more").
    boxes
        Regions (y0, x0, y1, x1), half-open, in pixels of the image; empty ones are left out.
    below
        (H, W, 3) uint8, such as a label image in colours: drawn under the image, as large.
    """

    pixels: Pixels
    caption: str = ""
    boxes: tuple[Box, ...] = ()
    below: Pixels | None = None


@dataclass(frozen=True)
class _Tile:
    """An image as large as it is drawn; ``boxes`` are in pixels of the page, from its corner."""

    picture: Image.Image
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class _Text:
    """What is written on a page, in lines that fit."""

    face: Typeface
    title: list[str]
    headings: list[str]
    captions: list[list[str]]
    legend: list[list[Entry]]
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
    legend: Sequence[tuple[Colour, str]] = (),
    footnote: str = "",
) -> Image.Image:
    """The cells in rows of ``cols``, as an RGB image.

    ``scale`` enlarges every image by that whole factor; None enlarges small images until their
    captions have room and makes very large ones smaller. ``outline`` draws the boxes: a white line
    just inside a box, a dark one just outside. ``headings`` stand above the columns, ``legend``
    says below the grid what colours mean. How pixels were changed (`to_display`) is added to
    ``footnote``. Captions are cut to the width of a cell.
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
        _tile(image, cell, scale, outline=outline)
        for image, cell in zip(images, cells, strict=True)
    ]
    cell_width = max(_LEAST_CELL, *(tile.picture.width for tile in tiles))
    inner_width = cols * (cell_width + _GAP) - _GAP
    below = "; ".join(filter(None, (footnote, note)))
    face = typeface(
        [MORE, *map(tidy, (title, below, *headings, *_words(cells, legend)))],
        _font_size(cell_width),
        font,
    )
    text = _Text(
        face,
        _wrapped(tidy(title), face, inner_width),
        [_cut(tidy(heading), face, cell_width) for heading in headings],
        [_caption_lines(cell.caption, face, cell_width) for cell in cells],
        rows_of(legend, face, inner_width),
        _wrapped(tidy(below), face, inner_width),
    )
    return _drawn(tiles, text, cols, cell_width)


def save(image: Image.Image, path: Path, option: str = "--out", *, overwrite: bool = False) -> None:
    """Write ``image`` to ``path`` as PNG, in one step; equal bytes for equal images.

    Raises `OutputExists` as `check_free`, and `OutputError` when it cannot be written.
    """
    try:
        with publishing.written(path, overwrite=overwrite or is_picture(path)) as file:
            image.save(file, "PNG", optimize=True, pnginfo=mark())
    except FileExistsError as error:
        raise _taken(path, option) from error
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place"
        ) from None


def mark() -> PngInfo:
    """What a PNG of augtool begins with, so that another may replace it."""
    text = PngInfo()
    text.add_text(*_MARK)
    return text


def is_picture(path: Path) -> bool:
    """Whether there is a picture at ``path`` that `save` has made, which another may replace."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return _BEGINNING.match(file.read(_LONGEST)) is not None
    except OSError:
        return False


def check_free(path: Path, option: str, *, overwrite: bool) -> None:
    """Raise `UsageError` for what is no file, and `OutputExists` when, without ``overwrite``,
    something is there that is no picture of augtool."""
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise UsageError(f"{option} {path}: is no regular file; choose another place")
    if not overwrite and os.path.lexists(path) and not is_picture(path):
        raise _taken(path, option)


def _taken(path: Path, option: str) -> OutputExists:
    return OutputExists(
        f"{option} {path}: exists already, and is no picture of augtool; "
        f"use --overwrite or choose another {option}"
    )


def _words(cells: Sequence[Cell], legend: Sequence[tuple[Colour, str]]) -> list[str]:
    return [*(cell.caption for cell in cells), *(word for _, word in legend)]


def _tile(image: npt.NDArray[np.uint8], cell: Cell, scale: int | None, *, outline: bool) -> _Tile:
    height, width = image.shape[:2]
    longest = max(height, width)
    if scale is None and longest > _MOST_SIDE:
        across = max(1, round(width * _MOST_SIDE / longest))
        down = max(1, round(height * _MOST_SIDE / longest))
        method, gap = Image.Resampling.LANCZOS, 3.0
    else:
        factor = scale or math.ceil(_LEAST_SIDE / longest)
        across, down, method, gap = width * factor, height * factor, Image.Resampling.NEAREST, None
    drawn = Image.fromarray(np.ascontiguousarray(image))
    picture = drawn.resize((across, down), method, reducing_gap=gap)
    scaled = (_scaled(box, (height, width), (down, across)) for box in cell.boxes)
    boxes = tuple(box for box in scaled if box) if outline else ()
    return _Tile(picture if cell.below is None else _stacked(picture, cell.below), boxes)


def _stacked(picture: Image.Image, below: Pixels) -> Image.Image:
    """A picture with another under it, as large, whose colours are not blended."""
    width, height = picture.size
    both = Image.new("RGB", (width, 2 * height + _BELOW_GAP), _PAGE)
    both.paste(picture, (0, 0))
    lower = Image.fromarray(np.ascontiguousarray(below))
    both.paste(lower.resize((width, height), Image.Resampling.NEAREST), (0, height + _BELOW_GAP))
    return both


def _scaled(box: Box, size: tuple[int, int], shown: tuple[int, int]) -> Box | None:
    """``box`` in an image of ``size`` (H, W), cut to it, as a box in an image of size ``shown``."""
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
    """A caption in up to six lines: as many whole entries on each as fit, and how many do not. Of
    several targets each has one line."""
    targets = caption.split("\n")
    if len(targets) == 1:
        return _lines(caption, face, width, _MOST_LINES)
    shown = targets if len(targets) <= _MOST_LINES else targets[: _MOST_LINES - 1]
    lines = [" ".join(_lines(each, face, width, 1)) for each in shown]
    return [*lines, *more(len(targets) - len(shown))]


def _lines(caption: str, face: Typeface, width: int, most: int) -> list[str]:
    """The entries of a caption in at most so many lines, the last of which says how many more there
    are."""
    entries = [entry for entry in tidy(caption).split(BETWEEN) if entry]
    hidden = 0
    if entries and (counted := re.fullmatch(r"\+(\d+) more", entries[-1])):
        hidden = int(counted[1])
        entries.pop()
    for shown in range(len(entries), 0, -1):
        rest = more(hidden + len(entries) - shown)
        lines = _filled([*entries[:shown], *rest], face, width)
        if len(lines) <= most:
            return lines
    rest = more(hidden + len(entries) - 1)
    after = "".join(f"{BETWEEN}{one}" for one in rest)
    first = [_cut(one, face, width - math.ceil(face.length(after))) for one in entries[:1]]
    return [f"{one}{after}" for one in first] or rest


def _filled(entries: Sequence[str], face: Typeface, width: int) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        longer = f"{lines[-1]}{BETWEEN}{entry}" if lines else entry
        if lines and face.length(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(entry, face, width))
    return lines


def _cut(entry: str, face: Typeface, width: int) -> str:
    """``entry`` as it is or with the end of its name left out, its share kept."""
    if face.length(entry) <= width:
        return entry
    name, _, last = entry.rpartition(" ")
    share = f" {last}" if name and last.replace(".", "", 1).isdigit() else ""
    name = name if share else entry

    def needed(letters: int) -> int:
        return math.ceil(face.length(f"{name[:letters]}{MORE}{share}"))

    kept = bisect_right(range(1, len(name)), width, key=needed)
    return f"{name[:kept].rstrip()}{MORE}{share}"


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
    legend_height = len(text.legend) * text.line + (_ROW_GAP if text.legend else 0)
    footnote_height = len(text.footnote) * text.line + (_ROW_GAP if text.footnote else 0)
    page = Image.new(
        "RGB",
        (
            2 * _MARGIN + cols * (cell_width + _GAP) - _GAP,
            2 * _MARGIN + title_height + heading_height + legend_height + footnote_height
            + sum(tallest) + len(rows) * (text.caption_height + _ROW_GAP) - _ROW_GAP,
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
            picture = tiles[index].picture
            left = (cell_width - picture.width) // 2
            _put(page, canvas, tiles[index], x + left, y + height - picture.height)
            _write(canvas, text, text.captions[index], (x, y + height + _CAPTION_GAP), _CAPTION)
        y += height + text.caption_height + _ROW_GAP
    for number, entries in enumerate(text.legend):
        draw_entries(canvas, text.face, entries, (_MARGIN, y + number * text.line), _CAPTION)
    _write(canvas, text, text.footnote, (_MARGIN, y + legend_height), _FOOTNOTE)
    return page


def _put(page: Image.Image, canvas: ImageDraw.ImageDraw, tile: _Tile, x: int, y: int) -> None:
    """An image with a hairline around it, so that a white one has an end, and its box."""
    width, height = tile.picture.size
    page.paste(tile.picture, (x, y))
    canvas.rectangle((x - 1, y - 1, x + width, y + height), outline=_EDGE)
    for y0, x0, y1, x1 in tile.boxes:
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
