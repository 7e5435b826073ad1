"""Figures for papers: what is mixed, who owns each pixel, and what comes of it.

``of_rows`` shows rows of an output as their plan makes them again; ``of_methods`` shows the same
few pairs of images under several methods, or under one with several λ.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import methods
from augtool.errors import AugtoolError, OutputError, SourceError, UsageError
from augtool.mixing import replay
from augtool.mixing.apply import Members, apply, prepared
from augtool.mixing.channel_stats import statistics_of
from augtool.mixing.inputs import open_for
from augtool.mixing.labels import mixed
from augtool.mixing.source_map import looked, shares_of_pixels
from augtool.outputs.output import Output
from augtool.planning.block import NO_SOURCE, Block
from augtool.planning.chain import links_of
from augtool.planning.plan import make_plan
from augtool.preview.boxes import outlines
from augtool.preview.captions import captions
from augtool.recipe.recipe import Choice, Reading, Recipe, Step
from augtool.recipe.recipe import step as make_step
from augtool.report.ownership import check_plan, coloured
from augtool.report.pool import Pool, pool_of
from augtool.report.words import shortened
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.sources._origin import check_origin
from augtool.targets import Target
from augtool.verification.rerender import Input, record_of

Pixels = npt.NDArray[Any]
Box = tuple[int, int, int, int]

_EMPTY = 245  # the grey of a place without an image
_SHOWN_LAM = 0.6
_WHOLE = 1 << 20  # no image is longer


@dataclass(frozen=True)
class Panel:
    """One image of a figure with its caption; ``boxes`` (y0, x0, y1, x1), half-open, are outlined.
    ``name`` is that of a file of this image alone; empty for what is none."""

    pixels: Pixels
    caption: str = ""
    boxes: tuple[Box, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Column:
    """A heading, and a panel for each row of the figure."""

    heading: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Figure:
    """Columns of panels, and a title."""

    columns: tuple[Column, ...]
    title: str = ""


def of_rows(
    output: Output, rows: Sequence[int], given: Input, *, mask: bool = True, title: str = ""
) -> Figure:
    """Base, partners, owners and mixture of rows of an output, made again from the stored plan.

    Raises `UsageError` for rows that are not there and for a source that the output was not made
    from.
    """
    wrong = [row for row in rows if not 0 <= row < len(output)]
    if wrong:
        raise UsageError(f"--pick {wrong[0]}: {output.path} has rows 0…{len(output) - 1}")
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        recipe = output.recipe
        source = open_for(recipe, given.spec, Path(scratch), given.masks, given.labels, given.kind)
        if not given.other_source:
            files = [*expanded(given.spec), *filter(None, (given.masks, given.labels))]
            check_origin(str(output.path), output.attributes, source, files)
        record = record_of(output, recipe, source, int(output.attributes["pass_rows"]))
        order = np.unique(np.asarray(rows, np.int64))
        assert source.shape is not None
        try:
            check_plan(record, order, source.shape, source.n)
        except SourceError as error:
            raise SourceError(f"{output.path}: {error}; check it with augtool verify") from None
        again = replay.made_again(record, order, source)
        place = np.searchsorted(order, rows)
        return Figure(tuple(_row_columns(output, source, rows, again, place, mask)), title)


def _row_columns(
    output: Output,
    source: Source,
    rows: Sequence[int],
    again: replay.Made,
    place: npt.NDArray[np.int64],
    mask: bool,
) -> Iterator[Column]:
    src, weight = again.block.src[place], again.block.weight[place]
    for slot in range(src.shape[1]):
        panels = [
            _source_panel(source, row, int(src[at, slot]), float(weight[at, slot]), slot)
            for at, row in enumerate(rows)
        ]
        heading = "base" if not slot else f"partner {slot}" if src.shape[1] > 2 else "partner"
        yield Column(heading, tuple(panels))
    if mask:
        shares = shares_of_pixels(again.block, tuple(again.pixels.shape[1:]))[place]
        yield Column(
            "owners",
            tuple(
                Panel(coloured(one, side=_WHOLE), name=f"{row}-owners")
                for row, one in zip(rows, shares, strict=True)
            ),
        )
    target = output.targets[0]
    labels = [np.asarray(output.labels_of(target)[row]) for row in rows]
    kind, names = output.kind_of(target), output.class_names_of(target)
    said = captions(labels, names, kind, weights=[*weight])
    yield Column(
        "mixed",
        tuple(
            Panel(again.pixels[at], text, outlines(output, row), f"{row}-mixed")
            for at, row, text in zip(place.tolist(), rows, said, strict=True)
        ),
    )


def _source_panel(source: Source, row: int, number: int, weight: float, slot: int) -> Panel:
    assert source.shape is not None
    out = np.empty((1, *source.shape), source.dtype)
    name = f"{row}-{f'partner{slot}' if slot else 'base'}"
    if number == NO_SOURCE:
        out[:] = _EMPTY if source.dtype == np.uint8 else 0
        return Panel(out[0], "no partner")
    source.read(np.array([number]), out)
    return Panel(out[0], f"{shortened(source.name(number))} {weight:.2f}", name=name)


def of_methods(
    inputs: Sequence[str],
    steps: Sequence[tuple[str, Step | Choice]],
    *,
    rows: int = 3,
    pick: Sequence[int] | None = None,
    seed: int = 0,
    reading: Reading | None = None,
    mask: bool = False,
    title: str = "",
) -> Figure:
    """Pairs of images A and B, then what each of ``steps`` (heading, step) makes of A as the base
    and B as the partner: the same partner in all columns. A method of more partners gets more.

    ``inputs`` is one source, or image files whose names are their classes. ``pick`` are rows of the
    source to be A. ``{seen}`` in a heading is the weight that the base has in the label. Raises
    `UsageError` when there is nothing to show or a method cannot mix these images.
    """
    slots = max(2, *(_slots(step) for _, step in steps))
    pool = pool_of(inputs, rows, slots, reading or Reading(), pick)
    columns = [Column(letter, _plain(pool, at)) for at, letter in enumerate("AB")]
    for heading, step in steps:
        columns += _mixed_columns(pool, heading, step, seed, mask)
    return Figure(tuple(columns), title)


def shown_methods() -> list[str]:
    """The methods that change pixels."""
    return [name for name in methods.names() if methods.load(name).columns(make_step(name).params)]


def method_columns(names: Sequence[str]) -> list[tuple[str, Step]]:
    """A column for each method, applied to every row; where a method has a λ, it is one that shows
    both images."""
    return [
        (name, make_step(name, prob=1, **({"lam": _SHOWN_LAM} if has_lam(name) else {})))
        for name in names
    ]


def sweep(method: str, shares: Sequence[float], **params: Any) -> list[tuple[str, Step]]:
    """A column for each λ of one method, whose heading says what is drawn and what is seen of the
    base. Raises `UsageError` when the method has no λ to fix."""
    if not has_lam(method):
        raise UsageError(
            f"--lam: {method} has no lam to fix; choose a method that has, such as cutmix"
        )
    given = {name: value for name, value in params.items() if value is not None}
    return [
        (f"λ {lam:g} drawn, {{seen}} seen", make_step(method, prob=1, lam=lam, **given))
        for lam in shares
    ]


def has_lam(name: str) -> bool:
    """Whether a method has a λ that can be fixed."""
    return "lam" in [field.name for field in dataclasses.fields(methods.load(name).Params)]


def _slots(step: Step | Choice) -> int:
    return max(link.slots for link in links_of((step,)))


def _plain(pool: Pool, at: int) -> tuple[Panel, ...]:
    """The first or second images of all rows, with their classes."""
    images = [pool.group(row, 2)[at] for row in range(pool.bases)]
    return tuple(
        Panel(pool.pixels[image], pool.name(image), name=f"{row}-{'AB'[at]}")
        for row, image in enumerate(images)
    )


def _mixed_columns(
    pool: Pool, heading: str, step: Step | Choice, seed: int, mask: bool
) -> Iterator[Column]:
    """What a step makes of all rows; with ``mask`` also who owns their pixels."""
    panels, owners, seen = list[Panel](), list[Panel](), list[float]()
    for row in range(pool.bases):
        try:
            pixels, label, block = _mixed(
                pool, pool.group(row, max(2, _slots(step))), step, seed + row
            )
        except AugtoolError as error:
            raise UsageError(f"{heading}: {error}; leave it out with --methods") from error
        (caption,) = captions([label], pool.names, weights=[block.weight[0]])
        name = f"{row}-{re.sub(r'[^A-Za-z0-9.]+', '-', heading).strip('-')}"
        panels.append(Panel(pixels, caption, _boxes(block), name))
        seen.append(float(block.weight[0, 0]))
        shares = shares_of_pixels(block, tuple(pixels.shape))[0]
        owners.append(Panel(coloured(shares, side=_WHOLE), name=f"{name}-owners"))
    yield Column(heading.replace("{seen}", _range(seen)), tuple(panels))
    if mask:
        yield Column("owners", tuple(owners))


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low}–{high}"


def _mixed(
    pool: Pool, members: Sequence[int], step: Step | Choice, seed: int
) -> tuple[Pixels, Any, Block]:
    """The first of some images, mixed with the others: its pixels, its label, and its block."""
    pixels = np.ascontiguousarray(pool.pixels[list(members)])

    def statistics() -> Any:
        return statistics_of(pixels.__getitem__, len(pixels), pixels[:1].nbytes, seed)

    recipe = Recipe((prepared(step, statistics),), seed=seed, order="source")
    plan = make_plan(recipe, len(pixels), pixels.shape[1:], pixels.itemsize)
    ready = looked(plan.draw(0, 0), Members(pixels, by_row=True))
    at = int(np.flatnonzero(ready.block.out == 0)[0])
    part = ready.part(at, at + 1)
    out = np.empty((1, *pixels.shape[1:]), pixels.dtype)
    apply(part, out)
    target = Target("classes", pool.ids[list(members)], len(pool.names))
    return out[0], mixed(target, part.block.src, part.block.weight)[0], part.block


def _boxes(block: Block) -> tuple[Box, ...]:
    """The boxes that the last step pasted into the first row of a block."""
    found = []
    for name, values in block.columns.items():
        if name.endswith("_box"):
            for y0, x0, y1, x1 in np.reshape(values[0], (-1, 4)).tolist():
                if y0 < y1 and x0 < x1:
                    found.append((y0, x0, y1, x1))
    return tuple(found)


def write_plain(figure: Figure, folder: Path, save: Callable[[Pixels, Path], None]) -> int:
    """Write each image of a figure, unscaled, to a file of its own with ``save``: how many there
    are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another") from None
    named = [panel for column in figure.columns for panel in column.panels if panel.name]
    for panel in named:
        save(panel.pixels, folder / f"{panel.name}.png")
    return len(named)


def wrapped(figure: Figure, width: int | None) -> list[Figure]:
    """The figure in parts of at most so many columns, the title on the first."""
    columns = figure.columns
    if width is None or width >= len(columns):
        return [figure]
    parts = [Figure(columns[low : low + width]) for low in range(0, len(columns), width)]
    return [dataclasses.replace(parts[0], title=figure.title), *parts[1:]]
