"""What the plan drew for a row, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from augtool.planning.chain import Link, Option
from augtool.preview.captions import number_in_words

LONGEST_NAME = 200
"""Longer names are shown with an ellipsis."""

Size = tuple[int, int]


def shortened(name: str) -> str:
    """A name that fits a page, without what cannot be written as UTF-8."""
    plain = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"


def step_in_words(
    link: Link,
    option: Option | None,
    columns: Mapping[str, Any],
    partners: tuple[int, ...],
    size: Size | None,
) -> dict[str, Any]:
    """What a link did to one row: its name, and a line for each number that it drew.

    option
        The step that was taken; None for none.
    columns
        What it drew, under the method's own names; empty when that leaves the row as it is.
    partners
        The output rows that it mixed in, where there are several steps.
    size
        (H, W) of the images; None for rows that are none.
    """
    name = "none" if option is None else option.name
    if link.choice:
        name = f"{link.choice}: {name}"
    if option is None:
        lines = ["the row stays as it is"]
    elif option.columns and not columns:
        lines = ["not applied to this row"]
    else:
        lines = [
            line
            for column in option.columns
            for line in _number(column.name, column.help, column.within, columns[column.name], size)
        ]
        known = [f"{row:,}" for row in partners if row >= 0]
        if known:
            lines.append(f"mixes in output row {', '.join(known)}, as the steps before left it")
        elif partners:
            lines.append("has no partner")
    return {"name": name, "lines": lines or ["changes no pixel"]}


def _number(name: str, help: str, within: str, value: Any, size: Size | None) -> Iterator[str]:
    """Lines on one column: in words where it is a place in the image."""
    if within == "box" and size is not None:
        boxes = np.reshape(value, (-1, 4)).tolist()
        filled = [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
        for y0, x0, y1, x1 in filled:
            yield _box(y0, x0, y1, x1, size)
        if not filled:
            yield "the box is empty"
    elif name == "lam":
        values = np.atleast_1d(value).tolist()
        yield f"λ drawn: {', '.join(f'{one:.4f}' for one in values)}"
    elif within == "point":
        yield f"{name}: row {number_in_words(value[0])}, column {number_in_words(value[1])}"
    elif within == "offset":
        yield f"moved {_moved(value[0], 'down', 'up')} and {_moved(value[1], 'right', 'left')}"
    else:
        about = help.partition(";")[0]
        yield f"{name} = {_shown(np.asarray(value).tolist())}" + (f" ({about})" if about else "")


def _box(y0: int, x0: int, y1: int, x1: int, size: Size) -> str:
    share = (y1 - y0) * (x1 - x0) / (size[0] * size[1])
    return (
        f"box: rows {y0}–{y1 - 1}, columns {x0}–{x1 - 1} "
        f"({y1 - y0}×{x1 - x0} pixels, {share:.1%} of the image)"
    )


def _moved(pixels: float, forth: str, back: str) -> str:
    return f"{abs(pixels):g} pixels {forth if pixels >= 0 else back}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return number_in_words(value) if isinstance(value, float) else str(value)
