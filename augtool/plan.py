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
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.block import Block, Ints
from augtool.chain import Link, Option, blends, is_tracked, links_of
from augtool.errors import SourceError, UsageError
from augtool.methods._contract import Column
from augtool.recipe import Recipe

COPIES_PER_SHUFFLE = 8
_BLOCK_BYTES = 64 << 20
_BLOCK_ROWS = (64, 2048)
_ORIGINALS = -1  # the copy number of the unmixed pass


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

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The recipe's steps, each with the name that its columns and streams have."""
        return links_of(self.recipe.steps)

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

    def block_at(self, number: int, row: int) -> int:
        """The block that makes row ``row`` of a pass."""
        if self.recipe.order == "source":
            shuffle = rng.Shuffle.keyed(self.n, self.recipe.seed, self.group(number))
            row = int(shuffle.positions(np.array([row]))[0])
        return min(row // self.block_rows, self.blocks - 1)

    def first_row(self, piece: Piece) -> int:
        """The place in the plan of a piece's first row."""
        return piece.number * self.n + self.bounds(piece.block)[0] + piece.low

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
        members, copy = self.members(number, block), self._copy(number)
        low, rows = self.bounds(block)[0], len(members)
        in_order = self.recipe.order == "source"
        base = np.arange(rows) if in_order else self._stream("order", copy, block).permutation(rows)
        drawn = _Drawn(self, copy, block, rows)
        for link in self.links:
            drawn.add(link)
        made = Block(
            links=self.links,
            members=members if self.selection is None else self.selection[members],
            base=base,
            partners=drawn.partners,
            draws=drawn.columns,
            spared=drawn.spared,
            out_rows=number * self.n + (members if in_order else np.arange(low, low + rows)),
            start=0,
            stop=rows,
        )
        return weighed(made, self.shape)

    def _copy(self, number: int) -> int:
        """The copy a pass is. The unmixed pass comes first and has a number of its own, so that
        the mixed ones are the same with and without it."""
        return number - 1 if self.recipe.keep_originals else number

    def _stream(self, name: str, copy: int, block: int) -> np.random.Generator:
        return rng.stream(self.recipe.seed, "", name, copy, block)


@dataclass(frozen=True)
class _Drawn:
    """What the links of a chain draw for the ``rows`` of one block of one copy."""

    plan: Plan
    copy: int
    block: int
    rows: int
    partners: dict[str, Ints] = field(default_factory=dict)
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    spared: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, link: Link) -> None:
        """Draw what a link needs."""
        took = self._took(link)
        for number, option in enumerate(link.options):
            if option is not None:
                self._add_step(option, None if took is None else took != number)

    def _took(self, link: Link) -> npt.NDArray[np.int8] | None:
        """(rows,) the option that each row takes; None where there is no choice."""
        if not link.choice:
            return None
        if self.copy == _ORIGINALS:
            took = np.full(self.rows, -1, np.int8)
        else:
            ends = np.cumsum(link.weights)[:-1]
            drawn = self._stream(link.choice, "option").random(self.rows)
            took = np.searchsorted(ends, drawn, side="right").astype(np.int8)
        self.columns[f"{link.choice}_option"] = took
        return took

    def _add_step(self, option: Option, others: npt.NDArray[np.bool_] | None) -> None:
        """Draw a step's partners and columns; ``others`` are the rows that took another option."""
        if option.slots > 1:
            self.partners[option.name] = self._partners(option)
        method, params = option.method, option.step.params

        def streams(name: str) -> np.random.Generator:
            return self._stream(option.name, name)

        columns = dict(method.draw(params, self.rows, self.plan.shape, streams))
        for column in option.columns:
            if column.measured:
                columns[column.name] = np.full(
                    (self.rows, *column.shape), column.idle, column.dtype
                )
        spared = self._spared(option, others)
        if spared is not None:
            self.spared[option.name] = spared
            idle(columns, option.columns, spared)
        self.columns.update({f"{option.name}_{name}": each for name, each in columns.items()})

    def _partners(self, option: Option) -> Ints:
        """(rows, S − 1): all different, and never the row itself."""
        partner = _cycle(self._stream(option.name, "partner"), self.rows)
        found = [partner]
        for _ in range(option.slots - 2):
            found.append(partner[found[-1]])
        return np.stack(found, axis=1)

    def _spared(
        self, option: Option, others: npt.NDArray[np.bool_] | None
    ) -> npt.NDArray[np.bool_] | None:
        """(rows,) which rows a step leaves as they are: the one place where ``prob`` has its
        meaning."""
        if self.copy == _ORIGINALS:
            return np.ones(self.rows, np.bool_)
        if option.step.prob >= 1:
            return others
        spared = self._stream(option.name, "prob").random(self.rows) >= option.step.prob
        return spared if others is None else spared | others

    def _stream(self, step: str, name: str) -> np.random.Generator:
        return rng.stream(self.plan.recipe.seed, step, name, self.copy, self.block)


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
    links = links_of(recipe.steps)
    check_chain(recipe, links, shape)
    width = max(link.slots for link in links)
    if recipe.block_rows is not None and recipe.block_rows < width:
        raise UsageError(
            f"block_rows {recipe.block_rows}: {_widest(links)} mixes {width} rows of a block"
        )
    selection = good
    usable = rows if good is None else len(good)
    if recipe.limit is not None and recipe.limit < usable:
        spread = np.arange(recipe.limit, dtype=np.int64) * usable // recipe.limit
        selection, usable = spread if good is None else good[spread], recipe.limit
    if usable < width:
        raise SourceError(
            f"the source has {usable} usable image{'s' * (usable != 1)}; {_widest(links)} "
            f"mixes {width} different ones into each row: add images"
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


def weighed(block: Block, shape: tuple[int, ...]) -> Block:
    """The block with its weights, as far as no map of its pixels' owners is needed for them."""
    if is_tracked(block.links):
        return block
    weights = np.zeros((len(block), math.prod(link.slots for link in block.links)), np.float32)
    weights[:, 0] = 1
    for link in block.links:
        took = block.took(link)[block.made]
        for number, option in enumerate(link.options):
            if option is not None and option.slots > 1:
                rows = took == number
                weights[rows, : option.slots] = _weights_of(option, block, shape)[rows]
    return dataclasses.replace(block, weights=weights)


def _weights_of(option: Option, block: Block, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """(m, S) what each source contributes, by the step's method."""
    columns = block.columns_of(option.name)
    weights = option.method.weights(option.step.params, columns, shape)
    return weights if len(weights) == len(block) else np.repeat(weights, len(block), axis=0)


def check_chain(recipe: Recipe, links: tuple[Link, ...], shape: tuple[int, ...]) -> None:
    """Raise `UsageError`, naming the step, when a chain cannot mix rows of this shape."""
    for link in links:
        for option in link.steps:
            option.method.check_shape(option.step.params, shape)
    if recipe.weight_by != "area" and blends(links):
        raise UsageError(
            f"weight_by {recipe.weight_by}: a blend shows every object faintly and none in part; "
            "use steps that paste, such as cutmix, or weight_by area"
        )


def _widest(links: tuple[Link, ...]) -> str:
    options = [option for link in links for option in link.steps]
    return max(options, key=lambda option: option.slots).name


def _cycle(generator: np.random.Generator, rows: int) -> Ints:
    """(rows,) each row's partner: a uniformly random cyclic permutation, so never itself and
    each row once."""
    around = generator.permutation(rows)
    partner = np.empty(rows, np.int64)
    partner[around] = np.roll(around, -1)
    return partner
