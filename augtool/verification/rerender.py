"""Making rows of an output again from their stored plan, and comparing all that they have.

Pixels that are stored without loss must be the same. A lossy image is compared with what today's
encoder makes of the row again: on the average they differ by at most `TOLERANCE` of the 256 levels.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.codecs.encoding import Encoding, encoding
from augtool.codecs.own_files import decode
from augtool.errors import SourceError, UsageError
from augtool.fields import SEAL, seal_of
from augtool.mixing import replay
from augtool.mixing import rows as schema
from augtool.mixing.inputs import open_for
from augtool.mixing.label_noise import noise_of
from augtool.mixing.mask_rules import has_ids
from augtool.mixing.row_info import known_of
from augtool.mixing.rows import Shape
from augtool.mixing.source_plan import plan_of
from augtool.outputs import output
from augtool.outputs.output import Output
from augtool.outputs.shards import PARTS
from augtool.pipeline.workdir import Books
from augtool.planning.block import Ints
from augtool.planning.bounds import wrong
from augtool.planning.chain import is_chain, links_of
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Recipe, without_grants
from augtool.sinks._contract import Fault
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.sources._origin import check_origin
from augtool.system.handover import Kept, kept
from augtool.system.scratch import temporary
from augtool.verification import read_back
from augtool.verification.read_back import Look
from augtool.verification.session import Problem, Verifying

Array = npt.NDArray[Any]

TOLERANCE = 2.0  # levels, of 256
_ROWS = 64  # made again together
_BYTES = 64 << 20  # of pixels that are in memory for them, about


@dataclass(frozen=True)
class Input:
    """Where the source of an output is, and how it is read besides what the recipe says;
    ``grants`` has those of `augtool.recipe.recipe.GRANTS` that are not as usual."""

    spec: tuple[str, ...]
    masks: str | None = None
    labels: str | None = None
    kind: str | None = None
    other_source: bool = False
    grants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """What a task needs to know; it is handed to workers."""

    path: str
    source: Source
    recipe: Recipe
    split: str
    carried: dict[str, Array]


def rows_to_compare(total: int, sample: int | None) -> Ints:
    """(m,) rising: so many rows spread evenly over all, or all of them."""
    if sample is None or sample >= total:
        return np.arange(total)
    return np.arange(sample, dtype=np.int64) * total // sample


def compare(state: Verifying, look: Look, given: Input, sample: int | None) -> int:
    """Compare rows with their source: how many were made again. What differs becomes a problem.

    Raises `UsageError` when the source is another one, or cannot be read as the output's was.
    """
    attributes = look.facts.attributes
    if PARTS in attributes:
        raise UsageError(f"{state.path}: was merged of several runs; compare each by itself")
    if attributes.get(SEAL) != seal_of(look.facts.fields, attributes):
        state.notes.append("no row was made again, since the attributes say nothing certain")
        return 0
    with temporary() as folder, _forgetting():
        books = Books(folder, state.path)
        books.scratch.mkdir()
        with output.open(state.path) as opened:
            recipe = without_grants(opened.recipe)
            reading = dataclasses.replace(recipe.reading, **given.grants)
            recipe = dataclasses.replace(recipe, reading=reading)
            partial = look.runs is not None and look.runs != ((0, look.rows),)
        source = open_for(recipe, given.spec, books.scratch, given.masks, given.labels, given.kind)
        if not given.other_source:
            files = [*expanded(given.spec), *filter(None, (given.masks, given.labels))]
            check_origin(str(state.path), attributes, source, files, recipe.reading.follow_links)
        comparison = Comparison(
            str(state.path),
            source,
            recipe,
            str(attributes.get("split", "train")),
            dict(known_of(recipe.sampling, source).carried) if recipe.sampling.carry else {},
        )
        if partial and is_chain(links_of(recipe.steps)):
            state.notes.append(
                "no row was made again: partners of a chain are in other files; compare the whole"
            )
            return 0
        return _compare(state, look, comparison, books, sample)


def _compare(
    state: Verifying, look: Look, comparison: Comparison, books: Books, sample: int | None
) -> int:
    rows = rows_to_compare(look.rows, sample)
    context = books.keep(comparison)
    row_bytes = look.facts.fields[0].row_bytes
    step = max(1, min(_ROWS, _BYTES // max(row_bytes, 1)))
    todo = ((context, rows[low : low + step], state.apart) for low in range(0, len(rows), step))
    for (_, some, _), faults in state.each(differences, todo):
        state.tell(len(some))
        state.problems += [Problem(one.what, "", one.field, one.low, one.high) for one in faults]
    return len(rows)


def differences(context: Kept, rows: Ints, apart: bool) -> list[Fault]:
    """What differs between rows of an output and the same rows made again."""
    with read_back.limits(apart):
        try:
            comparison, opened = _context(context)
            return list(_differences(comparison, opened, rows))
        except Exception as error:
            what = f"cannot be made again: {read_back.words(error)}"
            return [Fault(what, "", int(rows[0]), int(rows[-1]) + 1)]


@contextlib.contextmanager
def _forgetting() -> Iterator[None]:
    """Afterwards this process has let go of the source and the output."""
    try:
        yield
    finally:
        _context.cache_clear()


@functools.lru_cache(maxsize=1)
def _context(given: Kept) -> tuple[Comparison, Output]:
    comparison: Comparison = kept(given)
    return comparison, output.open(comparison.path)


def record_of(opened: Output, recipe: Recipe, source: Source, pass_rows: int) -> replay.Record:
    """What an output has stored of its plan. Rows that were cut off are drawn again from the
    recipe, which raises `SourceError` when it makes another plan now."""

    @functools.cache
    def plan() -> Plan:
        again = plan_of(recipe, source)
        if again.n != pass_rows:
            raise SourceError(
                "a partner was cut off by num, and cannot be drawn again: images were left out"
            )
        return again

    return replay.Record(recipe, len(opened), opened.field, plan)


def _differences(comparison: Comparison, opened: Output, rows: Ints) -> Iterator[Fault]:
    recipe, source = comparison.recipe, comparison.source
    images = opened.field("images")
    shape = _shape(comparison, opened)
    record = record_of(opened, recipe, source, int(opened.attributes["pass_rows"]))
    yield from _unusable(record, source, rows)
    made = replay.made_again(record, rows, source)
    pixels = np.moveaxis(made.pixels, -1, 1) if shape.nchw else made.pixels
    yield from _pixel_differences(opened, rows, np.asarray(images[rows]), pixels)
    if made.masks is not None and has_ids(source.masks):
        yield from _plain_differences(rows, "masks", np.asarray(opened.masks[rows]), made.masks)
    values = schema.rows(made.block, source.targets, shape, comparison.carried)
    for name in opened.fields:
        if name not in ("images", "masks"):
            there = np.asarray(opened.field(name)[rows])
            yield from _plain_differences(rows, name, there, values.get(name))


def _shape(comparison: Comparison, opened: Output) -> Shape:
    held_out = comparison.split == "validation"
    return Shape(
        sparse=any(name.startswith("classes") for name in opened.fields),
        nchw=opened.layout == "NCHW",
        smoothing=0.0 if held_out else comparison.recipe.label_smoothing,
        noise=None if held_out else noise_of(comparison.recipe.label_noise, comparison.recipe.seed),
    )


def _unusable(record: replay.Record, source: Source, rows: Ints) -> Iterator[Fault]:
    """Raise `SourceError` for rows of a plan that no plan can have: kernels check nothing."""
    assert source.shape is not None
    src = record.values("src", rows)
    if (src >= source.n).any() or (src < -1).any() or (src[:, 0] < 0).any():
        raise SourceError(f"src names rows that the source, of {source.n:,} rows, does not have")
    for link in record.links:
        for option in link.steps:
            for column in option.columns:
                name = f"{option.name}_{column.name}"
                if wrong(column, record.values(name, rows), source.shape).any():
                    raise SourceError(f"{name} has values that no plan can have")
    yield from ()


def _plain_differences(rows: Ints, name: str, there: Array, made: Array | None) -> Iterator[Fault]:
    if made is None:
        yield Fault("is not what its recipe makes", name, int(rows[0]), int(rows[-1]) + 1)
        return
    equal_nan = made.dtype.kind == "f"
    if there.shape != made.shape:
        yield Fault(f"has shape {there.shape[1:]} a row, and is made with {made.shape[1:]}", name)
        return
    same = np.asarray(there == made)
    if equal_nan:
        same |= np.isnan(there) & np.isnan(made)
    bad = ~same.reshape(len(rows), -1).all(axis=1)
    for row in rows[bad].tolist():
        yield Fault("is not what its plan makes of the source", name, row, row + 1)


def _pixel_differences(opened: Output, rows: Ints, there: Array, made: Array) -> Iterator[Fault]:
    how = _lossy(opened)
    if how is None:
        yield from _plain_differences(rows, "images", there, made)
        return
    for row, old, new in zip(rows.tolist(), there, made, strict=True):
        again = decode(how.encode(new), how.extension, new.shape, new.dtype)
        off = float(np.abs(old.astype(np.float64) - again).mean())
        if off > TOLERANCE:
            what = f"differs from what its plan makes of the source by {off:.1f} levels a pixel"
            yield Fault(what, "images", row, row + 1)


def _lossy(opened: Output) -> Encoding | None:
    """How images were encoded, when they have lost something."""
    name, images = opened.encode, opened.field("images")
    if name.partition(":")[0] not in ("jpg", "webp"):
        return None
    return encoding(name, images.shape[1:], images.dtype)
