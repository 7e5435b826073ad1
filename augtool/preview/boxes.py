"""Where steps pasted something into a row, as far as it is still there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augtool.outputs.output import Output
from augtool.outputs.rows import idle_in, taken
from augtool.planning.chain import Link, links_of

Box = tuple[int, int, int, int]
_BOX = "box"
_PASTES = ("pasted", "blended")


def outlines(output: Output, row: int, links: Sequence[Link] | None = None) -> tuple[Box, ...]:
    """The boxes (y0, x0, y1, x1), half-open, that the steps of a row pasted, in pixels of the row:
    those of all steps after the last one that moved it. ``links`` is its chain, unless the output's
    recipe says it."""
    found: list[Box] = []
    for link in reversed(links_of(output.recipe.steps) if links is None else links):
        option = taken(output, link, row)
        if option is None or idle_in(output, option, row):
            continue
        if option.method.OWNERS == "moved":
            break
        if option.method.OWNERS in _PASTES and _BOX in [one.name for one in option.columns]:
            boxes = np.reshape(output.field(f"{option.name}_{_BOX}")[row], (-1, 4)).tolist()
            found = [*map(_four, boxes), *found]
    return tuple(box for box in found if box[0] < box[2] and box[1] < box[3])


def _four(values: list[int]) -> Box:
    y0, x0, y1, x1 = values
    return y0, x0, y1, x1
