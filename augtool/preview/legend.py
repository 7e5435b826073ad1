"""Patches of colour, each with what it means, in rows that fit a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL.ImageDraw import ImageDraw

from augtool.preview.fonts import Typeface, tidy
from augtool.preview.palette import Colour

_PATCH, _NEAR, _APART = 12, 5, 16
_EDGE = (150, 153, 160)


@dataclass(frozen=True)
class Entry:
    """A patch of colour with its text, ``x`` pixels from the left."""

    x: int
    colour: Colour
    text: str


def rows_of(legend: Sequence[tuple[Colour, str]], face: Typeface, width: int) -> list[list[Entry]]:
    """The entries of a legend in as few rows of ``width`` pixels as hold them."""
    rows: list[list[Entry]] = []
    x = 0
    for colour, words in legend:
        text = tidy(words)
        needed = _PATCH + _NEAR + int(face.length(text))
        if not rows or x + needed > width:
            rows.append([])
            x = 0
        rows[-1].append(Entry(x, colour, text))
        x += needed + _APART
    return rows


def draw_entries(
    canvas: ImageDraw,
    face: Typeface,
    entries: Sequence[Entry],
    corner: tuple[int, int],
    fill: Colour,
) -> None:
    """Draw one row of a legend from its upper left ``corner``; ``fill`` is the colour of text."""
    left, top = corner
    y = top + (face.ascent + face.descent - _PATCH) // 2
    for one in entries:
        x = left + one.x
        canvas.rectangle((x, y, x + _PATCH - 1, y + _PATCH - 1), one.colour, _EDGE)
        face.draw(canvas, x + _PATCH + _NEAR, top + face.ascent, one.text, fill)
