"""Who owns each pixel of a row, as a picture: a colour for each source, mixed where they blend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError
from augtool.mixing import replay
from augtool.mixing.source_map import shares_of_pixels
from augtool.outputs.output import Output
from augtool.planning.bounds import wrong
from augtool.planning.chain import is_chain, links_of
from augtool.recipe.recipe import Recipe
from augtool.report.pictures import SIDE, picked
from augtool.sources._contract import Source

Ints = npt.NDArray[np.int64]

COLOURS = (
    *((236, 232, 222), (47, 111, 237), (240, 138, 36), (38, 162, 105)),
    *((168, 82, 204), (222, 69, 96), (24, 160, 178), (150, 120, 60)),
)
"""Of the base, then of its partners in turn; they begin again after the last."""

_NOBODY = (120, 120, 124)  # beyond the border
_MAP_BYTES = 64 << 20
_AT_ONCE = 1 << 16


def ownership(
    output: Output, recipe: Recipe, rows: Sequence[int], source: Source | None
) -> Iterator[npt.NDArray[np.uint8] | None]:
    """A picture (h, w, 3) for each of ``rows``, at most as long as a thumbnail; None where it
    cannot be known: rows that are no images, and chains with partners that ``--num`` cut off, which
    only the source could tell."""
    shape = _image_shape(output)
    if shape is None:
        yield from (None for _ in rows)
        return
    slots = math.prod(link.slots for link in links_of(recipe.steps))
    step = max(1, min(32, _MAP_BYTES // (4 * slots * shape[0] * shape[1])))
    if is_chain(links_of(recipe.steps)):  # all rows, once
        try:
            check_plan(_record(output, recipe), np.arange(0), shape)
        except SourceError:
            yield from (None for _ in rows)
            return
    for low in range(0, len(rows), step):
        some = np.asarray(rows[low : low + step], np.int64)
        try:
            yield from _drawn(output, recipe, some, shape, source)
        except (SourceError, ValueError, LookupError):
            for row in some.tolist():
                try:
                    yield from _drawn(output, recipe, np.array([row]), shape, source)
                except (SourceError, ValueError, LookupError):
                    yield None


def _image_shape(output: Output) -> tuple[int, ...] | None:
    shape = tuple(output.images.shape[1:])
    if output.layout == "NCHW":
        shape = (*shape[1:], shape[0])
    return shape if len(shape) in (2, 3) else None


def _drawn(
    output: Output, recipe: Recipe, rows: Ints, shape: tuple[int, ...], source: Source | None
) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures of some rows, rising. Raises `SourceError` where the plan is not whole."""
    if output.attributes.get("split") == "validation":  # unmixed, and nothing drawn
        side = np.ones((*shape[:2], 1), np.float32)
        yield from (coloured(side) for _ in rows)
        return
    record = _record(output, recipe)
    if not is_chain(record.links):
        check_plan(record, rows, shape)
    block = replay.block_of(record, rows, cast(Source, source))
    for shares in shares_of_pixels(block, shape):
        yield coloured(shares)


def _record(output: Output, recipe: Recipe) -> replay.Record:
    return replay.Record(recipe, len(output), output.field, lambda: _cut_off(output))


def _cut_off(output: Output) -> Any:
    raise SourceError(f"{output.path}: has no plan of rows that --num cut off")


def check_plan(
    record: replay.Record, rows: Ints, shape: tuple[int, ...], source_rows: int | None = None
) -> None:
    """Raise `SourceError` for values that no plan can have, in ``rows`` and, in a chain, in all
    rows, since any may be a partner: kernels check nothing."""
    if is_chain(record.links):
        rows = np.arange(record.rows)
    for low in range(0, len(rows), _AT_ONCE):
        some = rows[low : low + _AT_ONCE]
        if source_rows is not None:
            src = record.values("src", some)
            if (src >= source_rows).any() or (src < -1).any() or (src[:, 0] < 0).any():
                raise SourceError("src names rows that the source does not have")
        for link in record.links:
            for option in link.steps:
                for column in option.columns:
                    name = f"{option.name}_{column.name}"
                    if wrong(column, record.values(name, some), shape).any():
                        raise SourceError(f"{name} has values that no plan can have")


def coloured(shares: npt.NDArray[np.float32], side: int = SIDE) -> npt.NDArray[np.uint8]:
    """(h, w, 3) the colours of the owners of (H, W, S) shares, at most ``side`` long."""
    small = picked(shares, side)
    palette = np.array([COLOURS[slot % len(COLOURS)] for slot in range(small.shape[2])], np.float32)
    total = small.sum(axis=2, keepdims=True)
    mixed = (small @ palette) / np.where(total > 0, total, 1)
    mixed = np.where(total > 0, mixed, np.array(_NOBODY, np.float32))
    return np.rint(mixed).astype(np.uint8)
