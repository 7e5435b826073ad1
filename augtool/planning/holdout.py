"""Holding rows out: which rows of a source become the validation output."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import UsageError
from augtool.planning.group_split import chosen
from augtool.planning.row_info import Known

Ints = npt.NDArray[np.int64]

_FAR = 10  # a tenth more or less than was asked for, of the smaller part, is worth a word


def held_out(share: float, rows: Ints, known: Known) -> tuple[Ints, tuple[str, ...]]:
    """The share of ``rows`` that is held out, rising, drawn by the recipe's ``holdout_seed``, and
    warnings.

    Of all rows, to the nearest whole number, and of each class, rounded down or up; but a class
    keeps a row, unless all classes have but one. With groups only whole ones are held out, some and
    not all, chosen so that the numbers come near to these. Raises `UsageError` when no row can be
    held out, or none would be left.
    """
    classes = np.zeros(len(rows), np.int64) if known.classes is None else known.classes[rows]
    if (classes < 0).all() or len(np.unique(classes)) == len(rows):
        classes = np.zeros(len(rows), np.int64)
    _, number, counts = np.unique(classes, return_inverse=True, return_counts=True)
    wanted = min(int(len(rows) * Fraction(repr(share)) + Fraction(1, 2)), len(rows) - 1)
    _check(share, wanted, rows, known)
    generator = rng.stream(known.sampling.holdout_seed, "", "holdout", 0, 0)
    quotas = _quotas(share, wanted, counts, generator)
    if known.groups is None:
        held = rows[_of_each(number, quotas, counts, generator)]
    else:
        held = rows[chosen(known.groups[rows], number, wanted, quotas, generator)]
    said = () if known.classes is None else _lacking(known, rows, held)
    why = "each class keeps a row" if known.groups is None else "whole groups allow none nearer"
    return held, (*_far(share, wanted, len(held), len(rows), why), *said)


def _check(share: float, wanted: int, rows: Ints, known: Known) -> None:
    """Raise `UsageError` when nothing can be held out, or nothing would be left to mix."""
    if len(rows) < 2:
        raise UsageError(f"holdout {share:g}: there is one row, and it cannot be parted")
    if not wanted:
        raise UsageError(
            f"holdout {share:g}: nothing of {len(rows)} rows can be held out so; "
            "ask for a larger share"
        )
    if known.groups is not None and len(np.unique(known.groups[rows])) == 1:
        raise UsageError(
            f"holdout {share:g}: all {len(rows)} rows are of one group, which cannot be parted; "
            "leave out group-by, or take another column"
        )


def _of_each(
    number: Ints, quotas: Ints, counts: Ints, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """(n,) so many rows of each class, drawn."""
    around = generator.permutation(len(number))
    around = around[np.argsort(number[around], kind="stable")]
    place = np.arange(len(number)) - (np.cumsum(counts) - counts)[number[around]]
    held = np.zeros(len(number), np.bool_)
    held[around[place < quotas[number[around]]]] = True
    return held


def _far(share: float, wanted: int, held: int, rows: int, why: str) -> tuple[str, ...]:
    """What to say when it is not about the share that was asked for, and ``why``."""
    if abs(held - wanted) <= max(1, min(wanted, rows - wanted) // _FAR):
        return ()
    got = held / rows
    return (f"holdout {share:g}: {held:,} of {rows:,} rows are held out, {got:.3g}: {why}",)


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


def _quotas(share: float, wanted: int, counts: Ints, generator: np.random.Generator) -> Ints:
    """(K,) how many rows of each class."""
    part = Fraction(repr(share))
    around = generator.permutation(len(counts))  # who comes first on a tie
    quotas = np.empty(len(counts), np.int64)
    shares = [counts.tolist()[one] * part for one in around]
    made = [int(one) for one in shares]
    by_rest = sorted(range(len(made)), key=lambda one: made[one] - shares[one])
    for one in by_rest[: max(0, wanted - sum(made))]:
        made[one] += 1
    quotas[around] = made
    return np.minimum(quotas, np.maximum(counts - 1, 0))
