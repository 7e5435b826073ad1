"""What runs in a worker: one task, from source rows to written bytes."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from augtool import sinks
from augtool.errors import BrokenInput
from augtool.mixing import rows as schema
from augtool.mixing.apply import Members, Ready, apply, look_at_maps
from augtool.mixing.mask_rules import has_ids
from augtool.mixing.members import masks_of, may_die, members_of
from augtool.mixing.rows import Shape
from augtool.mixing.source_map import looked
from augtool.planning.block import Block, Ints
from augtool.planning.plan import Piece, Plan, pieces
from augtool.sinks import _checksums
from augtool.sinks._checksums import Part
from augtool.sinks._contract import Encoded, Writer
from augtool.sources._contract import Source
from augtool.sources._mapped import fill_page_table
from augtool.system.handover import Kept, kept

Write = Callable[[str, Ints, npt.NDArray[Any]], None]
_Parts = TypeVar("_Parts", Block, Ready)

_BUFFER_BYTES = 4 << 20  # small beside the last cache, large beside the cost of a call
_PART_OF_BLOCK = 0.25
_LABEL_BYTES = 32 << 20  # of float64 sums at a time, for sources with very many classes

_of_thread = threading.local()


@dataclass(frozen=True)
class Context:
    """What every task of a run needs; it is handed to workers. The source is handed over by itself:
    workers have it before the rest is known."""

    kept_source: Kept
    plan: Plan
    writer: Writer
    shape: Shape

    @property
    def source(self) -> Source:
        """As this process has it."""
        return _source(self.kept_source)


@dataclass(frozen=True)
class Task:
    """Pieces in the order in which they are made; those that share a block's members adjoin."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Report:
    """What a task did, and in which process: rows written, images read, its records, chunks for
    the parent, how many rows were not paired as the recipe wants, how many were weighed by area for
    want of an object, and how many have pixels that are NaN or infinite."""

    process: int
    rows: int
    decodes: int
    parts: tuple[Part, ...]
    encoded: Sequence[Encoded]
    unmet: int = 0
    bare: int = 0
    not_finite: int = 0


def render(given: Kept, task: Task) -> Report:
    """Make and write the rows of a task.

    Raises `BrokenInput` or `InputChanged` from the source, `OutputError` from the writer.
    """
    context = context_of(given)
    parts: list[Part] = []
    decodes = unmet = bare = not_finite = 0
    with context.writer as writer:
        for run in _same_members(context.plan, task.pieces):
            blocks = [_rows_of(given, piece, alone=len(run) == 1) for piece in run]
            members, read = members_of(context.source, blocks[0])
            masks = masks_of(context.source, blocks[0])
            decodes += read
            for piece, block in zip(run, blocks, strict=True):
                crcs, made, odd = _write_block(context, writer, block, members, masks)
                not_finite += odd
                bare += 0 if made.bare is None else int(made.bare.sum())
                unmet += 0 if block.unmet is None else int(block.unmet[block.made].sum())
                first = context.plan.first_row(piece)
                parts.append(Part(piece.number, piece.block, piece.low, piece.high, first, crcs))
        encoded = writer.encoded()
    rows = sum(map(len, task.pieces))
    return Report(os.getpid(), rows, decodes, tuple(parts), encoded, unmet, bare, not_finite)


def get_ready(given: Kept, format: str) -> None:
    """Do what the first task would have to do first, while nothing waits for it."""
    sinks.load(format)
    _buffer()
    if may_die() and (pixels := _source(given).pixels) is not None:
        fill_page_table(pixels)


def unreadable(
    given: Kept, start: int, stop: int, alone: bool = False
) -> list[tuple[int, str, str]]:
    """Read source rows start … stop−1 and their masks once; (row, name, reason) of those that
    cannot be read, for want of memory too unless it is tried ``alone``: then `MemoryError` says
    that it is no fault of the image."""
    return unreadable_of(_source(given), start, stop, alone)


def unreadable_of(
    source: Source, start: int, stop: int, alone: bool = False
) -> list[tuple[int, str, str]]:
    """As `unreadable`, of an open source."""
    assert source.shape is not None
    out = np.empty((1, *source.shape), source.dtype)
    masks = source.masks
    maps = None if masks is None else np.empty((1, *masks.shape), masks.dtype)
    broken = []
    for row in range(start, stop):
        try:
            source.read(np.array([row]), out)
            if masks is not None and maps is not None:
                masks.read(np.array([row]), maps)
        except BrokenInput as error:
            broken.append((error.row, error.name, error.reason))
        except MemoryError as error:
            if alone:
                what = f"{source.name(row)}: there is not enough memory to read it"
                raise MemoryError(what) from error
            broken.append((row, source.name(row), "there is not enough memory"))
    return broken


def touch(given: Kept, rows: Ints) -> None:
    """Read source rows and their masks, and forget them; rows that cannot be read are no error."""
    for row in rows.tolist():
        unreadable_of(context_of(given).source, row, row + 1)


def rows_of(given: Kept, part: Part) -> Ints:
    """The output rows of a part, in the order in which they were written."""
    return _drawn(given, part.number, part.block).part(part.low, part.high).out


def source_rows(given: Kept, task: Task) -> Ints:
    """The source rows that a task reads, each once."""
    plan = context_of(given).plan
    blocks = (plan.draw(piece.number, piece.block) for piece in task.pieces)
    return np.unique(np.concatenate([block.members for block in blocks]))


def blocks_of_task(asked: int | None, source: Source, chunk_rows: int | None) -> float:
    """How many blocks a task has, unless it is ``asked`` for: one; of an output that workers encode
    a part, where nothing has to be decoded for it, so that all are busy to the end."""
    in_parts = chunk_rows is not None and source.pixels is not None and source.masks is None
    return asked or (_PART_OF_BLOCK if in_parts else 1)


def cut(
    plan: Plan,
    chunk_rows: int | None,
    blocks: float,
    shards: Iterable[tuple[int, int]] | None = None,
) -> Iterator[Task]:
    """The work, cut into tasks; no piece is in two ``shards``, which are ranges of output rows in
    order.

    Where any task may write anywhere, a task is ``blocks`` blocks in all the passes that share
    their members; the last block, which can be nearly twice as large, is in the first, so that no
    worker begins it when the others end. Where rows must come in order, tasks do; one is ``blocks``
    pieces of blocks. Where chunks of rows must be whole, or ``blocks`` is less than one, it is a
    range of about so many rows on chunk borders.
    """
    shards = ((0, plan.total),) if shards is None else shards
    if chunk_rows is None:
        yield from _cut_across_passes(plan, int(blocks), sorted(stop for _, stop in shards))
        return
    for start, stop in shards:
        if in_pieces(chunk_rows, blocks):
            in_order = pieces(plan, start, stop)
            while todo := tuple(itertools.islice(in_order, int(blocks))):
                yield Task(todo)
        else:
            rows = rows_of_task(plan, chunk_rows, blocks)
            for first in range(start, stop, rows):
                yield Task(tuple(pieces(plan, first, min(first + rows, stop))))


def in_pieces(chunk_rows: int, blocks: float) -> bool:
    """Whether tasks are whole pieces of blocks; else they are ranges of rows."""
    return chunk_rows == 1 and blocks >= 1


def rows_of_task(plan: Plan, chunk_rows: int, blocks: float) -> int:
    """How many rows a task has that is a range of rows."""
    return max(1, int(blocks * plan.block_rows) // chunk_rows) * chunk_rows


def _cut_across_passes(plan: Plan, blocks: int, borders: Sequence[int]) -> Iterator[Task]:
    for _, passes in itertools.groupby(range(plan.passes), plan.group):
        numbers = list(passes)
        firsts = range(0, plan.blocks, blocks)
        for first in (firsts[-1], *firsts[:-1]):
            todo = [
                part
                for block in range(first, min(first + blocks, plan.blocks))
                for number in numbers
                if (rows := plan.rows_of_block(number, block)) > 0
                for part in _split(plan, Piece(number, block, 0, rows), borders)
            ]
            if todo:
                yield Task(tuple(todo))


def _split(plan: Plan, piece: Piece, borders: Sequence[int]) -> Iterator[Piece]:
    """A piece in as many parts as shards it is in."""
    first, low = plan.first_row(piece), piece.low
    for border in borders[bisect.bisect_right(borders, first) :]:
        high = min(piece.high, border - first + piece.low)
        yield dataclasses.replace(piece, low=low, high=high)
        low = high
        if low == piece.high:
            return


def forget() -> None:
    """Let go of the last run's source: this process may go on for long."""
    context_of.cache_clear()
    _source.cache_clear()
    _of_thread.__dict__.clear()
    _drawn.cache_clear()


@lru_cache(maxsize=1)
def context_of(given: Kept) -> Context:
    """What the parent has handed over, as this process has it."""
    context: Context = kept(given)
    return context


def _buffer() -> npt.NDArray[np.uint8]:
    """Memory for the rows that this thread makes, which it has touched: what the system gives for
    the first time is slow."""
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = np.empty(_BUFFER_BYTES, np.uint8)
        _of_thread.buffer.fill(0)
    buffer: npt.NDArray[np.uint8] = _of_thread.buffer
    return buffer


@lru_cache(maxsize=1)
def _source(given: Kept) -> Source:
    source: Source = kept(given)
    return source


def _same_members(plan: Plan, todo: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Runs of pieces that are made of the same block's members, so that these are read once."""
    for _, run in itertools.groupby(todo, lambda one: (plan.group(one.number), one.block)):
        yield list(run)


@lru_cache(maxsize=1)
def _drawn(given: Kept, number: int, block: int) -> Block:
    """A block, of which several tasks may be parts."""
    return context_of(given).plan.draw(number, block)


def _rows_of(given: Kept, piece: Piece, alone: bool) -> Block:
    block = _drawn(given, piece.number, piece.block).part(piece.low, piece.high)
    return block.compact() if alone else block


def _write_block(
    context: Context, writer: Writer, block: Block, members: Members, masks: Members | None
) -> tuple[dict[str, tuple[int, int]], Block, int]:
    """Apply, write, and return the CRC-32 and the length of each field's bytes, the block as it was
    written, and how many of its rows have pixels that are NaN or infinite."""
    plan, source = context.plan, context.source
    ready = looked(block, members, masks if plan.recipe.weight_by != "area" else None)
    crcs: dict[str, tuple[int, int]] = {}

    def write(name: str, rows: Ints, values: npt.NDArray[Any]) -> None:
        crc, length = crcs.get(name, (0, 0))
        for data in writer.write(name, rows, values):
            crc, length = _checksums.crc(data, crc), length + len(data)
        crcs[name] = crc, length

    odd = _write_pixels("images", ready, members, write, context.shape.nchw)
    if masks is not None and has_ids(source.masks):
        maps = look_at_maps(ready.block, masks, plan.recipe.mask_fill)
        _write_pixels("masks", maps, masks, write)
    step = max(1, _LABEL_BYTES // sum((8 * target.width for target in source.targets), 8))
    for part in _slices(ready.block, step):
        for name, values in schema.rows(part, source.targets, context.shape, plan.carried).items():
            write(name, part.out, values)
    return crcs, ready.block, odd


def _write_pixels(
    name: str, ready: Ready, members: Members, write: Write, channels_first: bool = False
) -> int:
    """Make a block's rows and write them, a buffer at a time: how many have pixels that are NaN or
    infinite."""
    not_finite = 0
    shape, dtype = members.pixels.shape[1:], members.pixels.dtype
    row_bytes = math.prod(shape) * dtype.itemsize
    step = max(1, min(_BUFFER_BYTES // max(1, row_bytes), len(ready)))
    if 0 < step * row_bytes <= _BUFFER_BYTES:
        buffer = _buffer()[: step * row_bytes].view(dtype).reshape(step, *shape)
    else:
        buffer = np.empty((step, *shape), dtype)
    for part in _slices(ready, step):
        out = buffer[: len(part)]
        apply(part, out)
        write(name, part.block.out, np.moveaxis(out, -1, 1) if channels_first else out)
        if dtype.kind == "f":
            finite = np.isfinite(out).reshape(len(part), -1).all(axis=1)
            not_finite += len(part) - int(finite.sum())
    return not_finite


def _slices(rows: _Parts, step: int) -> Iterator[_Parts]:
    for start in range(0, len(rows), step):
        yield rows.part(start, min(start + step, len(rows)))
