"""Rows of an output, each with what a reader asks of it: pictures, sources, plan, label."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.outputs.output import Output
from augtool.planning.block import NO_SOURCE
from augtool.planning.chain import Link, Option
from augtool.preview import palette
from augtool.preview.boxes import outlines
from augtool.preview.captions import in_slot_order
from augtool.recipe.recipe import Recipe
from augtool.report.batches import Batch
from augtool.report.geometry_tally import is_idle
from augtool.report.ownership import ownership
from augtool.report.pictures import data_uris, picked, png_uri, thumbnail
from augtool.report.words import shortened, step_in_words
from augtool.sources._contract import Source

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

PICTURE_BYTES = 5_400_000
"""All pictures of a page together; ids and owners, which are small, come besides."""

_ENTRIES = 12  # of a label


@dataclass(frozen=True)
class Rows:
    """What the page shows of some rows: ``rows`` and ``sources`` as JSON, and a note on how pixels
    were changed to be seen."""

    rows: list[dict[str, Any]]
    sources: dict[int, dict[str, Any]]
    note: str


def spread(total: int, count: int) -> Ints:
    """(m,) so many rows spread evenly over all, or all of them."""
    m = min(total, count)
    return np.arange(m, dtype=np.int64) * total // max(m, 1)


def rows_of(
    output: Output,
    recipe: Recipe | None,
    links: Sequence[Link],
    chosen: Ints,
    source: Source | None,
    floors: dict[str, float],
) -> Rows:
    """The rows ``chosen`` (m,) of an output. ``source`` adds the pictures and names of what they
    are made of; ``floors`` is what label smoothing gives every class of a target."""
    batch = Batch(output, chosen, whole=False)
    size = _size(output)
    src, weight = batch.values("src"), batch.values("weight")
    rows = [_numbers(output, batch, at, floors) for at in range(len(chosen))]
    for at, row in enumerate(rows):
        row["steps"] = [_step(batch, link, at, size) for link in links]
        row["took"] = [_taken_name(batch, link, at) for link in links if link.choice]
        lam = _first_lam(batch, links, at)
        row["lam"] = round(float(weight[at, 0]) if lam is None else lam, 6)
        row["weight"] = round(float(weight[at, 0]), 6)
        row["sources"] = [
            [int(one), round(float(share), 6)]
            for one, share in zip(src[at], weight[at], strict=True)
            if one != NO_SOURCE
        ]
    names = _sources(source, src)
    note = _add_pictures(output, recipe, links, chosen, rows, names, source)
    return Rows(rows, names, note)


def figure_command(output: Output, row: int) -> str:
    """What to type to make a row again from its plan, with its sources beside it."""
    name = shlex.quote(output.path.name)
    return f"augtool figure {name} --in DATA --pick {row} --out row-{row}.svg --plain row-{row}"


def label_entries(
    vector: Array, floor: float, kind: str, weights: Array | None = None
) -> dict[str, Any]:
    """A label as the page shows it: the heaviest classes by number, with their shares, and how
    many more there are above ``floor``; of values all the numbers. The class of the base comes
    first, then those of its partners, as far as ``weights`` tell them apart."""
    if kind == "values":
        return {"values": [_plain(value) for value in vector[:_ENTRIES].tolist()]}
    unknown = int(np.isnan(vector).sum())
    above = np.flatnonzero(vector > floor * (1 + 1e-5) + 0.0)
    order = above[np.argsort(-vector[above], kind="stable")].tolist()
    if weights is not None and kind != "multihot" and not unknown:
        order[:_ENTRIES] = in_slot_order(vector.astype(np.float64), order[:_ENTRIES], weights)
    return {
        "entries": [[one, round(float(vector[one]), 6)] for one in order[:_ENTRIES]],
        "more": max(0, len(order) - _ENTRIES),
        "unknown": unknown,
    }


def _plain(value: float) -> float | None:
    """A number that JSON has; None for what is not known."""
    return round(value, 8) if np.isfinite(value) else None


def _numbers(output: Output, batch: Batch, at: int, floors: dict[str, float]) -> dict[str, Any]:
    labels = [
        label_entries(
            batch.labels(target)[at],
            floors.get(target, 0.0),
            output.kind_of(target),
            batch.values("weight")[at],
        )
        for target in output.targets
    ]
    row = int(batch.rows[at])
    carried = {
        name.removeprefix("carry_"): _text(batch.values(name)[at])
        for name in output.fields
        if name.startswith("carry_")
    }
    shown = {"row": row, "labels": labels, "command": figure_command(output, row)}
    return {**shown, "carried": carried} if carried else shown


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return shortened(value.decode("utf-8", "replace"))
    return shortened(str(np.asarray(value).tolist()))


def _option(batch: Batch, link: Link, at: int) -> Option | None:
    """The step of a link that a row takes."""
    if not link.choice:
        return link.options[0]
    number = int(batch.values(f"{link.choice}_option")[at])
    return link.options[number] if 0 <= number < len(link.options) else None


def _taken_name(batch: Batch, link: Link, at: int) -> str:
    option = _option(batch, link, at)
    return "none" if option is None else option.name


def _columns(batch: Batch, option: Option, at: int) -> dict[str, Any]:
    """What a step drew for a row; nothing when that leaves the row as it is."""
    drawn = {
        column.name: batch.values(f"{option.name}_{column.name}")[at : at + 1]
        for column in option.columns
    }
    if not drawn or bool(is_idle(option, drawn)[0]):
        return {}
    return {name: value[0] for name, value in drawn.items()}


def _step(batch: Batch, link: Link, at: int, size: tuple[int, int] | None) -> dict[str, Any]:
    option = _option(batch, link, at)
    if option is None:
        return step_in_words(link, None, {}, (), size)
    partner = f"{option.name}_partner"
    partners: tuple[int, ...] = ()
    if partner in batch.output.fields:
        partners = tuple(batch.values(partner)[at].tolist())
    return step_in_words(link, option, _columns(batch, option, at), partners, size)


def _first_lam(batch: Batch, links: Sequence[Link], at: int) -> float | None:
    """λ of the first step that drew one for a row."""
    for link in links:
        option = _option(batch, link, at)
        if option is not None:
            drawn = _columns(batch, option, at)
            if "lam" in drawn:
                return float(np.ravel(drawn["lam"])[0])
    return None


def _size(output: Output) -> tuple[int, int] | None:
    shape = tuple(output.images.shape[1:])
    if output.layout == "NCHW":
        shape = (*shape[1:], shape[0])
    return (int(shape[0]), int(shape[1])) if len(shape) in (2, 3) else None


def _sources(source: Source | None, src: Array) -> dict[int, dict[str, Any]]:
    """The names of the source rows that are shown."""
    if source is None:
        return {}
    return {row: {"name": shortened(source.name(row))} for row in np.unique(src[src >= 0]).tolist()}


def _add_pictures(
    output: Output,
    recipe: Recipe | None,
    links: Sequence[Link],
    chosen: Ints,
    rows: list[dict[str, Any]],
    sources: dict[int, dict[str, Any]],
    source: Source | None,
) -> str:
    """Put pictures into rows and sources: the note on how pixels were changed."""
    size = _size(output)
    if size is None:
        return "rows of this shape are not images, so that there are no pictures"
    images = [thumbnail(_channels_last(output, row)) for row in chosen.tolist()]
    images += [thumbnail(one) for one in _read(source, list(sources))]
    uris, note = data_uris(images, PICTURE_BYTES)
    for row, uri in zip(rows, uris, strict=False):
        row["picture"] = uri
    for one, uri in zip(sources.values(), uris[len(rows) :], strict=True):
        one["picture"] = uri
    for row, number in zip(rows, chosen.tolist(), strict=True):
        if output.masks is not None:
            row["mask"] = png_uri(palette.coloured(picked(np.asarray(output.masks[number]))))
        if recipe is not None:
            row["boxes"] = [list(box) for box in outlines(output, number, links)]
    if recipe is not None:
        owners = ownership(output, recipe, chosen.tolist(), source)
        for row, owner in zip(rows, owners, strict=True):
            if owner is not None:
                row["owner"] = png_uri(owner)
    return note


def _channels_last(output: Output, row: int) -> Array:
    pixels = np.asarray(output.images[row])
    return np.moveaxis(pixels, 0, -1) if output.layout == "NCHW" else pixels


def _read(source: Source | None, rows: Sequence[int]) -> list[Array]:
    """The images of some source rows, as they were mixed; few at a time are whole in memory."""
    images = []
    for row in rows:
        assert source is not None and source.shape is not None
        out = np.empty((1, *source.shape), source.dtype)
        source.read(np.array([row]), out)
        images.append(thumbnail(out[0]))
    return images
