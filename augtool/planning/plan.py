"""The plan: which source rows each output row is made of, and how. NumPy on row numbers, no I/O.

The output is the first M rows of an endless sequence of passes over n source rows. A pass is cut
into blocks; which rows form a block is a keyed shuffle, the same for `COPIES_PER_SHUFFLE` copies,
so that an image is read once for all of them. Inside a block, order and partners are drawn anew
for each copy.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import SourceError, UsageError
from augtool.methods._contract import Column
from augtool.planning import pairing
from augtool.planning.block import Block, Ints
from augtool.planning.chain import Link, Option, first_blend, is_tracked, links_of
from augtool.planning.group_shuffle import Packing, packed
from augtool.planning.row_info import Known
from augtool.planning.samplers import Keyed, Listed, Places
from augtool.planning.selection import sample_of
from augtool.recipe.recipe import Recipe

COPIES_PER_SHUFFLE = 8
_BLOCK_BYTES = 64 << 20
_BLOCK_ROWS = (64, 2048)
_MOST_SOURCES = 1024  # of a row: ten steps that mix two rows each
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
    places
        Which source rows a pass is made of; None for each row of the source once.
    keys
        (source rows,) int64: the class or group by which rows are paired, if any.
    held
        The source rows that are held out, rising, if any.
    split
        ``validation``: one pass over the rows that are held out, in order and unmixed.
    warnings
        What is odd about the rows that take part.
    carried
        (source rows, …) by key: what is copied from each row's base.
    stored
        Gives the rows of a block from what was stored of a plan; then nothing is drawn.
    """

    recipe: Recipe
    n: int
    shape: tuple[int, ...]
    itemsize: int
    places: Places | None = None
    keys: Ints | None = None
    held: Ints | None = None
    split: Literal["train", "validation"] = "train"
    warnings: tuple[str, ...] = ()
    carried: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    stored: Callable[[Ints], Block] | None = None
    _packings: dict[int, Packing] = field(default_factory=dict, compare=False, repr=False)

    @property
    def drawn(self) -> bool:
        """Whether copies differ in the source rows that they hold."""
        return self.places is not None and self.places.drawn

    @property
    def total(self) -> int:
        """M, the number of output rows."""
        if self.split == "validation":
            return self.n
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
        return block_rows_of(self.recipe, self.shape, self.itemsize)

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
        if self.split == "validation":
            return min(row // self.block_rows, self.blocks - 1)
        if self.recipe.order == "source" and self.recipe.sampling.alike:
            blocks = range(self.blocks)
            return next(one for one in blocks if row in self.members(number, one))
        if self.recipe.order == "source":
            shuffle = rng.Shuffle.keyed(self.n, self.recipe.seed, self._shuffle(number))
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
        """The group of copies that a pass belongs to: within it, blocks have the same members.
        Where rows are drawn anew for each copy, or stored, each is a group, and so is the unmixed
        pass."""
        return number if self.stored is not None else self._shuffle(number)

    def _shuffle(self, number: int) -> int:
        """The number of the shuffle that says which rows form the blocks of a pass."""
        copy = self._copy(number)
        return copy if self.drawn else max(copy, 0) // COPIES_PER_SHUFFLE

    def members(self, number: int, block: int) -> Ints:
        """(m,) int64: the places of 0 … n−1 that form a block of a pass, ascending."""
        places, group = np.arange(*self.bounds(block), dtype=np.int64), self._shuffle(number)
        if self.split == "validation" or self._ordered(number):
            return places
        if self.recipe.sampling.alike and not self._once(number):
            ordered = self._packing(group).rows(*self.bounds(block))
            return np.sort(self._keyed.by_key(ordered))
        return np.sort(rng.Shuffle.keyed(self.n, self.recipe.seed, group).rows(places))

    def rows_at(self, number: int, places: Ints) -> Ints:
        """(m,) places of a pass -> (m,) the source rows that stand there."""
        if self.places is None:
            return places
        if self._once(number):
            return np.asarray(self.places.rows[places])
        return self.places.at(max(self._copy(number), 0), places)

    def rows_of_pass(self) -> Ints | None:
        """(n,) the source rows of the first mixed pass; None when it has each row once."""
        return None if self.places is None else self.places.at(0, np.arange(self.n))

    def validation(self) -> Plan | None:
        """The plan of what is held out."""
        if self.held is None:
            return None
        return dataclasses.replace(
            self, n=len(self.held), places=Listed(self.held), split="validation", warnings=()
        )

    def _packing(self, group: int) -> Packing:
        """How a group of copies is packed; that of the last group asked for is remembered."""
        if group not in self._packings:
            self._packings.clear()
            edges = self._keyed.edges(group)  # a group is a copy where copies differ
            self._packings[group] = packed(edges, self.block_rows, self.recipe.seed, group)
        return self._packings[group]

    @property
    def _keyed(self) -> Keyed:
        assert isinstance(self.places, Keyed)
        return self.places

    def _once(self, number: int) -> bool:
        """Whether a pass has each row once though others draw them: the unmixed one."""
        return self.drawn and self._copy(number) == _ORIGINALS

    def _ordered(self, number: int) -> bool:
        """Whether the places of a pass are in the order of the output as they are."""
        return self.places is not None and self.places.ordered and not self._once(number)

    def draw(self, number: int, block: int) -> Block:
        """Block ``block`` of pass ``number``, whole, whatever ``num`` cuts off."""
        if self.stored is not None:
            return self.stored(self._stored_rows(number, block))
        places, copy = self.members(number, block), self._copy(number)
        low, rows = self.bounds(block)[0], len(places)
        in_order = self.recipe.order == "source" or self.split == "validation"
        in_order = in_order or self._ordered(number)
        order = (
            np.arange(rows) if in_order else self._stream("order", copy, block).permutation(rows)
        )
        members, base, sources = self.rows_at(number, places), order, None
        if self.drawn:
            sources = members[order]
            members, base = np.unique(sources, return_inverse=True)
        keys = None if self.keys is None else self.keys[members[base]]
        drawn = _Drawn(self, copy, block, rows, keys, sources)
        for link in self.links:
            drawn.add(link)
        made = Block(
            links=self.links,
            members=members,
            base=base,
            partners=drawn.partners,
            draws=drawn.columns,
            spared=drawn.spared,
            out_rows=number * self.n + (places if in_order else np.arange(low, low + rows)),
            start=0,
            stop=rows,
            unmet=drawn.unmet if drawn.unmet.any() else None,
        )
        return weighed(made, self.shape)

    def _stored_rows(self, number: int, block: int) -> Ints:
        """(m,) the output rows that a block makes, without those that ``num`` cuts off."""
        low, high = self.bounds(block)
        in_order = self.recipe.order == "source"
        places = self.members(number, block) if in_order else np.arange(low, high)
        rows = number * self.n + places
        return rows[rows < self.total]

    def _copy(self, number: int) -> int:
        """The copy a pass is. The unmixed pass comes first and has a number of its own, so that
        the mixed ones are the same with and without it."""
        if self.split == "validation":
            return _ORIGINALS
        return number - 1 if self.recipe.keep_originals else number

    def _stream(self, name: str, copy: int, block: int) -> np.random.Generator:
        return rng.stream(self.recipe.seed, "", name, copy, block)


@dataclass(frozen=True)
class _Drawn:
    """What the links of a chain draw for the ``rows`` of one block of one copy.

    ``keys`` (rows,) are what pairs are made by; ``sources`` (rows,) are the source rows, where
    one can be there twice.
    """

    plan: Plan
    copy: int
    block: int
    rows: int
    keys: Ints | None = None
    sources: Ints | None = None
    partners: dict[str, Ints] = field(default_factory=dict)
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    spared: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def unmet(self) -> npt.NDArray[np.bool_]:
        """(rows,) which have a partner that they should not have, or none."""
        return np.zeros(self.rows, np.bool_)

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
        if option.slots > 1:
            spared = self._paired(option, spared)
        if spared is not None:
            self.spared[option.name] = spared
            idle(columns, option.columns, spared)
        self.columns.update({f"{option.name}_{name}": each for name, each in columns.items()})

    def _partners(self, option: Option) -> Ints:
        """(rows, S − 1) by the recipe's policy; in the validation output a row has none."""
        if self.plan.split == "validation":
            return np.repeat(np.arange(self.rows)[:, None], option.slots - 1, axis=1)
        return pairing.partners(
            self.plan.recipe.sampling.pair,
            self._stream(option.name, "partner"),
            self.rows,
            option.slots,
            self.keys,
            self.sources,
        )

    def _paired(
        self, option: Option, spared: npt.NDArray[np.bool_] | None
    ) -> npt.NDArray[np.bool_] | None:
        """The rows that are spared, with those that have no partner; what is not as it should be is
        noted."""
        if self.keys is None and self.sources is None:
            return spared
        partners, pair = self.partners[option.name], self.plan.recipe.sampling.pair
        unmet = pairing.unmet(pair, partners, self.keys)
        self.unmet[:] |= unmet if spared is None else unmet & ~spared
        alone = np.asarray((partners == np.arange(self.rows)[:, None]).any(axis=1))
        return alone if spared is None else spared | alone

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


def block_rows_of(recipe: Recipe, shape: tuple[int, ...], itemsize: int) -> int:
    """See `Plan.block_rows`."""
    if recipe.block_rows is not None:
        return recipe.block_rows
    fitting = _BLOCK_BYTES // max(1, math.prod(shape) * itemsize)
    low, high = _BLOCK_ROWS
    return min(max(1 << max(fitting.bit_length() - 1, 0), low), high)


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
    known: Known | None = None,
) -> Plan:
    """The plan of a recipe over a source of ``rows`` rows of this shape and item size.

    ``good`` are the source rows that can be read, when some cannot; ``known`` is what the recipe's
    sampling needs to know of the source. Raises `SourceError` when there are too few rows to pair,
    `UsageError` when the method cannot mix rows of this shape, or the sampling cannot be met.
    """
    known = known or Known(recipe.sampling)
    recipe = dataclasses.replace(recipe, sampling=known.sampling)
    links = links_of(recipe.steps)
    check_chain(recipe, links, shape)
    width = max(link.slots for link in links)
    if recipe.block_rows is not None and recipe.block_rows < width:
        raise UsageError(
            f"block_rows {recipe.block_rows}: {_widest(links)} mixes {width} rows of a block"
        )
    if recipe.sampling.pair != "any" and width == 1:
        raise UsageError(f"pair {recipe.sampling.pair}: {_mixes_none(links)} no rows; leave it out")
    sample = sample_of(recipe, rows, good, known, block_rows_of(recipe, shape, itemsize))
    usable = rows if sample.places is None else sample.places.n
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
    return Plan(
        recipe,
        usable,
        shape,
        itemsize,
        sample.places,
        known.keys,
        sample.held,
        warnings=sample.warnings,
        carried=known.carried,
    )


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


def check_sources(sources: int) -> None:
    """Raise `UsageError` for more sources a row than are stored."""
    if sources > _MOST_SOURCES:
        count = f"up to {sources:,}" if sources < 10**9 else "billions of"
        raise UsageError(
            f"the steps together make a row of {count} sources, each stored with its "
            f"weight; at most {_MOST_SOURCES:,}: leave out a step that mixes"
        )


def check_chain(recipe: Recipe, links: tuple[Link, ...], shape: tuple[int, ...]) -> None:
    """Raise `UsageError`, naming the step, when a chain cannot mix rows of this shape."""
    for link in links:
        for option in link.steps:
            option.check_shape(shape)
    check_sources(math.prod(link.slots for link in links))
    blend = first_blend(links)
    if recipe.weight_by != "area" and blend is not None:
        raise UsageError(
            f"{blend.described} with weight_by {recipe.weight_by}: a blend shows every object "
            "faintly and none in part; use steps that paste, such as cutmix, or weight_by area"
        )


def _widest(links: tuple[Link, ...]) -> str:
    options = [option for link in links for option in link.steps]
    return max(options, key=lambda option: option.slots).described


def _mixes_none(links: tuple[Link, ...]) -> str:
    steps = [option.step.method for link in links for option in link.steps]
    return f"{steps[0]} mixes" if len(steps) == 1 else f"{', '.join(steps)} mix"
