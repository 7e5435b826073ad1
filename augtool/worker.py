"""What runs in a worker: one task, from source rows to written bytes."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import methods, records, schema
from augtool.errors import BrokenInput
from augtool.plan import Block, Plan
from augtool.records import Part
from augtool.sinks._contract import Encoded, Writer
from augtool.sources._contract import Source

_BUFFER_BYTES = 2 << 20  # stays in cache between the kernel, the CRC and the write
_LABEL_BYTES = 32 << 20  # of float64 sums at a time, for sources with very many classes


@dataclass(frozen=True)
class Context:
    """What every task of a run needs; pickled once, into the books."""

    source: Source
    plan: Plan
    writer: Writer
    smoothing: float


@dataclass(frozen=True)
class Piece:
    """Rows low … high−1 of one block of one pass."""

    number: int
    block: int
    low: int
    high: int


@dataclass(frozen=True)
class Task:
    """Pieces in the order in which they are made; those that share a block's members adjoin."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Report:
    """What a task did: rows written, images read, its records, and chunks for the parent."""

    rows: int
    decodes: int
    parts: tuple[Part, ...]
    encoded: Sequence[Encoded]


def render(context_path: Path, task: Task) -> Report:
    """Make and write the rows of a task.

    Raises `BrokenInput` or `InputChanged` from the source, `OutputError` from the writer.
    """
    context = _context(context_path)
    parts: list[Part] = []
    decodes = 0
    with context.writer as writer:
        for pieces in _same_members(context.plan, task.pieces):
            blocks = [_rows_of(context.plan, piece, alone=len(pieces) == 1) for piece in pieces]
            pixels, read = _pixels(context.source, blocks)
            decodes += read
            for piece, block in zip(pieces, blocks, strict=True):
                crcs = _write_block(context, writer, block, pixels)
                parts.append(Part(piece.number, piece.block, piece.low, piece.high, crcs))
        encoded = writer.encoded()
    return Report(sum(len_of(piece) for piece in task.pieces), decodes, tuple(parts), encoded)


def unreadable(context_path: Path, start: int, stop: int) -> list[tuple[int, str, str]]:
    """Read source rows start … stop−1 once; (row, name, reason) of those that cannot be read."""
    source = _source(context_path)
    assert source.shape is not None
    out = np.empty((1, *source.shape), source.dtype)
    broken = []
    for row in range(start, stop):
        try:
            source.read(np.array([row]), out)
        except BrokenInput as error:
            broken.append((error.row, error.name, error.reason))
    return broken


def cut(plan: Plan, chunk_rows: int | None, blocks: int) -> Iterator[Task]:
    """The work, cut into tasks in plan order.

    Where any task may write anywhere, a task is ``blocks`` blocks in all the passes that share
    their members. Where chunks of rows must be whole, it is a range of output rows of about
    ``blocks`` blocks, on chunk borders.
    """
    if chunk_rows is None:
        yield from _cut_across_passes(plan, blocks)
    else:
        rows = max(1, blocks * plan.block_rows // chunk_rows) * chunk_rows
        for start in range(0, plan.total, rows):
            yield Task(tuple(plan_pieces(plan, start, min(start + rows, plan.total))))


def _cut_across_passes(plan: Plan, blocks: int) -> Iterator[Task]:
    for _, passes in itertools.groupby(range(plan.passes), plan.group):
        numbers = list(passes)
        for first in range(0, plan.blocks, blocks):
            pieces = [
                Piece(number, block, 0, rows)
                for block in range(first, min(first + blocks, plan.blocks))
                for number in numbers
                if (rows := plan.rows_of_block(number, block)) > 0
            ]
            if pieces:
                yield Task(tuple(pieces))


def plan_pieces(plan: Plan, start: int, stop: int) -> Iterator[Piece]:
    """The pieces that make plan rows start … stop−1, in order."""
    while start < stop:
        number, row = divmod(start, plan.n)
        block = min(row // plan.block_rows, plan.blocks - 1)
        low, high = plan.bounds(block)
        end = min(high, row + stop - start)
        yield Piece(number, block, row - low, end - low)
        start += end - row


def ready() -> None:
    """A task that does nothing: it makes an engine start its workers."""


def len_of(piece: Piece) -> int:
    """Rows of a piece."""
    return piece.high - piece.low


@lru_cache(maxsize=1)
def _context(path: Path) -> Context:
    context: Context = pickle.loads(path.read_bytes())
    return context


@lru_cache(maxsize=1)
def _source(path: Path) -> Source:
    source: Source = pickle.loads(path.read_bytes())
    return source


def _same_members(plan: Plan, pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Runs of pieces that are made of the same block's members, so that these are read once."""
    for _, run in itertools.groupby(pieces, lambda one: (plan.group(one.number), one.block)):
        yield list(run)


def _rows_of(plan: Plan, piece: Piece, alone: bool) -> Block:
    block = plan.draw(piece.number, piece.block).part(piece.low, piece.high)
    return block.compact() if alone else block


def _pixels(source: Source, blocks: list[Block]) -> tuple[npt.NDArray[Any] | None, int]:
    """The members' pixels (m, *shape), and how many rows were read for them.

    None when the source's own array serves: then kernels read it in place, by source row.
    """
    if source.pixels is not None:
        return None, 0
    assert source.shape is not None
    members = blocks[0].members
    pixels = np.empty((len(members), *source.shape), source.dtype)
    source.read(members, pixels)
    return pixels, len(members)


def _write_block(
    context: Context, writer: Writer, block: Block, pixels: npt.NDArray[Any] | None
) -> dict[str, int]:
    """Apply, write, and return the CRC-32 of each field."""
    plan, source = context.plan, context.source
    crcs = {"images": 0}
    step = max(1, _BUFFER_BYTES // (int(np.prod(plan.shape)) * source.dtype.itemsize))
    buffer = np.empty((min(step, len(block)), *plan.shape), source.dtype)
    for start in range(0, len(block), step):
        part = block.part(start, min(start + step, len(block)))
        out = buffer[: len(part)]
        apply(plan, part, source.pixels if pixels is None else pixels, pixels is None, out)
        writer.write("images", part.out, out)
        crcs["images"] = records.crc(_view(out), crcs["images"])
    step = max(1, _LABEL_BYTES // sum((8 * target.width for target in source.targets), 8))
    for start in range(0, len(block), step):
        part = block.part(start, min(start + step, len(block)))
        for name, values in schema.rows(part, source.targets, context.smoothing).items():
            writer.write(name, part.out, values)
            crcs[name] = records.crc(_view(values), crcs.get(name, 0))
    return crcs


def apply(
    plan: Plan, block: Block, pixels: npt.NDArray[Any], by_row: bool, out: npt.NDArray[Any]
) -> None:
    """Make a block's rows: ``out`` (m, *shape) from ``pixels``, which hold the block's members,
    or, with ``by_row``, the whole source."""
    prefix = len(plan.step.method) + 1
    columns = {name[prefix:]: values for name, values in block.columns.items()}
    slots = block.src if by_row else block.slots
    methods.load(plan.step.method).apply(pixels, slots, columns, out)


def _view(values: npt.NDArray[Any]) -> memoryview:
    return memoryview(np.ascontiguousarray(values).reshape(-1).view(np.uint8))
