"""Pairing: which row of its block each row is mixed with.

Everything here is about m rows, numbered 0 … m−1, and what each of them has: its source row, and
its key, which is its class or its group. A row that is its own partner has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.recipe.sampling import Pair

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_ROUNDS = 6  # of random swaps, before those that are left are looked for one key at a time


def cycle(generator: np.random.Generator, rows: int) -> Ints:
    """(rows,) each row's partner: a uniformly random cyclic permutation, so never itself and
    each row once."""
    around = generator.permutation(rows)
    partner = np.empty(rows, np.int64)
    partner[around] = np.roll(around, -1)
    return partner


def partners(
    pair: Pair,
    generator: np.random.Generator,
    rows: int,
    slots: int,
    keys: Ints | None = None,
    sources: Ints | None = None,
) -> Ints:
    """(rows, slots − 1) partners by a policy. ``keys`` (rows,) are needed for all but ``any``;
    ``sources`` (rows,) only where a source row can be there twice."""
    if sources is not None and len(np.unique(sources)) == rows:
        sources = None
    if keys is None or pair == "any":
        return any_other(generator, rows, sources, slots)
    policy = same if pair.startswith("same") else other
    return policy(generator, keys, sources, slots)


def any_other(generator: np.random.Generator, rows: int, sources: Ints | None, slots: int) -> Ints:
    """(rows, slots − 1) partners that never show the source row of the base; the row itself where
    that cannot be avoided. Without repeats they are all different."""
    first = cycle(generator, rows)
    found = [first]
    for _ in range(slots - 2):
        found.append(first[found[-1]])
    if sources is None:
        return np.stack(found, axis=1)
    made = [repaired(generator, one, sources) for one in found]
    return np.stack([_without(one, sources) for one in made], axis=1)


def other(generator: np.random.Generator, keys: Ints, sources: Ints | None, slots: int) -> Ints:
    """(m, slots − 1) partners of another key wherever one can be had, and as `any_other`.

    Each column has max(0, 2c − m) partners of the base's own key, where c rows have the commonest
    key: no permutation has fewer. Two partners of a row are rarely the same row.
    """
    first = cycle(generator, len(keys))
    found, made = first, []
    for _ in range(slots - 1):
        one = repaired(generator, found, keys)
        if sources is not None:  # moves only partners of rows that have their own key anyway
            one = _without(repaired(generator, one, sources), sources)
        made.append(one)
        found = first[found]
    return np.stack(made, axis=1)


def same(generator: np.random.Generator, keys: Ints, sources: Ints | None, slots: int) -> Ints:
    """(m, slots − 1) partners of the base's own key and another source row; the row itself where
    there is none.

    A row of a key with fewer than ``slots`` rows has some of its partners twice.
    """
    around = generator.permutation(len(keys))
    around = around[np.argsort(keys[around], kind="stable")]
    starts, counts, run = _runs(keys[around])
    place = np.arange(len(keys)) - starts[run]
    made = []
    for slot in range(slots - 1):
        ahead = 1 + slot % np.maximum(counts[run] - 1, 1)
        partner = np.empty(len(keys), np.int64)
        partner[around] = around[starts[run] + (place + ahead) % counts[run]]
        if sources is not None:
            partner = _without(repaired(generator, partner, sources, within=keys), sources)
        made.append(partner)
    return np.stack(made, axis=1)


def repaired(
    generator: np.random.Generator, partner: Ints, keys: Ints, within: Ints | None = None
) -> Ints:
    """(m,) the permutation ``partner`` with no row beside one of its own key where that can be
    had, by random swaps; ``within`` keeps swaps among rows that have the same there.

    While rows i and j exist with keys[i] = keys[partner[i]] = c, and neither j nor its partner of
    key c, swapping their partners mends i and spoils nothing. So what stays is unavoidable: of c
    rows of a key among m, max(0, 2c − m).
    """
    partner = partner.copy()
    pool = _Pool(within, len(keys))
    for _ in range(_ROUNDS):
        rows = np.flatnonzero(keys[partner] == keys)
        if not len(rows):
            return partner
        _swap(partner, *_apart(rows, pool.drawn(generator, rows), keys, partner))
    rows = np.flatnonzero(keys[partner] == keys)
    marks = keys[rows] if within is None else _pairs(keys, within)[rows]
    for mark in np.unique(marks):
        rest = rows[marks == mark]
        rest = rest[keys[partner[rest]] == keys[rest]]  # some were mended with another key
        if len(rest):
            others = pool.beside(int(rest[0]))
            key = keys[rest[0]]
            free = others[(keys[others] != key) & (keys[partner[others]] != key)]
            few = min(len(rest), len(free))
            _swap(partner, rest[:few], generator.permutation(free)[:few])
    return partner


def unmet(pair: Pair, partners: Ints, keys: Ints | None) -> Bools:
    """(m,) rows with a partner that ``pair`` does not want, or, where all have to be alike,
    without one."""
    alone = partners == np.arange(len(partners))[:, None]
    if keys is None or pair == "any":
        return np.asarray(alone.any(axis=1))
    alike = keys[partners] == keys[:, None]
    wrong = alike if pair.startswith("other") else ~alike
    return np.asarray((wrong | alone).any(axis=1))


def said(pair: Pair, count: int, rows: int, about: str = "") -> tuple[str, ...]:
    """What to tell of ``count`` among ``rows`` rows that are not paired as they should be."""
    if not count:
        return ()
    what = "group" if pair.endswith("group") else "class"
    fate = {
        "any": "are not mixed: their block holds no other source row",
        "same": f"are not mixed: no other row of their {what} is in their block",
        "other": f"are mixed within their own {what}: most of their block is of it",
    }[pair.partition("-")[0]]
    return (f"pair {pair}: {about}{count:,} of {rows:,} rows {fate}",)


class _Pool:
    """Rows that may swap partners: all, or those that have the same in ``within``."""

    def __init__(self, within: Ints | None, rows: int) -> None:
        self.rows = rows
        self.within = within
        if within is not None:
            self.order = np.argsort(within, kind="stable")
            self.starts, self.counts, runs = _runs(within[self.order])
            self.run = np.empty(rows, np.int64)
            self.run[self.order] = runs

    def drawn(self, generator: np.random.Generator, rows: Ints) -> Ints:
        """One random row for each of ``rows``."""
        if self.within is None:
            return generator.integers(0, self.rows, len(rows))
        run = self.run[rows]
        return np.asarray(
            self.order[self.starts[run] + generator.integers(0, self.counts[run])], np.int64
        )

    def beside(self, row: int) -> Ints:
        """All rows that may swap with one."""
        if self.within is None:
            return np.arange(self.rows)
        start = self.starts[self.run[row]]
        return np.asarray(self.order[start : start + self.counts[self.run[row]]])


def _apart(rows: Ints, others: Ints, keys: Ints, partner: Ints) -> tuple[Ints, Ints]:
    """The swaps that mend, no row in two of them."""
    mends = (keys[rows] != keys[partner[others]]) & (keys[others] != keys[partner[rows]])
    rows, others = rows[mends], others[mends]
    others, first = np.unique(others, return_index=True)
    rows = rows[first]
    taken = np.zeros(len(partner), np.bool_)
    taken[rows] = True
    alone = ~taken[others]
    return rows[alone], others[alone]


def _swap(partner: Ints, rows: Ints, others: Ints) -> None:
    partner[rows], partner[others] = partner[others], partner[rows]


def _without(partner: Ints, sources: Ints) -> Ints:
    """Rows that would be mixed with themselves have no partner."""
    return np.where(sources[partner] == sources, np.arange(len(partner)), partner)


def _pairs(keys: Ints, within: Ints) -> npt.NDArray[Any]:
    """(m,) a number for each pair of values."""
    first, second = (np.unique(one, return_inverse=True)[1] for one in (keys, within))
    return np.asarray(first * (int(second.max()) + 1) + second)


def _runs(sorted_keys: Ints) -> tuple[Ints, Ints, Ints]:
    """Where the runs of equal keys begin, how long they are, and (m,) the run of each."""
    _, starts, run, counts = np.unique(
        sorted_keys, return_index=True, return_inverse=True, return_counts=True
    )
    return starts, counts, run
