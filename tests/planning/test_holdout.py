"""Which rows are held out: the share that was asked for, of each class, and in whole groups."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augtool.errors import UsageError
from augtool.planning.holdout import held_out
from augtool.planning.plan import Plan, make_plan
from augtool.planning.row_info import Known
from augtool.recipe.recipe import Recipe, step
from augtool.recipe.sampling import Sampling

COUNTS = st.lists(st.integers(1, 30), min_size=2, max_size=8)
SHARES = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9])
Ints = Any


def held_of(
    share: float, classes: Ints, groups: Ints = None, seed: int = 0
) -> tuple[Ints, tuple[str, ...]]:
    """What is held out of all rows; classes None for a target that has none."""
    group_by = None if groups is None else "g"
    sampling = Sampling(holdout=share, holdout_seed=seed, group_by=group_by)
    rows = len(groups) if classes is None else len(classes)
    names = () if classes is None else tuple(map(str, range(int(max(classes)) + 1)))
    return held_out(share, np.arange(rows), Known(sampling, classes, names, groups=groups))


def wanted_of(share: float, rows: int) -> int:
    return int(rows * Fraction(str(share)) + Fraction(1, 2))


@given(COUNTS, SHARES, st.integers(0, 99))
def test_the_share_of_each_class_is_held_out(counts: list[int], share: float, seed: int) -> None:
    classes = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(classes)
    if not wanted_of(share, n):
        with pytest.raises(UsageError, match=r"nothing of .* rows can be held out so"):
            held_of(share, classes, seed=seed)
        return
    held, _ = held_of(share, classes, seed=seed)
    assert (np.diff(held) > 0).all()
    assert 0 < len(held) < n
    if max(counts) == 1:  # no class can be in both
        assert len(held) == min(wanted_of(share, n), n - 1)
        return
    assert len(held) <= wanted_of(share, n)
    for number, count in enumerate(counts):
        own = (classes[held] == number).sum()
        assert abs(own - count * Fraction(str(share))) < 1
        assert own < count


def nearest(sizes: Ints, wanted: int) -> int:
    """How far from ``wanted`` the nearest sum of some but not all sizes is."""
    masks = (np.arange(1, 2 ** len(sizes) - 1)[:, None] >> np.arange(len(sizes))) & 1
    return int(np.abs(masks @ sizes - wanted).min())


@settings(max_examples=150)
@given(
    sizes=st.lists(st.integers(1, 9) | st.integers(10, 400), min_size=2, max_size=11),
    kinds=st.integers(1, 4),
    pure=st.booleans(),
    share=SHARES,
    seed=st.integers(0, 9),
)
def test_whole_groups_of_any_sizes_come_as_near_to_the_share_as_any_do(
    sizes: list[int], kinds: int, pure: bool, share: float, seed: int
) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    n = len(groups)
    classes = (groups if pure else np.random.default_rng(n).integers(0, kinds, n)) % kinds
    wanted = min(wanted_of(share, n), n - 1)
    if not wanted:
        return
    held, said = held_of(share, classes, groups, seed)
    assert not set(groups[held]) & set(np.delete(groups, held))
    assert 0 < len(held) < n
    least = nearest(np.array(sizes), wanted)
    off = abs(len(held) - wanted)
    assert off <= max(least, wanted // 50, wanted >= 10)
    assert any("whole groups allow none nearer" in one for one in said) == (
        off > max(1, min(wanted, n - wanted) // 10)
    )


def test_uneven_groups_do_not_double_the_share() -> None:
    sizes = np.array([190, *[7] * 50, *[23] * 20])
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(5):
        held, said = held_of(0.1, groups % 3, groups, seed)
        assert abs(len(held) - len(groups) / 10) <= 2
        assert said == ()


@settings(max_examples=50)
@given(st.integers(0, 99), st.sampled_from([0.2, 0.5]))
def test_whole_groups_are_held_out_near_the_share_of_each_class(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 600)
    classes = (groups + (rng.random(600) < 0.1)) % 3
    held, said = held_of(share, classes, groups, seed)
    assert said == ()
    of_class = np.bincount(classes[held]) / np.bincount(classes)
    assert (np.abs(of_class - share) < 0.03).all()


def test_many_groups_are_chosen_by_class_too() -> None:
    rng = np.random.default_rng(0)
    groups = (rng.pareto(1.2, 20_000) * 300).astype(int)
    classes = rng.integers(0, 50, 20_000)
    held, _ = held_of(0.1, classes, groups)
    assert abs(len(held) - 2000) <= 40
    assert (np.abs(np.bincount(classes[held]) - np.bincount(classes) / 10) < 8).all()


def test_groups_that_are_too_large_for_the_share_are_parted_and_told() -> None:
    held, said = held_of(0.1, None, np.arange(100) // 50)
    assert len(held) == 50
    assert said == (
        "holdout 0.1: 50 of 100 rows are held out, 0.5: whole groups allow none nearer",
    )


def test_one_group_cannot_be_parted() -> None:
    with pytest.raises(UsageError, match="all 9 rows are of one group, which cannot be parted"):
        held_of(0.5, None, np.zeros(9, int))


def test_one_row_cannot_be_parted() -> None:
    with pytest.raises(UsageError, match="there is one row"):
        held_of(0.5, np.zeros(1, int))


def test_what_classes_of_one_row_leave_of_the_share_is_told() -> None:
    held, said = held_of(0.2, np.array([*range(50), 50, 50, 51, 51]))
    assert len(held) == 2
    assert said[0] == "holdout 0.2: 2 of 54 rows are held out, 0.037: each class keeps a row"


def plan_of(seed: int, classes: Ints, **sampling: Any) -> Plan:
    chosen = Sampling(holdout=0.2, **sampling)
    recipe = Recipe((step("cutmix"),), seed=seed, sampling=chosen)
    known = Known(chosen, classes, ("a", "b", "c"), groups=np.arange(len(classes)) // 4)
    return make_plan(recipe, len(classes), (6, 7, 3), 1, known=known)


@pytest.mark.parametrize("chosen", [{}, {"group_by": "g"}, {"per_class": 40}])
def test_the_mixing_seed_holds_out_no_other_rows_and_the_holdout_seed_does(
    chosen: dict[str, Any],
) -> None:
    classes = np.arange(300) % 3
    first, second = (plan_of(seed, classes, **chosen) for seed in (0, 1))
    other = plan_of(0, classes, holdout_seed=1, **chosen)
    assert first.held is not None
    assert second.held is not None
    assert np.array_equal(first.held, second.held)
    assert not np.array_equal(first.held, other.held)
    mixed = np.concatenate([second.draw(0, block).src for block in range(second.blocks)])
    assert not set(first.held) & set(mixed.ravel())  # of the one seed, in the other's mixture
