"""Apply: plan columns and pixels in, pixels out. The one place where methods meet pixels.

A chain runs in layers (`chain.layers_of`). All but the last one are made for the whole block, since
the next one mixes their rows or looks at them; rows of the last are made a few at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import methods
from augtool.methods._contract import Prepares, Statistics
from augtool.planning.block import Block, Ints
from augtool.planning.chain import Link, Option, layers_of
from augtool.planning.plan import idle, weighed
from augtool.recipe.recipe import Choice, Step

Pixels = npt.NDArray[Any]
Treat = Callable[[Option], Any]  # the parameters with which a step is applied; None passes it by
Feed = Callable[[Option | None, Ints, Ints], tuple[Pixels, Ints]]

_CACHE_BYTES = 1 << 20  # rows made at once, so that one step finds them where the last left them


@dataclass(frozen=True)
class State:
    """The rows of a block's table as some links left them: row i is ``pixels[index[i]]``."""

    pixels: Pixels
    index: Ints


@dataclass(frozen=True)
class Members:
    """The pixels that a block's rows are made of: ``pixels[i]`` (*shape) is the source row i when
    ``by_row``, else the block's member i."""

    pixels: Pixels
    by_row: bool = False

    def state(self, block: Block) -> State:
        """The rows before the first link."""
        return State(self.pixels, block.members[block.base] if self.by_row else block.base)


def as_pixels(option: Option) -> Any:
    """A step's own parameters."""
    return option.step.params


@dataclass(frozen=True)
class Ready:
    """A block that was looked at, so that its columns are known, and its rows as they are before
    the last layer of the chain."""

    block: Block
    state: State
    treat: Treat = as_pixels

    def __len__(self) -> int:
        return len(self.block)

    def part(self, low: int, high: int) -> Ready:
        """Rows low … high−1."""
        return dataclasses.replace(self, block=self.block.part(low, high))


def prepared(one: Step | Choice, statistics: Statistics) -> Step | Choice:
    """The step with what its method must know of the whole source, such as its mean colour."""
    if isinstance(one, Choice):
        steps = tuple(each and _prepared(each, statistics) for each in one.steps)
        return dataclasses.replace(one, steps=steps)
    return _prepared(one, statistics)


def _prepared(one: Step, statistics: Statistics) -> Step:
    method = methods.load(one.method)
    if not isinstance(method, Prepares):
        return one
    return dataclasses.replace(one, params=method.prepare(one.params, statistics))


def look(block: Block, members: Members) -> Ready:
    """All that needs the whole block: the columns that come from its pixels, and its rows before
    the last layer. Weights are there as far as `plan.weighed` knows them."""
    state, layers = members.state(block), layers_of(block.links)
    for layer in layers[:-1]:
        block = _measured(block, layer[0], state)
        state = made_of(layer, block, feed_of(state, block), as_pixels, members.pixels)
    block = _measured(block, layers[-1][0], state)
    if any(link.measures for link in block.links):
        block = weighed(block, members.pixels.shape[1:])
    return Ready(block, state)


def look_again(block: Block, members: Members) -> Ready:
    """As `look`, for a block that has its measured columns."""
    return Ready(weighed(block, members.pixels.shape[1:]), before_last(block, members, as_pixels))


def look_at_maps(block: Block, maps: Members, fill: int) -> Ready:
    """The maps (n, H, W) of a block that was looked at, before the last layer; ``fill`` is the id
    where pixels are erased or lie beyond the border."""

    def treat(option: Option) -> Any:
        return option.on_maps(fill)

    return Ready(block, before_last(block, maps, treat), treat)


def before_last(block: Block, members: Members, treat: Treat) -> State:
    """The rows of a block's table, or maps of them, before the last layer."""
    state = members.state(block)
    for layer in layers_of(block.links)[:-1]:
        state = made_of(layer, block, feed_of(state, block), treat, members.pixels)
    return state


def apply(ready: Ready, out: Pixels) -> None:
    """Make the rows of a block: ``out`` (m, *shape)."""
    block, last = ready.block, layers_of(ready.block.links)[-1]
    make(last, block, block.made, feed_of(ready.state, block), ready.treat, out)


def make(
    layer: Sequence[Link], block: Block, rows: slice, feed: Feed, treat: Treat, out: Pixels
) -> None:
    """Make ``rows`` of a block's table from what ``feed`` gives to a layer: ``out`` (m, *shape)."""
    step = max(1, _CACHE_BYTES // max(1, out[:1].nbytes)) if len(layer) > 1 else len(out)
    for low in range(0, len(out), step):
        high = min(low + step, len(out))
        _make(
            layer, block, np.arange(rows.start + low, rows.start + high), feed, treat, out[low:high]
        )


def made_of(layer: Sequence[Link], block: Block, feed: Feed, treat: Treat, like: Pixels) -> State:
    """All rows of the table after a layer, as an array like the rows of ``like``."""
    out = np.empty((len(block.base), *like.shape[1:]), like.dtype)
    make(layer, block, slice(0, len(out)), feed, treat, out)
    return State(out, np.arange(len(out)))


def feed_of(state: State, block: Block) -> Feed:
    """What the steps of a layer find at a state: an array, and (m, S) where in it are m of the rows
    that are being made, of which they know the place in the table and in the output, and their
    partners."""

    def feed(option: Option | None, rows: Ints, _places: Ints) -> tuple[Pixels, Ints]:
        return state.pixels, sources_of(state, block, option, rows)

    return feed


def sources_of(state: State, block: Block, option: Option | None, rows: Ints) -> Ints:
    """(m, S) where in the state's array each of ``rows`` and its partners are."""
    own = state.index[rows][:, None]
    if option is None or option.slots == 1:
        return own
    return np.concatenate([own, state.index[block.partners[option.name][rows]]], axis=1)


def _make(
    layer: Sequence[Link], block: Block, rows: Ints, feed: Feed, treat: Treat, out: Pixels
) -> None:
    """One link after the other, each from what the one before it has left."""
    todo = [link for link in layer if any(treat(option) is not None for option in link.steps)]
    if not todo:
        _copy(*feed(None, rows, np.arange(len(rows))), out)
    for number, link in enumerate(todo):
        made = out if number == len(todo) - 1 else np.empty_like(out)
        _apply_link(link, block, rows, feed, treat, made)
        feed = _in_place(made)


def _in_place(pixels: Pixels) -> Feed:
    """Rows that stand where they are made."""

    def feed(_option: Option | None, _rows: Ints, places: Ints) -> tuple[Pixels, Ints]:
        return pixels, places[:, None]

    return feed


def _apply_link(
    link: Link, block: Block, rows: Ints, feed: Feed, treat: Treat, out: Pixels
) -> None:
    took = block.took(link)[rows]
    for number in np.unique(took).tolist():
        option = link.options[number] if number >= 0 else None
        places = np.flatnonzero(took == number)
        pixels, sources = feed(option, rows[places], places)
        whole = len(places) == len(rows)
        made = out if whole else np.empty((len(places), *out.shape[1:]), out.dtype)
        params = None if option is None else treat(option)
        if option is None or params is None:
            _copy(pixels, sources, made)
        else:
            draws = block.draws_of(option.name)
            columns = {name: values[rows[places]] for name, values in draws.items()}
            option.method.apply(params, pixels, sources, columns, made)
        if not whole:
            out[places] = made


def _copy(pixels: Pixels, sources: Ints, out: Pixels) -> None:
    np.take(np.asarray(pixels), sources[:, 0], axis=0, out=out, mode="clip")


def _measured(block: Block, link: Link, state: State) -> Block:
    """The block with the columns that a layer's first link takes from the pixels."""
    draws = dict(block.draws)
    for option in link.steps:
        if option.measures is not None:
            columns = block.draws_of(option.name)
            sources = sources_of(state, block, option, np.arange(len(block.base)))
            found = option.measures.measure(option.step.params, state.pixels, sources, columns)
            columns.update({name: values.copy() for name, values in found.items()})
            if option.name in block.spared:
                idle(columns, option.columns, block.spared[option.name])
            draws.update({f"{option.name}_{name}": values for name, values in columns.items()})
    return dataclasses.replace(block, draws=draws)
