"""Drawing a figure: as PNG by the same hand as previews, and as SVG with text and boxes as such."""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from augtool.preview.grid import mark
from augtool.preview.to_uint8 import to_display
from augtool.report.figure import Figure, Panel, wrapped
from augtool.report.pictures import png_uri
from augtool.report.writing import SVG_BEGINS, write_file

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[Any]

FAMILY = "Liberation Sans, Arial, Helvetica, sans-serif"
"""The typeface of all text of an SVG: the first of these that a reader has; they are as wide."""

_SIDE = 144.0  # the longest side of an image, in points of an inch's 96
_GAP, _MARGIN, _LINE, _FONT = 12.0, 12.0, 15.0, 12.0
_LETTER = 0.53  # how wide a letter is on the average, of its size


def png_of(
    figure: Figure,
    *,
    outline: bool = False,
    wrap: int | None = None,
    scale: int | None = None,
    font: Path | None = None,
) -> Image:
    """The figure as an RGB image; parts stand under each other."""
    from PIL import Image

    from augtool.preview.grid import Cell, draw_grid

    parts = []
    for part in wrapped(figure, wrap):
        count = len(part.columns[0].panels)
        cells = [
            Cell(column.panels[row].pixels, column.panels[row].caption, column.panels[row].boxes)
            for row in range(count)
            for column in part.columns
        ]
        parts.append(
            draw_grid(
                cells,
                len(part.columns),
                scale=scale,
                outline=outline,
                font=font,
                title=part.title,
                headings=[column.heading for column in part.columns],
            )
        )
    if len(parts) == 1:
        return parts[0]
    size = max(part.width for part in parts), sum(part.height for part in parts)
    page = Image.new("RGB", size, (255, 255, 255))
    top = 0
    for drawn in parts:
        page.paste(drawn, (0, top))
        top += drawn.height
    return page


def svg_of(figure: Figure, *, outline: bool = False, wrap: int | None = None) -> str:
    """The figure as SVG: images inside it as PNG, unscaled, text as text and boxes as lines."""
    images = [panel.pixels for column in figure.columns for panel in column.panels]
    shown = dict(zip(map(id, images), to_display(images)[0], strict=True))
    drawn, top, width = list[str](), _MARGIN, 0.0
    for part in wrapped(figure, wrap):
        lines, top, right = _part(part, shown, top, outline)
        drawn += lines
        width = max(width, right)
    size = f"{width + _MARGIN:.1f}", f"{top - _GAP + _MARGIN:.1f}"
    return "\n".join(
        (
            SVG_BEGINS,
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {size[0]} {size[1]}" font-family="{FAMILY}" font-size="{_FONT:g}">',
            f'<rect width="{size[0]}" height="{size[1]}" fill="#ffffff"/>',
            *drawn,
            "</svg>\n",
        )
    )


def _part(
    part: Figure, shown: dict[int, Pixels], top: float, outline: bool
) -> tuple[list[str], float, float]:
    """The elements of a part of a figure from ``top`` on, where it ends below, and to the right."""
    drawn = list[str]()
    if part.title:
        drawn.append(_text(_MARGIN, top + _LINE, part.title, "#24262c", bold=True))
        top += _LINE * 1.7
    lines = max(len(_lines(column.heading)) for column in part.columns)
    for at, column in enumerate(part.columns):
        for number, words in enumerate(_lines(column.heading)):
            y = top + (lines - len(_lines(column.heading)) + number + 1) * _LINE - 4
            drawn.append(_text(_MARGIN + at * (_SIDE + _GAP), y, words, "#24262c", bold=True))
    top += lines * _LINE + 2
    for row in range(len(part.columns[0].panels)):
        panels = [column.panels[row] for column in part.columns]
        sizes = [_fitted(shown[id(panel.pixels)]) for panel in panels]
        tallest = max(height for height, _ in sizes)
        captions = [_lines(panel.caption) for panel in panels]
        for at, (panel, size, caption) in enumerate(zip(panels, sizes, captions, strict=True)):
            x, y = _MARGIN + at * (_SIDE + _GAP), top
            drawn += _panel(panel, shown[id(panel.pixels)], (x, y), size, outline)
            for number, words in enumerate(caption):
                drawn.append(_text(x, y + tallest + (number + 1) * _LINE, words, "#5c606a"))
        top += tallest + max(map(len, captions)) * _LINE + _GAP
    return drawn, top, len(part.columns) * (_SIDE + _GAP) - _GAP + _MARGIN


def _fitted(image: Pixels) -> tuple[float, float]:
    """The height and width of an image on the page."""
    factor = _SIDE / max(image.shape[:2])
    return image.shape[0] * factor, image.shape[1] * factor


def _panel(
    panel: Panel,
    image: Pixels,
    corner: tuple[float, float],
    size: tuple[float, float],
    outline: bool,
) -> list[str]:
    (x, y), (height, width) = corner, size
    drawn = [
        f'<image x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{png_uri(image)}"/>',
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        'fill="none" stroke="#d5d6da" stroke-width="0.75"/>',
    ]
    factor = height / image.shape[0]
    for y0, x0, y1, x1 in panel.boxes if outline else ():
        place = (
            f'x="{x + x0 * factor:.2f}" y="{y + y0 * factor:.2f}" '
            f'width="{(x1 - x0) * factor:.2f}" height="{(y1 - y0) * factor:.2f}" fill="none"'
        )
        drawn.append(f'<rect {place} stroke="#18191e" stroke-width="2.5"/>')
        drawn.append(f'<rect {place} stroke="#ffffff" stroke-width="1"/>')
    return drawn


def _text(x: float, y: float, words: str, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    shown = html.escape("".join(one for one in words if one.isprintable()))
    return f'<text x="{x:.2f}" y="{y:.2f}" fill="{colour}"{weight}>{shown}</text>'


def _lines(text: str) -> list[str]:
    """Words in lines as wide as an image; the end of a longer word is left out."""
    most = int(_SIDE / (_FONT * _LETTER))
    lines: list[str] = []
    for each in text.split():
        word = each if len(each) <= most else f"{each[: most - 1]}…"
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def save_plain(pixels: Pixels, path: Path) -> None:
    """Write an image as it is, or as `to_display` shows what is not uint8, as a PNG."""
    from PIL import Image

    from augtool.preview.grid import save

    (shown,), _ = to_display([pixels])
    save(Image.fromarray(np.ascontiguousarray(shown)), path)


def save_figure(
    figure: Figure, path: Path, *, dpi: int | None = None, overwrite: bool = False, **given: Any
) -> tuple[int, int] | None:
    """Write a figure to ``path``, by its ending PNG or SVG, in one step: the size of the PNG in
    pixels. Raises `OutputExists` for a file that augtool has not made, without ``overwrite``, and
    `OutputError` when it cannot be written."""
    if path.suffix.lower() == ".svg":
        svg = svg_of(figure, outline=given.get("outline", False), wrap=given.get("wrap"))
        write_file(path, svg.encode("utf-8"), overwrite=overwrite)
        return None
    image = png_of(figure, **given)
    content = io.BytesIO()
    inches = {} if dpi is None else {"dpi": (dpi, dpi)}
    image.save(content, "PNG", optimize=True, pnginfo=mark(), **inches)
    write_file(path, content.getvalue(), overwrite=overwrite)
    return image.size
