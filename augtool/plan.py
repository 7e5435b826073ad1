"""The plan: which source rows each output row is made of, and how. NumPy on row numbers, no I/O.

The output is the first M rows of an endless sequence of passes over n source rows. A pass is cut
into blocks; which rows form a block is a keyed shuffle, the same for `COPIES_PER_SHUFFLE` copies,
so that an image is read once for all of them. Inside a block, order and partners are drawn anew
for each copy.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import methods, rng
from augtool.errors import SourceError, UsageError
from augtool.methods._contract import Column
from augtool.recipe import Recipe, Step

COPIES_PER_SHUFFLE = 8
_BLOCK_BYTES = 64 << 20
_BLOCK_ROWS = (64, 2048)
_ORIGINALS = -1  # the copy number of the unmixed pass

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """The plan of one block of one pass: m rows.

    members
        (m,) int64, the source rows that are read, ascending.
    slots
        (m, S) int64, indices into ``members``: what each row is made of, base first.
    weight
        (m, S) float32, what each source contributes to the label.
    columns
        The methods' draws, (m, …) each, named ``<step>_<column>``.
    out
        (m,) int64, the output row of each row.
    spared
        (m,) bool, the rows that ``prob`` leaves as they are; None when there are none.
    """

    members: Ints
    slots: Ints
    weight: npt.NDArray[np.float32]
    columns: dict[str, npt.NDArray[Any]]
    out: Ints
    spared: npt.NDArray[np.bool_] | None = None

    @property
    def src(self) -> Ints:
        """(m, S) int64 source rows, base first."""
        return self.members[self.slots]

    def columns_of(self, step: str) -> dict[str, npt.NDArray[Any]]:
        """The columns of one step, under the names that its method gave them."""
        prefix = f"{step}_"
        return {
            name.removeprefix(prefix): values
            for name, values in self.columns.items()
            if name.startswith(prefix)
        }

    def __len__(self) -> int:
        return len(self.slots)

    def part(self, low: int, high: int) -> Block:
        """Rows low … high−1 of the block; the members stay."""
        return Block(
            members=self.members,
            slots=self.slots[low:high],
            weight=self.weight[low:high],
            columns={name: values[low:high] for name, values in self.columns.items()},
            out=self.out[low:high],
            spared=None if self.spared is None else self.spared[low:high],
        )

    def compact(self) -> Block:
        """The same rows with only the members that they need."""
        used, slots = np.unique(self.slots, return_inverse=True)
        if len(used) == len(self.members):
            return self
        slots = slots.reshape(self.slots.shape).astype(np.int64)
        return dataclasses.replace(self, members=self.members[used], slots=slots)


@dataclass(frozen=True)
class Piece:
    """Rows low … high−1 of one block of one pass."""

    number: int
    block: int
    low: int
    high: int

    def __len__(self) -> int:
        return self.high - self.low


@dataclass(frozen=True)
class Plan:
    """The whole randomness of a run: `draw` gives any block of any pass.

    n
        Rows of one pass.
    shape
        The shape of a row, (H, W, C) for images.
    itemsize
        Bytes of one pixel value; with ``shape`` it decides the block size.
    selection
        (n,) int64 source rows that take part, or None for all of them.
    """

    recipe: Recipe
    n: int
    shape: tuple[int, ...]
    itemsize: int
    selection: Ints | None = None

    @property
    def total(self) -> int:
        """M, the number of output rows."""
        if self.recipe.num is not None:
            return self.recipe.num
        return (self.recipe.copies + self.recipe.keep_originals) * self.n

    @property
    def passes(self) -> int:
        """How many passes the output has; the last may be cut short by ``num``."""
        return -(-self.total // self.n)

    @property
    def step(self) -> Step:
        """The step that is applied."""
        return self.recipe.steps[0]

    @property
    def block_rows(self) -> int:
        """B: the largest power of two whose rows fit 64 MiB, within 64 … 2048."""
        if self.recipe.block_rows is not None:
            return self.recipe.block_rows
        fitting = _BLOCK_BYTES // max(1, math.prod(self.shape) * self.itemsize)
        low, high = _BLOCK_ROWS
        return min(max(1 << max(fitting.bit_length() - 1, 0), low), high)

    @property
    def blocks(self) -> int:
        """Blocks in a pass; the last one takes the remainder."""
        return max(1, self.n // self.block_rows)

    def bounds(self, block: int) -> tuple[int, int]:
        """The rows of a pass that a block makes: low … high−1."""
        low = block * self.block_rows
        return low, self.n if block == self.blocks - 1 else low + self.block_rows

    def rows_of_block(self, number: int, block: int) -> int:
        """How many rows of a block of a pass the output has; ``num`` cuts the last pass short."""
        low, high = self.bounds(block)
        return max(0, min(high, self.total - number * self.n) - low)

    def group(self, number: int) -> int:
        """The group of copies that a pass belongs to: within it, blocks have the same members."""
        return max(self._copy(number), 0) // COPIES_PER_SHUFFLE

    def members(self, number: int, block: int) -> Ints:
        """(m,) int64: the rows of 0 … n−1 that form a block of a pass, ascending."""
        shuffle = rng.Shuffle.keyed(self.n, self.recipe.seed, self.group(number))
        return np.sort(shuffle.rows(np.arange(*self.bounds(block), dtype=np.int64)))

    def draw(self, number: int, block: int) -> Block:
        """Block ``block`` of pass ``number``, whole, whatever ``num`` cuts off."""
        method, members = methods.load(self.step.method), self.members(number, block)
        low, rows, copy = self.bounds(block)[0], len(members), self._copy(number)

        def streams(name: str) -> np.random.Generator:
            return rng.stream(self.recipe.seed, self.step.method, name, copy, block)

        in_order = self.recipe.order == "source"
        base = np.arange(rows) if in_order else self._stream("order", copy, block).permutation(rows)
        slots = np.empty((rows, method.SLOTS), np.int64)
        slots[:, 0] = base
        if method.SLOTS > 1:
            partner = _cycle(self._stream("partner", copy, block), rows)
            for slot in range(1, method.SLOTS):
                slots[:, slot] = partner[slots[:, slot - 1]]
        params = self.step.params
        columns = dict(method.draw(params, rows, self.shape, streams))
        for column in method.columns(params):
            if column.measured:
                columns[column.name] = np.full((rows, *column.shape), column.idle, column.dtype)
        spared = self._spared(rows, copy, streams)
        if spared is not None:
            idle(columns, method.columns(params), spared)
        return Block(
            members=members if self.selection is None else self.selection[members],
            slots=slots,
            weight=weights_of(self.step, columns, self.shape, rows),
            columns={f"{self.step.method}_{name}": values for name, values in columns.items()},
            spared=spared,
            out=number * self.n + (members if in_order else np.arange(low, low + rows)),
        )

    def _copy(self, number: int) -> int:
        """The copy a pass is. The unmixed pass comes first and has a number of its own, so that
        the mixed ones are the same with and without it."""
        return number - 1 if self.recipe.keep_originals else number

    def _stream(self, name: str, copy: int, block: int) -> np.random.Generator:
        return rng.stream(self.recipe.seed, "", name, copy, block)

    def _spared(self, rows: int, copy: int, streams: Any) -> npt.NDArray[np.bool_] | None:
        """(rows,) which rows stay as they are: the one place where ``prob`` has its meaning."""
        if copy == _ORIGINALS:
            return np.ones(rows, np.bool_)
        if self.step.prob >= 1:
            return None
        spared: npt.NDArray[np.bool_] = streams("prob").random(rows) >= self.step.prob
        return spared


def pieces(plan: Plan, start: int, stop: int) -> Iterator[Piece]:
    """The pieces that make plan rows start … stop−1, in order."""
    while start < stop:
        number, row = divmod(start, plan.n)
        block = min(row // plan.block_rows, plan.blocks - 1)
        low, high = plan.bounds(block)
        end = min(high, row + stop - start)
        yield Piece(number, block, row - low, end - low)
        start += end - row


def make_plan(
    recipe: Recipe,
    rows: int,
    shape: tuple[int, ...],
    itemsize: int,
    good: Ints | None = None,
) -> Plan:
    """The plan of a recipe over a source of ``rows`` rows of this shape and item size.

    ``good`` are the source rows that can be read, when some cannot. Raises `SourceError` when
    there are too few rows to pair, `UsageError` when the method cannot mix rows of this shape.
    """
    method = methods.load(recipe.steps[0].method)
    method.check_shape(recipe.steps[0].params, shape)
    if recipe.block_rows is not None and recipe.block_rows < method.SLOTS:
        raise UsageError(
            f"block_rows {recipe.block_rows}: {recipe.steps[0].method} mixes {method.SLOTS} rows "
            "of a block"
        )
    selection = good
    usable = rows if good is None else len(good)
    if recipe.limit is not None and recipe.limit < usable:
        spread = np.arange(recipe.limit, dtype=np.int64) * usable // recipe.limit
        selection, usable = spread if good is None else good[spread], recipe.limit
    if usable < method.SLOTS:
        raise SourceError(
            f"the source has {usable} usable image{'s' * (usable != 1)}; {recipe.steps[0].method} "
            f"mixes {method.SLOTS} different ones into each row: add images"
        )
    if recipe.order == "source" and recipe.num is not None and recipe.num % usable:
        raise UsageError(
            f"num {recipe.num}: in source order whole passes of {usable} rows are made; "
            "use limit for fewer source rows, or leave out num"
        )
    return Plan(recipe, usable, shape, itemsize, selection)


def idle(
    columns: dict[str, npt.NDArray[Any]],
    declared: tuple[Column, ...],
    spared: npt.NDArray[np.bool_],
) -> None:
    """Put into the ``spared`` rows the values that leave a row as it is."""
    for column in declared:
        columns[column.name][spared] = column.idle


def weights_of(
    step: Step, columns: dict[str, npt.NDArray[Any]], shape: tuple[int, ...], rows: int
) -> npt.NDArray[np.float32]:
    """(rows, S) float32: what each source contributes, by the step's method."""
    method = methods.load(step.method)
    weights = method.weights(step.params, columns, shape)
    return weights if len(weights) == rows else np.repeat(weights, rows, axis=0)


def _cycle(generator: np.random.Generator, rows: int) -> Ints:
    """(rows,) each row's partner: a uniformly random cyclic permutation, so never itself and
    each row once."""
    around = generator.permutation(rows)
    partner = np.empty(rows, np.int64)
    partner[around] = np.roll(around, -1)
    return partner
