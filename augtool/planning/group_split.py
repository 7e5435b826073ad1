"""Choosing whole groups of rows, so that they are as near to a number of rows, and to a number of
each class, as groups allow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_ATTEMPTS = 32
_WORK = 1 << 20  # counts that are looked at in all attempts together, about
_SWEEPS = 4
_DENSE = 1 << 28  # groups² · classes up to which groups are exchanged, too
_UNIT = 1 << 20  # an error of all rows of a class, as a whole number
_TOTAL = 2  # times as much as the classes together does the total count
_MOST_CLASSES = 1000  # that count so, lest the sums overflow
_SUMS = 1 << 28  # groups · sums up to which the nearest sum of all is looked for
_DRAWS = 8  # of groups with that sum


@dataclass(frozen=True)
class _Table:
    """How many rows of each class each of G groups has, and how many of all: column K.

    starts, columns, counts
        Those that are not 0, by group: group g has ``starts[g]`` … ``starts[g + 1]``−1.
    wanted, cost
        (K + 1,) how many rows should be chosen, and what the square of an error costs.
    """

    starts: Ints
    columns: Ints
    counts: Ints
    wanted: Ints
    cost: Ints

    @property
    def groups(self) -> int:
        """G."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> Ints:
        """(G,) rows: the total is a group's last column."""
        return self.counts[self.starts[1:] - 1]

    def dense(self) -> Ints:
        """(G, K + 1)."""
        table = np.zeros((self.groups, len(self.wanted)), np.int64)
        table[np.repeat(np.arange(self.groups), np.diff(self.starts)), self.columns] = self.counts
        return table


def chosen(
    groups: Ints, classes: Ints, wanted: int, quotas: Ints, generator: np.random.Generator
) -> Bools:
    """(n,) the rows of the groups that are chosen: some of ``groups`` (n,), and not all.

    Near to ``wanted`` rows first, then near to ``quotas`` (K,) of the ``classes`` (n,): what is
    missing or too much of a class counts by its square over the rows of the class. A draw of the
    groups is made better by moving single ones and by exchanging two, until nothing helps; another
    draw is tried while its total is off by more than 1/50 (or a row). When none does, the nearest
    sum of all is looked for, if that can be had. Whole numbers only, so that the choice is the same
    everywhere. There are at least two groups, and ``wanted`` is at least 1.
    """
    present, number = np.unique(groups, return_inverse=True)
    table = _table(number, classes, wanted, quotas)
    near = max(wanted // 50, min(1, wanted // 10))
    tries = max(1, min(_ATTEMPTS, _WORK // len(table.counts)))
    best, least = np.zeros(0, np.bool_), (len(groups) + 1, 0)
    for _ in range(tries):
        taken, error = _improved(table, generator.permutation(len(present)))
        best, least = min((best, least), (taken, _rank(table, error)), key=lambda one: one[1])
        if least[0] <= near:
            return best[number]
    for _ in range(_DRAWS):
        taken = _nearest_sum(table, generator.permutation(len(present)))
        rank = _rank(table, _error(table, taken))
        best, least = min((best, least), (taken, rank), key=lambda one: one[1])
    return best[number]


def _table(number: Ints, classes: Ints, wanted: int, quotas: Ints) -> _Table:
    width = len(quotas) + 1
    keys = np.concatenate([number * width + classes, number * width + width - 1])
    cells, counts = np.unique(keys, return_counts=True)
    group, column = np.divmod(cells, width)
    sizes = np.bincount(classes, minlength=len(quotas))
    cost = np.maximum(_UNIT // np.maximum(sizes, 1), 1)
    total = max(_TOTAL * min(len(quotas), _MOST_CLASSES) * _UNIT // len(number), 1)
    return _Table(
        starts=np.searchsorted(group, np.arange(int(number.max()) + 2)),
        columns=column,
        counts=counts.astype(np.int64),
        wanted=np.append(quotas, wanted),
        cost=np.append(cost, total),
    )


def _improved(table: _Table, order: Ints) -> tuple[Bools, Ints]:
    """(G,) which groups are taken, and (K + 1,) how much that is above what is wanted."""
    taken = _drawn(table, order)
    error = _error(table, taken)
    if table.groups**2 * len(table.wanted) > _DENSE:  # moves alone: classes first, then the total
        by_class = dataclasses.replace(table, cost=np.append(table.cost[:-1], 0))
        for each in [by_class] * _SWEEPS + [table] * _SWEEPS:
            _moved(each, order, taken, error)
        return taken, error
    dense = table.dense()
    for _ in range(_SWEEPS):
        moved = _moved(table, order, taken, error)
        if not _exchanged(table, dense, order, taken, error) and not moved:
            break
    return taken, error


def _drawn(table: _Table, order: Ints) -> Bools:
    """The groups in drawn order that fit into the total; at least one, and not all."""
    taken, sizes, room = np.zeros(table.groups, np.bool_), table.sizes, int(table.wanted[-1])
    for group in order.tolist():
        if sizes[group] <= room:
            taken[group] = True
            room -= int(sizes[group])
    if not taken.any():
        taken[order[np.argmin(sizes[order])]] = True
    elif taken.all():
        taken[order[np.argmin(sizes[order])]] = False
    return taken


def _error(table: _Table, taken: Bools) -> Ints:
    """(K + 1,) how much the groups that are taken have above what is wanted."""
    rows = np.repeat(taken, np.diff(table.starts))
    error = -table.wanted
    np.add.at(error, table.columns[rows], table.counts[rows])
    return error


def _rank(table: _Table, error: Ints) -> tuple[int, int]:
    return abs(int(error[-1])), int((table.cost * error**2).sum())


def _moved(table: _Table, order: Ints, taken: Bools, error: Ints) -> bool:
    """Take single groups in or out where that costs less, one after the other."""
    starts, columns, counts = table.starts.tolist(), table.columns.tolist(), table.counts.tolist()
    cost, off, number = table.cost.tolist(), error.tolist(), int(taken.sum())
    before = number, off.copy()
    for group in order.tolist():
        sign = -1 if taken[group] else 1
        if not 0 < number + sign < table.groups:
            continue
        own = range(starts[group], starts[group + 1])
        more = sum(
            cost[columns[i]] * counts[i] * (counts[i] + 2 * sign * off[columns[i]]) for i in own
        )
        if more < 0:
            taken[group] = not taken[group]
            number += sign
            for i in own:
                off[columns[i]] += sign * counts[i]
    error[:] = off
    return before != (number, off)


def _exchanged(table: _Table, dense: Ints, order: Ints, taken: Bools, error: Ints) -> bool:
    """Exchange a group that is taken for another where that costs less: for the best one."""
    own = (dense**2) @ table.cost
    moved = False
    for group in order[taken[order]].tolist():
        weighed = table.cost * dense[group]
        gain = 2 * (dense @ (table.cost * error - weighed)) + own
        gain += own[group] - 2 * int((weighed * error).sum())
        gain[taken] = 0
        other = int(order[np.argmin(gain[order])])
        if gain[other] < 0:
            taken[group], taken[other] = False, True
            error += dense[other] - dense[group]
            moved = True
    return moved


def _nearest_sum(table: _Table, order: Ints) -> Bools:
    """(G,) groups whose rows are as near to the wanted total as any groups' are, the first in order
    where there is a choice; the drawn ones where there are too many to look. The sums that can be
    had are the bits of a number."""
    sizes, wanted = table.sizes[order].tolist(), int(table.wanted[-1])
    most = min(sum(sizes) - 1, max(2 * wanted, min(sizes)))
    if len(sizes) * most > _SUMS:
        return _drawn(table, order)
    reached, mask = [1], (1 << (most + 1)) - 1
    for size in sizes:
        reached.append((reached[-1] | reached[-1] << size) & mask)
    sums = reached[-1] & ~1  # no group at all has no rows
    low, above = (sums & ((1 << wanted) - 1)).bit_length() - 1, sums >> wanted
    high = wanted + (above & -above).bit_length() - 1
    rest = low if low > 0 and (not above or wanted - low <= high - wanted) else high
    taken = np.zeros(table.groups, np.bool_)
    for place in range(len(sizes) - 1, -1, -1):
        if not reached[place] >> rest & 1:
            taken[order[place]] = True
            rest -= sizes[place]
    return taken
