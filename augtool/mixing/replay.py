"""Making rows again from what an output has stored of its plan, without a draw.

Only rows that ``num`` cut off are drawn again, where a row of the output has them as partners.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.mixing.apply import Members, Ready, apply, look, look_again, look_at_maps
from augtool.mixing.mask_rules import has_ids
from augtool.mixing.members import masks_of, members_of
from augtool.mixing.source_map import weighed
from augtool.planning.block import NO_SOURCE, Block, Ints
from augtool.planning.chain import Link, Option, is_chain, links_of
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Recipe
from augtool.sources._contract import Source

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Made:
    """Rows that were made again: ``pixels`` (m, *shape), ``masks`` (m, H, W) where the source has
    some, and the block with their sources and weights."""

    pixels: Array
    masks: Array | None
    block: Block


@dataclass(frozen=True)
class Record:
    """What is stored of a plan: fields by name, each an array with M ``rows``, and how to draw the
    plan anew where a row that was cut off is needed."""

    recipe: Recipe
    rows: int
    field: Callable[[str], Any]
    plan: Callable[[], Plan]

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The chain that made the rows."""
        return links_of(self.recipe.steps)

    @property
    def mixing(self) -> list[Option]:
        """The steps that mix rows, in order."""
        return [option for link in self.links for option in link.steps if option.slots > 1]

    @property
    def drawn(self) -> list[str]:
        """The names of the columns of all steps and choices."""
        choices = [f"{link.choice}_option" for link in self.links if link.choice]
        steps = [option for link in self.links for option in link.steps]
        return choices + [f"{one.name}_{column.name}" for one in steps for column in one.columns]

    def values(self, name: str, rows: Ints) -> Array:
        """(m, …) one field of the output's rows ``rows``."""
        order, back = np.unique(rows, return_inverse=True)  # HDF5 reads rising rows
        return np.asarray(self.field(name)[order])[back]


def made_again(record: Record, rows: Ints, source: Source) -> Made:
    """Rows of an output, (m,) rising, made again from their record and the source's pixels."""
    block = block_of(record, rows, source)
    members, _ = members_of(source, block)
    masks = masks_of(source, block)
    objects = masks if record.recipe.weight_by != "area" else None
    ready = look_again(block, members)
    ready = dataclasses.replace(
        ready, block=weighed(ready.block, members.pixels.shape[1:], objects)
    )
    again = None
    if masks is not None and has_ids(source.masks):
        again = _pixels(look_at_maps(ready.block, masks, record.recipe.mask_fill), masks)
    return Made(_pixels(ready, members), again, ready.block)


def block_of(record: Record, rows: Ints, source: Source) -> Block:
    """A block that makes the given rows of an output, (m,) rising, from their record."""
    table = _table(record, rows, source) if is_chain(record.links) else _flat(record, rows)
    members, base = np.unique(table.base, return_inverse=True)
    return Block(
        links=record.links,
        members=members,
        base=base.astype(np.int64),
        partners=table.partners,
        draws=table.draws,
        spared={},
        out_rows=table.out_rows,
        start=0,
        stop=len(rows),
    )


@dataclass(frozen=True)
class _Table:
    """The rows of a block, as `Block` has them; ``base`` holds source rows."""

    out_rows: Ints
    base: Ints
    partners: Mapping[str, Ints]
    draws: Mapping[str, Array]


def _flat(record: Record, rows: Ints) -> _Table:
    """One step: all that a row is made of are source rows, each a row of the table."""
    src = record.values("src", rows)
    m, slots = src.shape
    draws = {name: record.values(name, rows) for name in record.drawn}
    own, others = np.arange(m)[:, None], np.arange(m, m * slots).reshape(slots - 1, m).T
    partner = np.where(src[:, 1:] < 0, own, others)
    return _Table(
        out_rows=np.concatenate([rows, np.full(m * (slots - 1), NO_SOURCE)]),
        base=np.where(src < 0, src[:, :1], src).T.ravel(),
        partners={
            option.name: np.resize(partner, (m * slots, slots - 1)) for option in record.mixing
        },
        draws={
            name: np.resize(values, (m * slots, *values.shape[1:]))
            for name, values in draws.items()
        },
    )


def _table(record: Record, rows: Ints, source: Source) -> _Table:
    """A chain: partners are rows of the output, or rows that it would have had."""
    stored = _Stored(record, source)
    needed = rows
    for option in reversed(record.mixing):
        partner = stored.values(f"{option.name}_partner", needed)
        needed = np.union1d(needed, partner[partner != NO_SOURCE])
    ids = np.concatenate([rows, np.setdiff1d(needed, rows)])
    order = np.argsort(ids)

    def place(of: Ints) -> Ints:
        at = order[np.minimum(np.searchsorted(ids, of, sorter=order), len(ids) - 1)]
        own = np.arange(len(ids)).reshape(-1, *[1] * (of.ndim - 1))  # a row without a partner
        return np.where(ids[at] == of, at, own)  # what else is not there is never used

    return _Table(
        out_rows=ids,
        base=stored.values("src", ids)[:, 0],
        partners={
            option.name: place(stored.values(f"{option.name}_partner", ids))
            for option in record.mixing
        },
        draws={name: stored.values(name, ids) for name in record.drawn},
    )


@dataclass(frozen=True)
class _Stored:
    """The columns of plan rows, of those that ``num`` cut off too, which are drawn again."""

    record: Record
    source: Source
    blocks: dict[tuple[int, int], Block] = field(default_factory=dict)

    def values(self, name: str, rows: Ints) -> Array:
        """(m, …) one field of the plan's rows ``rows``."""
        there = rows < self.record.rows
        if there.all():
            return self.record.values(name, rows)
        again = self._drawn(name, rows[~there])
        values = np.empty((len(rows), *again.shape[1:]), again.dtype)
        values[there] = self.record.values(name, rows[there])
        values[~there] = again
        return values

    def _drawn(self, name: str, rows: Ints) -> Array:
        found = []
        for row in rows.tolist():
            block = self._block(row)
            column = block.src if name == "src" else block.columns[name]
            found.append(column[np.flatnonzero(block.out == row)[0]])
        return np.array(found)

    def _block(self, row: int) -> Block:
        plan = self.record.plan()
        number, at = divmod(row, plan.n)
        key = number, plan.block_at(number, at)
        if key not in self.blocks:
            block = plan.draw(*key)
            if any(link.measures for link in block.links):
                block = look(block, members_of(self.source, block)[0]).block
            self.blocks[key] = block
        return self.blocks[key]


def _pixels(ready: Ready, members: Members) -> Array:
    out = np.empty((len(ready), *members.pixels.shape[1:]), members.pixels.dtype)
    apply(ready, out)
    return out
