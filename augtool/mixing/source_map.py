"""Who owns each pixel of a row: the maps that weights are counted on when a chain mixes twice.

A map goes through the steps of the chain that move, paste or blend, as pixels do; steps that erase
leave it alone. Where all steps paste, a map holds the slot that each pixel comes from, and weights
are counts of pixels over all that have an owner; where steps blend, it holds each slot's share.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError
from augtool.mixing.apply import (
    Feed,
    Members,
    Ready,
    State,
    before_last,
    feed_of,
    look,
    look_again,
    made_of,
    make,
    sources_of,
)
from augtool.planning.block import Block, Ints
from augtool.planning.chain import Link, Option, blends, is_tracked, layers_of

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_MAP_BYTES = 2 << 20
_SMALL = 254  # slots that a byte holds, beside "no owner"


def weighed(block: Block, shape: tuple[int, ...], objects: Members | None = None) -> Block:
    """The block with the weights of its rows' sources.

    shape
        The shape of a row, (H, W, C) for images.
    objects
        Maps (n, H, W) that are not 0 where a source has its object, or floats that say how much it
        matters there. With them a source weighs the share of its object that is seen, and ``area``
        is its share of the pixels.
    """
    if not is_tracked(block.links) and objects is None:
        return block  # `plan.weighed` has done it
    owners = _Shares if blends(block.links) else _Slots
    walk = _Walk(block, owners, shape[:2])
    parts = [owners.share(made, walk.width) for _, made in walk.parts()]
    area = np.concatenate(parts).astype(np.float32)
    if objects is None:
        return dataclasses.replace(block, weights=area)
    share = _of_objects(block, walk, objects)
    unseen = np.asarray(~share.any(axis=1))
    weights = np.where(unseen[:, None], area, _over_all(share)).astype(np.float32)
    bare = unseen & ((area > 0).sum(axis=1) > 1)
    return dataclasses.replace(block, weights=weights, area=area, bare=bare)


def said(count: int, rows: int) -> tuple[str, ...]:
    """What to tell of ``count`` among ``rows`` rows that are `Block.bare`."""
    if not count:
        return ()
    return (
        f"weight_by masks: {count:,} of {rows:,} rows are weighed by area, since no object is "
        "seen in them",
    )


def looked(block: Block, members: Members, objects: Members | None = None) -> Ready:
    """`apply.look`, with the weights of all rows."""
    ready = look_again(block, members) if block.measured else look(block, members)
    block = weighed(ready.block, members.pixels.shape[1:], objects)
    return dataclasses.replace(ready, block=block)


def shares_of_pixels(block: Block, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """(m, H, W, S) float32: what each slot of a row has of each of its pixels, for a block that has
    its measured columns. A pixel that nobody owns, such as beyond a border, has only zeros.

    shape
        The shape of a row, (H, W, C) for images.
    """
    walk = _Walk(block, _Shares if blends(block.links) else _Slots, shape[:2])
    maps = [made.copy() for _, made in walk.parts()]
    if walk.kind is _Shares:
        return np.concatenate(maps).astype(np.float32, copy=False)
    owned: npt.NDArray[np.bool_] = np.concatenate(maps)[..., None] == np.arange(walk.width)
    return owned.astype(np.float32)


class _Slots:
    """Maps (n, *place) that hold the slot a pixel comes from, or the largest number for nobody."""

    @staticmethod
    def first(place: tuple[int, ...], width: int) -> Array:
        """(1, *place) the map of a source: all pixels are its own."""
        return np.zeros((1, *place), np.uint8 if width <= _SMALL else np.uint16)

    @staticmethod
    def nobody(width: int) -> int:
        """What stands where a pixel has no owner."""
        return int(np.iinfo(np.uint8 if width <= _SMALL else np.uint16).max)

    @staticmethod
    def joined(maps: Array, sources: Ints, width: int, _slots: int) -> Array:
        """(S · m, *place) the maps of m rows, then of their first partners, …: each has ``width``
        slots, and they get numbers of their own."""
        from augtool.kernels.source_map import join_slots

        return join_slots(maps, sources, width)

    @staticmethod
    def share(maps: Array, width: int) -> npt.NDArray[np.float64]:
        """(m, width) what each slot has of all pixels that have an owner."""
        from augtool.kernels.source_map import count_slots

        return _over_all(count_slots(maps, width))


class _Shares:
    """Maps (n, *place, slots) that hold, float32, what each slot has of a pixel. The functions are
    as those of `_Slots`."""

    @staticmethod
    def first(place: tuple[int, ...], _width: int) -> Array:
        return np.ones((1, *place, 1), np.float32)

    @staticmethod
    def nobody(_width: int) -> int:
        return 0

    @staticmethod
    def joined(maps: Array, sources: Ints, _width: int, slots: int) -> Array:
        from augtool.kernels.source_map import join_shares

        return join_shares(maps, sources, slots)

    @staticmethod
    def share(maps: Array, _width: int) -> npt.NDArray[np.float64]:
        from augtool.kernels.source_map import sum_slots

        return _over_all(sum_slots(maps))


@dataclass(frozen=True)
class _Walk:
    """A block's maps on their way through its chain."""

    block: Block
    kind: type[_Slots] | type[_Shares]
    place: tuple[int, ...]

    @property
    def width(self) -> int:
        """S, the slots of a row."""
        return math.prod(link.slots for link in self.block.links)

    def parts(self) -> Iterator[tuple[slice, Array]]:
        """The maps of the rows that are made, a few rows of the table at a time."""
        block, layers = self.block, layers_of(self.block.links)
        first = self.kind.first(self.place, self.width)
        state, width = State(first, np.zeros(len(block.base), np.int64)), 1
        for layer in layers[:-1]:
            feed = self._feed(state, layer[0], width)
            width *= layer[0].slots
            state = made_of(layer, block, feed, self._treat, self._like(first, width))
        feed = self._feed(state, layers[-1][0], width)
        row = self._like(first, self.width)
        step = max(1, _MAP_BYTES // row.nbytes)
        for low in range(block.start, block.stop, step):
            rows = slice(low, min(low + step, block.stop))
            made = np.empty((rows.stop - low, *row.shape[1:]), row.dtype)
            make(layers[-1], block, rows, feed, self._treat, made)
            yield rows, made

    def _like(self, first: Array, width: int) -> Array:
        """A map of so many slots."""
        shape = first.shape if self.kind is _Slots else (*first.shape[:-1], width)
        return np.empty(shape, first.dtype)

    def _feed(self, state: State, link: Link, width: int) -> Feed:
        if link.slots == 1:
            return feed_of(state, self.block)

        def feed(option: Option | None, rows: Ints, _places: Ints) -> tuple[Array, Ints]:
            sources = sources_of(state, self.block, option, rows)
            maps = self.kind.joined(state.pixels, sources, width, link.slots)
            return maps, np.arange(len(maps)).reshape(sources.shape[::-1]).T

        return feed

    def _treat(self, option: Option) -> Any:
        if option.method.OWNERS == "kept":
            return None
        return option.on_maps(self.kind.nobody(self.width))


def seen(option: Option) -> Any:
    """How a map of objects is treated: steps that erase leave it alone, and beyond the border there
    is nothing."""
    return None if option.method.OWNERS == "kept" else option.on_maps(0)


def _of_objects(block: Block, walk: _Walk, objects: Members) -> npt.NDArray[np.float64]:
    """(m, S) the share of each source's object that is seen; 0 for one that has none."""
    state = objects.state(block)
    maps = state.pixels[state.index]
    _check_importance(maps, block)
    whole = _mass(maps)  # (t,)
    state = before_last(block, objects, seen)
    visible = [_visible(block, state, rows, owners, walk.width) for rows, owners in walk.parts()]
    slots = block.slots
    of_member = np.zeros(len(block.members))
    of_member[block.base] = whole
    total = np.where(slots < 0, 0, of_member[slots])
    share: npt.NDArray[np.float64] = np.divide(
        np.concatenate(visible), total, out=np.zeros(total.shape), where=total > 0
    )
    return share


def _check_importance(maps: Array, block: Block) -> None:
    """Raise `SourceError`, with the row, where a map (t, H, W) makes no shares."""
    if maps.dtype.kind != "f":
        return
    fine = ((maps >= 0) & (maps < np.inf)).reshape(len(maps), -1).all(axis=1)
    if not fine.all():
        row = block.members[block.base[np.argmin(fine)]]
        raise SourceError(
            f"row {row}: its importance map has values that are negative or no finite numbers; "
            "give numbers from 0"
        )


def _visible(
    block: Block, state: State, rows: slice, owners: Array, width: int
) -> npt.NDArray[np.float64]:
    """(m, S) how much is seen of the object in each slot."""
    made = np.empty((len(owners), *state.pixels.shape[1:]), state.pixels.dtype)
    make(layers_of(block.links)[-1], block, rows, feed_of(state, block), seen, made)
    return np.stack([_mass(made * (owners == slot)) for slot in range(width)], axis=1)


def _mass(maps: Array) -> npt.NDArray[np.float64]:
    """(m,) how much there is of an object: pixels that are not 0, or the sum of floats."""
    pixels = maps.reshape(len(maps), -1)
    mass: npt.NDArray[np.float64]
    if maps.dtype.kind == "f":
        mass = pixels.sum(axis=1, dtype=np.float64)
    else:
        mass = np.count_nonzero(pixels, axis=1).astype(np.float64)
    return mass


def _over_all(counts: Array) -> npt.NDArray[np.float64]:
    """(m, S) each as a share of its row's sum; a row without any is its base's."""
    total = counts.sum(axis=1, keepdims=True)
    base = np.zeros(counts.shape)
    base[:, 0] = 1
    share: npt.NDArray[np.float64] = np.divide(counts, total, out=base, where=total > 0)
    return share
