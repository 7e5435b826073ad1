"""Holding rows out: which rows of a source become the validation output."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import UsageError
from augtool.known import Known

Ints = npt.NDArray[np.int64]

_SWEEPS = 4


def held_out(share: float, rows: Ints, known: Known, seed: int) -> tuple[Ints, tuple[str, ...]]:
    """The share of ``rows`` that is held out, rising, drawn by the seed, and warnings.

    Of all rows, to the nearest whole number, and of each class, rounded down or up; but a class
    keeps a row. With groups only whole ones are held out, chosen so that the numbers come near to
    these. Raises `UsageError` when no row can be held out, or none would be left.
    """
    classes = np.zeros(len(rows), np.int64) if known.classes is None else known.classes[rows]
    _, number, counts = np.unique(classes, return_inverse=True, return_counts=True)
    generator = rng.stream(seed, "", "holdout", 0, 0)
    quotas = _quotas(share, counts, generator)
    if known.groups is None:
        around = generator.permutation(len(rows))
        around = around[np.argsort(number[around], kind="stable")]
        starts = np.cumsum(counts) - counts
        place = np.arange(len(rows)) - starts[number[around]]
        held = rows[around[place < quotas[number[around]]]]
    else:
        held = rows[_whole_groups(known.groups[rows], number, quotas, generator)]
    if len(held) == len(rows):
        raise UsageError(
            f"holdout {share:g}: nothing would be left to mix; ask for a smaller share"
        )
    if not len(held):
        raise UsageError(
            f"holdout {share:g}: nothing of {len(rows)} rows can be held out so; "
            "ask for a larger share" + (", or smaller groups" if known.groups is not None else "")
        )
    held = np.sort(held)
    return held, () if known.classes is None else _lacking(known, rows, held)


def _lacking(known: Known, rows: Ints, held: Ints) -> tuple[str, ...]:
    """What to say of classes that are in one of the outputs alone."""
    assert known.classes is not None
    in_all = np.unique(known.classes[rows])
    in_held = np.unique(known.classes[held])
    in_rest = np.unique(known.classes[np.setdiff1d(rows, held, assume_unique=True)])
    said = []
    for lacking, what in (
        (np.setdiff1d(in_all, in_held), "no row held out"),
        (np.setdiff1d(in_all, in_rest), "all rows held out"),
    ):
        named = lacking[lacking >= 0]
        if len(named):
            have = "a class has" if len(named) == 1 else f"{len(named)} classes have"
            said.append(f"holdout: {have} {what}, such as {known.names[named[0]]}")
    return tuple(said)


def _quotas(share: float, counts: Ints, generator: np.random.Generator) -> Ints:
    """(K,) how many rows of each class."""
    part = Fraction(repr(share))
    wanted = int(sum(counts.tolist()) * part + Fraction(1, 2))
    around = generator.permutation(len(counts))  # who comes first on a tie
    quotas = np.empty(len(counts), np.int64)
    shares = [counts.tolist()[one] * part for one in around]
    made = [int(one) for one in shares]
    by_rest = sorted(range(len(made)), key=lambda one: made[one] - shares[one])
    for one in by_rest[: max(0, wanted - sum(made))]:
        made[one] += 1
    quotas[around] = made
    return np.minimum(quotas, np.maximum(counts - 1, 0))


def _whole_groups(
    groups: Ints, classes: Ints, quotas: Ints, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """(n,) the rows of groups that are held out. One after the other, large ones first, a group is
    taken in or out when that brings the counts of the classes nearer to their quotas; a few times
    over, since what helped early can hinder late."""
    present, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    drawn = generator.permutation(len(present))
    order = drawn[np.argsort(-sizes[drawn], kind="stable")]
    cells, counts = np.unique(number * len(quotas) + classes, return_counts=True)
    group_of, class_of = np.divmod(cells, len(quotas))
    starts = np.searchsorted(group_of, np.arange(len(present) + 1)).tolist()
    members, amounts, wanted = class_of.tolist(), counts.tolist(), quotas.tolist()
    taken = np.zeros(len(present), np.bool_)
    for group in order.tolist() * _SWEEPS:
        own = range(starts[group], starts[group + 1])
        sign = -1 if taken[group] else 1
        nearer = sum(amounts[i] * (2 * sign * wanted[members[i]] - amounts[i]) for i in own)
        if nearer > 0:
            taken[group] = not taken[group]
            for i in own:
                wanted[members[i]] -= sign * amounts[i]
    return np.asarray(taken[number])
