"""Pairs by a policy: what can be avoided is, and what cannot is counted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augtool.errors import SourceError, UsageError
from augtool.planning import pairing
from augtool.planning.group_shuffle import packed
from augtool.planning.plan import Plan, make_plan
from augtool.planning.row_info import Known
from augtool.recipe.recipe import Recipe, step
from augtool.recipe.sampling import Pair, Sampling
from augtool.rng import Shuffles

SHAPE = (6, 7, 3)
KEYS = st.lists(st.integers(-1, 5), min_size=2, max_size=90)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def plan_of(classes: np.ndarray, pair: Pair, method: str = "cutmix", **recipe: object) -> Plan:
    sampling = Sampling(pair=pair)
    made = Recipe((step(method),), sampling=sampling, **{"block_rows": 64, **recipe})  # type: ignore[arg-type]
    names = tuple(map(str, range(int(classes.max()) + 1)))
    return make_plan(made, len(classes), SHAPE, 1, known=Known(sampling, classes, names))


def fewest(keys: list[int]) -> int:
    """The fewest pairs of equal keys of any permutation, by trying all of them."""
    return min(
        sum(keys[row] == keys[other] for row, other in enumerate(chosen))
        for chosen in itertools.permutations(range(len(keys)))
    )


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=6), st.integers(0, 99))
def test_no_permutation_has_fewer_pairs_of_one_class(keys: list[int], seed: int) -> None:
    made = np.array(keys)
    partner = pairing.other(generator(seed), made, None, 2)[:, 0]
    assert sorted(partner) == list(range(len(keys)))
    assert (made[partner] == made).sum() == fewest(keys)


@given(KEYS, st.integers(2, 4), st.integers(0, 9))
def test_other_class_leaves_only_pairs_that_cannot_be_avoided(
    keys: list[int], slots: int, seed: int
) -> None:
    made = np.array(keys)
    partners = pairing.other(generator(seed), made, None, slots)
    least = max(0, 2 * max(keys.count(key) for key in keys) - len(keys))
    for column in partners.T:
        assert np.array_equal(np.sort(column), np.arange(len(keys)))
        assert (made[column] == made).sum() == least
    if len(keys) >= slots:
        assert (partners != np.arange(len(keys))[:, None]).all()


@given(KEYS, st.integers(2, 4), st.integers(0, 9))
def test_same_class_pairs_every_row_that_has_a_mate(keys: list[int], slots: int, seed: int) -> None:
    made = np.array(keys)
    partners = pairing.same(generator(seed), made, None, slots)
    counts = np.array([keys.count(key) for key in keys])
    assert (made[partners] == made[:, None]).all()
    assert np.array_equal(np.sort(partners[:, 0]), np.arange(len(keys)))
    alone = partners == np.arange(len(keys))[:, None]
    assert np.array_equal(alone.all(axis=1), counts == 1)
    assert np.array_equal(alone.any(axis=1), counts == 1)
    for row in np.flatnonzero(counts >= slots):
        assert len(set(partners[row])) == slots - 1


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 4), st.integers(0, 9))
def test_no_row_is_mixed_with_itself_where_rows_repeat(
    sources: list[int], slots: int, seed: int
) -> None:
    made = np.array(sources)
    partners = pairing.any_other(generator(seed), len(made), made, slots)
    alone = partners == np.arange(len(made))[:, None]
    assert ((made[partners] != made[:, None]) | alone).all()
    least = max(0, 2 * max(sources.count(one) for one in sources) - len(sources))
    assert (alone.sum(axis=0) == least).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2, max_size=60))
def test_repeated_rows_of_a_class_are_kept_apart_too(rows: list[tuple[int, int]]) -> None:
    keys, sources = np.array(rows).T
    sources = sources + 10 * keys  # a source row has one class
    for policy in (pairing.same, pairing.other):
        partner = policy(generator(), keys, sources, 2)[:, 0]
        alone = partner == np.arange(len(keys))
        assert ((sources[partner] != sources) | alone).all()
        alike = keys[partner] == keys
        if policy is pairing.same:
            assert alike.all()
            for key in set(keys):
                own = sources[keys == key].tolist()
                least = max(0, 2 * max(own.count(one) for one in own) - len(own))
                assert alone[keys == key].sum() == least
        else:
            own = keys.tolist()
            assert alike.sum() == max(0, 2 * max(own.count(one) for one in own) - len(own))


def test_pairs_of_two_classes_are_drawn_anew_and_not_always_the_same() -> None:
    keys = np.arange(100) % 2
    made = {tuple(pairing.other(generator(seed), keys, None, 2)[:, 0]) for seed in range(20)}
    assert len(made) == 20


def test_each_row_of_another_class_is_as_likely() -> None:
    keys = np.array([0, 0, 1, 1, 2, 2])
    chosen = [int(pairing.other(generator(seed), keys, None, 2)[0, 0]) for seed in range(2000)]
    counts = np.bincount(chosen, minlength=6)
    assert (counts[:2] == 0).all()
    assert (np.abs(counts[2:] - 500) < 5 * np.sqrt(500)).all()


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.sampled_from([2, 8, 16, 64]))
def test_packing_is_a_bijection_that_strands_none_of_a_pair(sizes: list[int], rows: int) -> None:
    edges = np.concatenate([[0], np.cumsum(sizes)])
    made = packed(edges, rows, 3, 0)
    n = int(edges[-1])
    lows = [block * rows for block in range(max(1, n // rows))]
    blocks = [made.rows(low, high) for low, high in zip(lows, [*lows[1:], n], strict=True)]
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(n))
    key = np.repeat(np.arange(len(sizes)), sizes)
    stranded = [k for block in blocks for k in key[block] if (key[block] == k).sum() == 1]
    assert all(sizes[k] % 2 for k in stranded)
    if rows == 64 and 6 * (len(sizes) // 2) < n - 12 * len(lows):  # there is room for all threes
        assert all(sizes[k] == 1 for k in stranded)


def test_pairs_are_formed_anew_for_each_group_of_copies() -> None:
    edges = np.arange(0, 801, 8)
    made = [packed(edges, 64, 0, group) for group in range(2)]
    mates = [
        {
            frozenset(pair)
            for low in range(0, 768, 64)
            for pair in one.rows(low, low + 64).reshape(-1, 2)
        }
        for one in made
    ]
    assert len(mates[0] & mates[1]) < 120  # of 384; one in seven by chance


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(0, 99))
def test_shuffles_are_bijections_of_their_own_ranges(sizes: list[int], seed: int) -> None:
    ranges = np.repeat(np.arange(len(sizes)), sizes)
    places = np.concatenate([np.arange(size) for size in sizes])
    rows = Shuffles.keyed(seed, "test", 0).rows(places, np.array(sizes)[ranges], ranges)
    for number, size in enumerate(sizes):
        assert np.array_equal(np.sort(rows[ranges == number]), np.arange(size))


@pytest.mark.parametrize("pair", ["any", "other-class", "same-class"])
@pytest.mark.parametrize("in_order", [False, True])
def test_every_row_is_once_base_and_once_partner_of_each_copy(pair: Pair, in_order: bool) -> None:
    classes = np.random.default_rng(0).integers(0, 7, 700)
    order = "source" if in_order else "shuffled"
    plan = plan_of(classes, pair, copies=2, order=order)
    assert plan.blocks >= 5
    for number in range(2):
        blocks = [plan.draw(number, block) for block in range(plan.blocks)]
        src = np.concatenate([block.src for block in blocks])
        for column in src.T:
            assert np.array_equal(np.sort(column), np.arange(700))
        alike = classes[src[:, 0]] == classes[src[:, 1]]
        if pair != "any":
            assert alike.all() if pair == "same-class" else not alike.any()
        if in_order:
            out = np.concatenate([block.out for block in blocks])
            assert np.array_equal(out - 700 * number, src[:, 0])
            assert plan.block_at(number, 5) == next(
                one for one, block in enumerate(blocks) if 5 in block.src[:, 0]
            )


def test_a_class_of_one_row_stays_unmixed_and_is_counted() -> None:
    classes = np.array([0] * 90 + [1] * 60 + list(range(2, 7)))
    plan = plan_of(classes, "same-class")
    blocks = [plan.draw(0, block) for block in range(plan.blocks)]
    unmet = sum(int(block.unmet.sum()) for block in blocks if block.unmet is not None)
    assert unmet == 5
    for block in blocks:
        single = classes[block.src[:, 0]] > 1
        assert (block.src[single, 1] == -1).all()
        assert (block.weight[single] == [1, 0]).all()
        assert (block.columns["cutmix_lam"][single] == 1).all()
        assert (block.src[~single] >= 0).all()


def test_pairs_that_cannot_be_avoided_are_counted() -> None:
    classes = np.array([0] * 50 + [1] * 10)
    block = plan_of(classes, "other-class").draw(0, 0)
    assert block.unmet is not None
    assert block.unmet.sum() == 2 * 50 - 60
    assert np.array_equal(block.unmet, classes[block.src[:, 0]] == classes[block.src[:, 1]])


def test_rows_that_are_not_mixed_are_no_pairs() -> None:
    classes = np.array([0] * 50 + [1] * 10)
    plan = plan_of(classes, "other-class", keep_originals=True)
    assert plan.draw(0, 0).unmet is None
    assert plan.draw(1, 0).unmet is not None


def test_a_row_of_four_has_all_of_its_class_or_of_others() -> None:
    classes = np.arange(130) % 3
    for pair, alike in (("same-class", True), ("other-class", False)):
        plan = plan_of(classes, pair, "mosaic")  # type: ignore[arg-type]
        for number in range(plan.blocks):
            src = plan.draw(0, number).src
            assert ((classes[src[:, 1:]] == classes[src[:, :1]]) == alike).all()


def test_each_mixing_step_of_a_chain_pairs_by_the_policy_with_its_own_draws() -> None:
    classes, sampling = np.arange(100) % 4, Sampling(pair="other-class")
    recipe = Recipe((step("mixup"), step("cutmix")), sampling=sampling)
    plan = make_plan(recipe, 100, SHAPE, 1, known=Known(sampling, classes))
    block = plan.draw(0, 0)
    own = classes[block.members[block.base]]
    for name in ("mixup", "cutmix"):
        assert (own[block.partners[name][:, 0]] != own).all()
    assert not np.array_equal(block.partners["mixup"], block.partners["cutmix"])


def test_rows_without_a_known_class_are_a_class_of_their_own() -> None:
    classes = np.array([-1] * 30 + [0] * 30)
    src = plan_of(classes, "other-class").draw(0, 0).src
    assert (classes[src[:, 0]] != classes[src[:, 1]]).all()


@pytest.mark.parametrize(
    ("classes", "pair", "said"),
    [
        ([0] * 9, "other-class", "pair other-class: all 9 rows are of one class; use pair any"),
        (range(9), "same-class", "pair same-class: no class has two rows"),
    ],
)
def test_a_policy_that_cannot_be_met_is_an_error(classes: list[int], pair: Pair, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_of(np.array(list(classes)), pair)


def test_a_policy_for_steps_that_mix_nothing_is_an_error() -> None:
    with pytest.raises(UsageError, match="pair same-class: flip mixes no rows"):
        plan_of(np.arange(10) % 2, "same-class", "flip")


def test_too_few_rows_are_an_error_whatever_the_policy() -> None:
    with pytest.raises((UsageError, SourceError)):
        plan_of(np.array([0]), "same-class")
