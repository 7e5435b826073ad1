"""Packing: which rows form a block when rows of a key (a class, a group) are mixed with each other.

A plain shuffle would strand a row wherever it is the only one of its key in a block. So rows move
in units that no block border cuts: two rows of a key, or three where their number is odd. Which
rows form a unit is a keyed shuffle within each key, and where a unit goes one of all units, both
evaluated where needed; only what is counted by key takes memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augtool import rng

Ints = npt.NDArray[np.int64]

_SPARE = 12  # rows of each block that units of three leave free, so that they always fit
_LEAST_BLOCK = 16  # rows; a smaller block takes no units of three


@dataclass(frozen=True)
class Packing:
    """The order of n rows that are grouped by key, for blocks of ``block_rows`` rows of which the
    last takes the remainder.

    A pass is laid out block by block: couples of units of three, then slots of two rows. A slot
    holds two rows of a key, or two of those that are alone. What has no counterpart ends the pass.

    edges
        (K + 1,) int64: rows edges[k] … edges[k + 1]−1 have key k.
    threes, ones
        The keys that have a unit of three, and those of which one row is alone, in drawn order. It
        is alone because the key has one row, or because there is no room for its unit of three.
    twos
        (K + 1,) int64: the units of two of all keys before key k.
    """

    edges: Ints
    block_rows: int
    threes: Ints
    ones: Ints
    twos: Ints
    units: rng.Shuffle
    within: rng.Shuffles

    @property
    def n(self) -> int:
        """How many rows there are."""
        return int(self.edges[-1])

    def rows(self, low: int, high: int) -> Ints:
        """(high − low,) the rows at the places low … high−1 of the pass, which are a block."""
        end = self.n - 3 * (len(self.threes) % 2) - len(self.ones) % 2
        slots = min(high, end)
        first, last = (self._couples_before(place, end) for place in (low, slots))
        two = np.arange((low - 6 * first) // 2, (slots - 6 * last) // 2)
        parts = [self._of_three(np.arange(2 * first, 2 * last)), self._of_two(two)]
        if high > end:
            parts.append(self._of_three(np.arange(len(self.threes))[len(self.threes) // 2 * 2 :]))
            parts.append(self._alone(np.arange(len(self.ones))[len(self.ones) // 2 * 2 :]))
        return np.concatenate(parts)

    def _couples_before(self, place: int, end: int) -> int:
        """How many couples of units of three are in the blocks before a place."""
        return place * (len(self.threes) // 2) // end if end else 0

    def _of_three(self, numbers: Ints) -> Ints:
        """The rows of units of three: the last of their key."""
        keys = np.repeat(self.threes[numbers], 3)
        from_end = np.tile(np.arange(3), len(numbers))
        return self._shuffled(keys, self._sizes(keys) - 1 - from_end)

    def _of_two(self, slots: Ints) -> Ints:
        """The rows in slots."""
        if not len(slots):
            return slots
        units = np.repeat(self.units.rows(slots), 2)
        side = np.tile(np.arange(2), len(slots))
        pairs = units < self.twos[-1]
        keys = np.searchsorted(self.twos, units[pairs], side="right") - 1
        rows = np.empty(len(units), np.int64)
        rows[pairs] = self._shuffled(keys, 2 * (units[pairs] - self.twos[keys]) + side[pairs])
        rows[~pairs] = self._alone(2 * (units[~pairs] - self.twos[-1]) + side[~pairs])
        return rows

    def _alone(self, numbers: Ints) -> Ints:
        """The rows that are alone: the last of their key."""
        keys = self.ones[numbers]
        return self._shuffled(keys, self._sizes(keys) - 1)

    def _sizes(self, keys: Ints) -> Ints:
        return np.asarray(self.edges[keys + 1] - self.edges[keys])

    def _shuffled(self, keys: Ints, places: Ints) -> Ints:
        """The rows at places of their keys' own order."""
        return np.asarray(self.edges[keys] + self.within.rows(places, self._sizes(keys), keys))


def packed(edges: Ints, block_rows: int, seed: int, group: int) -> Packing:
    """The packing of rows that are grouped by key, for one group of copies."""
    n, sizes = int(edges[-1]), np.diff(edges)
    generator = rng.stream(seed, "", "units", group, 0)
    odd = generator.permutation(np.flatnonzero(sizes % 2 == 1)).astype(np.int64)
    threes, ones = odd[sizes[odd] > 1], odd[sizes[odd] == 1]
    blocks = max(1, n // block_rows)
    fit = 2 * max(0, (n - _SPARE * blocks) // 6) if block_rows >= _LEAST_BLOCK else 0
    ones, threes = np.concatenate([ones, threes[fit:]]), threes[:fit]
    units = sizes // 2
    units[threes] -= 1
    twos = np.concatenate([[0], np.cumsum(units)]).astype(np.int64)
    slots = int(twos[-1]) + len(ones) // 2
    return Packing(
        edges=edges,
        block_rows=block_rows,
        threes=threes,
        ones=ones,
        twos=twos,
        units=rng.Shuffle.keyed(max(1, slots), seed, group),
        within=rng.Shuffles.keyed(seed, "units", group),
    )
