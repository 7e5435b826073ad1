"""The virtual source of a run: which source rows a pass is made of, possibly with repeats.

A list has n places. What stands at a place is worked out where it is needed, from a few arrays that
workers map; `Plan` shuffles places, cuts them into blocks and pairs what stands there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from augtool import rng

Ints = npt.NDArray[np.int64]

_MOST = 1 << 62  # places times the sum of weights
_GOLDEN = 618_033_988_749_895, 10**15


def _none() -> Ints:
    return np.empty(0, np.int64)


class Places(Protocol):
    """A list of source rows for each copy."""

    @property
    def n(self) -> int:
        """How many places there are."""
        ...

    @property
    def rows(self) -> Ints:
        """(n,) the source rows that take part, each once."""
        ...

    @property
    def drawn(self) -> bool:
        """Whether copies differ in what they hold, and a row can be there twice."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether places are in the order of the output: nothing has to be shuffled."""
        ...

    def at(self, copy: int, places: Ints) -> Ints:
        """(m,) places -> (m,) the source rows that stand there in a copy."""
        ...


@runtime_checkable
class Keyed(Places, Protocol):
    """Places that can be ordered by key, so that rows of a key are paired with each other."""

    def edges(self, copy: int) -> Ints:
        """(K + 1,) where each key (a class, a group) begins in a copy, when places are ordered by
        key, and n."""
        ...

    def by_key(self, ordered: Ints) -> Ints:
        """(m,) numbers in the order by key -> (m,) places."""
        ...


@dataclass(frozen=True)
class Listed:
    """Each of ``rows`` (n,) once, in every copy.

    order, starts
        (n,) the places ordered by key, and (K + 1,) where each key begins among them; empty when
        nobody asks.
    """

    rows: Ints
    order: Ints = field(default_factory=_none)
    starts: Ints = field(default_factory=_none)
    drawn: bool = False
    ordered: bool = False

    @property
    def n(self) -> int:
        return len(self.rows)

    def at(self, _copy: int, places: Ints) -> Ints:
        """See `Places`."""
        return np.asarray(self.rows[places])

    def edges(self, _copy: int) -> Ints:
        """See `Keyed`."""
        return self.starts

    def by_key(self, ordered: Ints) -> Ints:
        """See `Keyed`."""
        return np.asarray(self.order[ordered])


@dataclass(frozen=True)
class Balanced:
    """Classes in turn, or by quota; the rows of a class one after the other, from copy to copy, so
    that each comes before any comes again.

    rows
        (n,) source rows, by class in drawn order, those of a class in drawn order.
    starts
        (K + 1,) class k has rows[starts[k]] … rows[starts[k + 1] − 1].
    quotas
        (K,) how often each class is in a copy; None deals the places of all copies to the classes
        in turn, so that after any number of copies they differ by one at most.
    """

    rows: Ints
    starts: Ints
    quotas: Ints | None = None
    drawn: bool = True
    ordered: bool = False

    @property
    def n(self) -> int:
        return len(self.rows)

    def before(self, copy: int) -> Ints:
        """(K,) how often each class was in all copies before this one."""
        if self.quotas is not None:
            return self.quotas * copy
        classes = len(self.starts) - 1
        return (self.n * copy - np.arange(classes) + classes - 1) // classes

    def edges(self, copy: int) -> Ints:
        """See `Keyed`: keys are classes."""
        return np.concatenate([[0], np.cumsum(self.before(copy + 1) - self.before(copy))])

    def by_key(self, ordered: Ints) -> Ints:
        """See `Keyed`: they are ordered so."""
        return ordered

    def at(self, copy: int, places: Ints) -> Ints:
        """See `Places`."""
        edges = self.edges(copy)
        classes = np.searchsorted(edges, places, side="right") - 1
        turn = self.before(copy)[classes] + places - edges[classes]
        sizes = self.starts[classes + 1] - self.starts[classes]
        return np.asarray(self.rows[self.starts[classes] + turn % sizes])


@dataclass(frozen=True)
class Dealt:
    """Classes in rounds: each round has a row of every class, in an order of its own, and rounds go
    on over the ends of copies. So classes differ by one row at most after any number of rows. Each
    row of a class comes before any comes again, and then they come in another order.

    rows
        (n,) source rows, by class.
    starts
        (K + 1,) class k has rows[starts[k]] … rows[starts[k + 1] − 1].
    turns
        Shuffles the K classes of each round.
    within
        Shuffles the rows of a class each time that they come.
    """

    rows: Ints
    starts: Ints
    turns: rng.Shuffles
    within: rng.Shuffles
    drawn: bool = True
    ordered: bool = True

    @property
    def n(self) -> int:
        return len(self.rows)

    def at(self, copy: int, places: Ints) -> Ints:
        """See `Places`."""
        classes = len(self.starts) - 1
        number, turn = np.divmod(self.n * copy + places, classes)
        own = self.turns.rows(turn, np.full(len(turn), classes), number)
        sizes = self.starts[own + 1] - self.starts[own]
        time, nth = np.divmod(number, sizes)
        return np.asarray(
            self.rows[self.starts[own] + self.within.rows(nth, sizes, time * classes + own)]
        )


@dataclass(frozen=True)
class Weighted:
    """Rows in proportion to their weights: each its share of the n places, rounded down or up, by
    systematic sampling (Madow, 1949) from a start that moves by the golden ratio with each copy,
    so that shares below one are had in turn.

    rows
        (n,) source rows in drawn order.
    sums
        (n + 1,) int64: the weights of all rows before each; n · sums[n] is below 2⁶².
    phase
        Where copy 0 starts, in 0 … sums[n] − 1.
    starts
        (K + 1,) where each key begins among ``rows``, when these are ordered by key.
    """

    rows: Ints
    sums: Ints
    phase: int
    starts: Ints = field(default_factory=_none)
    drawn: bool = True
    ordered: bool = False

    @property
    def n(self) -> int:
        return len(self.rows)

    @cached_property
    def _total(self) -> int:
        return int(self.sums[-1])

    def _start(self, copy: int) -> int:
        golden, whole = _GOLDEN
        return (self.phase + copy * (self._total * golden // whole)) % self._total

    def edges(self, copy: int) -> Ints:
        """See `Keyed`."""
        return np.asarray((self.n * self.sums[self.starts] + self._start(copy)) // self._total)

    def by_key(self, ordered: Ints) -> Ints:
        """See `Keyed`: they are ordered so."""
        return ordered

    def at(self, copy: int, places: Ints) -> Ints:
        """See `Places`."""
        needed = -((self._start(copy) - (places + 1) * self._total) // self.n)
        return np.asarray(self.rows[np.searchsorted(self.sums[1:], needed, side="left")])


def dealt(candidates: Ints, classes: Ints, seed: int) -> Dealt:
    """The list of ``candidates`` (n,), of ``classes`` (n,), in which classes are equally frequent
    among any number of rows from the first."""
    around = np.argsort(classes, kind="stable")
    return Dealt(
        rows=candidates[around],
        starts=starts_of(classes[around]),
        turns=rng.Shuffles.keyed(seed, "turns", 0),
        within=rng.Shuffles.keyed(seed, "rounds", 0),
    )


def balanced(candidates: Ints, classes: Ints, rule: str, seed: int) -> Balanced:
    """The list of ``candidates`` (n,), of ``classes`` (n,), in which all classes are equally
    frequent, or, by the rule ``sqrt``, in proportion to the square roots of their counts."""
    present, number, counts = np.unique(classes, return_inverse=True, return_counts=True)
    generator = rng.stream(seed, "", "balance", 0, 0)
    turn = generator.permutation(len(present))  # class number -> its turn
    around = generator.permutation(len(candidates))
    rows = candidates[around[np.argsort(turn[number[around]], kind="stable")]]
    sizes = np.empty(len(present), np.int64)
    sizes[turn] = counts
    quotas = None
    if rule == "sqrt":
        roots = [math.isqrt(size << 40) for size in sizes.tolist()]
        quotas = np.array(apportioned(len(candidates), roots), np.int64)
    return Balanced(rows, np.concatenate([[0], np.cumsum(sizes)]), quotas)


def weighted(
    candidates: Ints, weights: npt.NDArray[Any], seed: int, keys: Ints | None = None
) -> Weighted:
    """The list of ``candidates`` (n,) in proportion to ``weights`` (n,), numbers from 0; rows that
    are alike in ``keys`` (n,) stay together."""
    generator = rng.stream(seed, "", "row_weights", 0, 0)
    around = generator.permutation(len(candidates))
    starts = _none()
    if keys is not None:
        around = around[np.argsort(keys[around], kind="stable")]
        starts = starts_of(keys[around])
    sums = np.concatenate([[0], np.cumsum(_whole(weights)[around])])
    phase = int(generator.integers(0, int(sums[-1])))
    return Weighted(candidates[around], sums, phase, starts)


def listed(candidates: Ints, keys: Ints | None = None) -> Listed:
    """The list of ``candidates`` (n,), and its order by ``keys`` (n,)."""
    if keys is None:
        return Listed(candidates)
    order = np.argsort(keys, kind="stable")
    return Listed(candidates, order, starts_of(keys[order]))


def starts_of(ordered: Ints) -> Ints:
    """(K + 1,) where each run of equal keys begins, and their number."""
    _, counts = np.unique(ordered, return_counts=True)
    return np.concatenate([[0], np.cumsum(counts)])


def apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole numbers in proportion to weights: rounded down, and what is left goes to
    the largest remainders, the first ones on a tie."""
    whole = sum(weights)
    shares = [divmod(total * weight, whole) for weight in weights]
    made = [share for share, _ in shares]
    by_rest = sorted(range(len(weights)), key=lambda one: -shares[one][1])
    for one in by_rest[: total - sum(made)]:
        made[one] += 1
    return made


def _whole(weights: npt.NDArray[Any]) -> Ints:
    """Weights as whole numbers: themselves, or scaled so that their products with places fit; none
    that is above 0 becomes 0."""
    most = _MOST // len(weights)
    if weights.dtype.kind in "biu" and sum(weights.tolist()) < most:
        return weights.astype(np.int64)
    values = weights.astype(np.float64) / float(weights.max())
    scale = (most >> 1) / math.fsum(values)
    return np.where(weights > 0, np.maximum(np.rint(values * scale), 1), 0).astype(np.int64)
