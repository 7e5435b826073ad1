"""Which rows take part, how often, and which are held out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augtool
from augtool.errors import SourceError, UsageError
from augtool.planning.plan import Plan, make_plan
from augtool.planning.row_info import Known
from augtool.planning.samplers import Places, apportioned, balanced, dealt, weighted
from augtool.recipe.recipe import Recipe, recipe_from_json, step
from augtool.recipe.sampling import Sampling

SHAPE = (6, 7, 3)
COUNTS = st.lists(st.integers(1, 30), min_size=2, max_size=8)


def classes_of(counts: list[int]) -> np.ndarray:
    """Rows of so many of each class, scattered."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def plan_of(known: Known, n: int, **recipe: Any) -> Plan:
    made = Recipe((step("cutmix"),), sampling=known.sampling, **{"block_rows": 64, **recipe})
    return make_plan(made, n, SHAPE, 1, known=known)


def bases(plan: Plan, number: int = 0) -> np.ndarray:
    """The source rows that the rows of a pass are based on."""
    return np.concatenate([plan.draw(number, block).src[:, 0] for block in range(plan.blocks)])


@given(COUNTS, st.integers(1, 9), st.integers(0, 99))
def test_balanced_classes_differ_by_one_row_after_each_copy_and_all_copies(
    counts: list[int], copies: int, seed: int
) -> None:
    classes = classes_of(counts)
    made = balanced(np.arange(len(classes)), classes, "classes", seed)
    total = np.zeros(len(counts), int)
    for copy in range(copies):
        rows = made.at(copy, np.arange(made.n))
        of_class = np.bincount(classes[rows], minlength=len(counts))
        assert of_class.max() - of_class.min() <= 1
        total += of_class
        assert total.max() - total.min() <= 1


@given(COUNTS, st.integers(0, 400), st.integers(0, 99))
def test_dealt_classes_differ_by_one_row_after_any_number_of_rows(
    counts: list[int], rows: int, seed: int
) -> None:
    classes = classes_of(counts)
    made = dealt(np.arange(len(classes)), classes, seed)
    drawn = classes[np.concatenate([made.at(copy, np.arange(made.n)) for copy in range(9)])]
    of_class = np.bincount(drawn[:rows], minlength=len(counts))
    assert of_class.max() - of_class.min() <= 1


@given(COUNTS, st.integers(0, 99))
def test_dealt_rows_of_a_class_come_in_another_order_each_time(
    counts: list[int], seed: int
) -> None:
    counts = [*counts, 12]
    classes = classes_of(counts)
    made = dealt(np.arange(len(classes)), classes, seed)
    rows = np.concatenate([made.at(copy, np.arange(made.n)) for copy in range(len(counts) * 3)])
    last = len(counts) - 1
    own = rows[classes[rows] == last]
    assert len(own) >= 24
    assert set(own[:12]) == set(own[12:24]) == set(np.flatnonzero(classes == last))
    assert not np.array_equal(own[:12], own[12:24])
    turns = classes[rows][: len(rows) // len(counts) * len(counts)].reshape(-1, len(counts))
    assert len({tuple(turn) for turn in turns}) > 1


@given(COUNTS, st.sampled_from(["dealt", "classes", "sqrt"]), st.integers(0, 99))
def test_copies_go_through_a_whole_class_before_a_row_comes_again(
    counts: list[int], rule: str, seed: int
) -> None:
    classes = classes_of(counts)
    rows = np.arange(len(classes))
    made: Places = (
        dealt(rows, classes, seed) if rule == "dealt" else balanced(rows, classes, rule, seed)
    )
    rows = np.concatenate([made.at(copy, np.arange(made.n)) for copy in range(5)])
    for number, count in enumerate(counts):
        own = rows[classes[rows] == number]
        for start in range(0, len(own) - count, count):
            assert len(set(own[start : start + count])) == count


@given(COUNTS, st.integers(0, 99))
def test_square_root_balance_is_within_a_row_of_its_share(counts: list[int], seed: int) -> None:
    classes = classes_of(counts)
    made = balanced(np.arange(len(classes)), classes, "sqrt", seed)
    of_class = np.bincount(classes[made.at(3, np.arange(made.n))], minlength=len(counts))
    shares = np.sqrt(counts) / np.sqrt(counts).sum() * sum(counts)
    assert (np.abs(of_class - shares) < 1).all()


@given(
    st.lists(st.integers(0, 9) | st.floats(0, 9), min_size=1, max_size=80).filter(any),
    st.integers(0, 99),
    st.integers(0, 9),
)
def test_weighted_rows_have_their_share_rounded_down_or_up(
    weights: list[float], seed: int, copy: int
) -> None:
    made = weighted(np.arange(len(weights)), np.array(weights), seed)
    rows = made.at(copy, np.arange(made.n))
    assert (np.diff(made.edges(copy)) >= 0).all()
    counts = np.bincount(rows, minlength=len(weights))
    relative = np.array(weights) / max(weights)
    shares = relative * (len(weights) / relative.sum())
    assert counts.sum() == len(weights)
    assert (np.abs(counts - shares) < 1 + 1e-6).all()
    assert (counts[np.array(weights) == 0] == 0).all()


def test_shares_below_one_are_had_in_turn() -> None:
    weights = np.array([1] * 90 + [10] * 10)
    made = weighted(np.arange(100), weights, 0)
    counts = sum(np.bincount(made.at(copy, np.arange(100)), minlength=100) for copy in range(19))
    assert (np.abs(counts - weights * 100 / 190 * 19) <= 2).all()  # 10 and 100


def test_weights_of_any_size_are_scaled_and_none_is_lost() -> None:
    made = weighted(np.arange(3), np.array([1e-300, 1e300, 0.0]), 0)
    assert np.array_equal(made.at(0, np.arange(3)), [1, 1, 1])
    assert (np.diff(made.sums) > 0).sum() == 2


@given(st.integers(0, 500), st.lists(st.integers(0, 50), min_size=1, max_size=9).filter(any))
def test_apportioned_shares_are_rounded_and_sum_up(total: int, weights: list[int]) -> None:
    made = apportioned(total, weights)
    assert sum(made) == total
    for one, weight in zip(made, weights, strict=True):
        assert abs(Fraction(total * weight, sum(weights)) - one) < 1


@pytest.mark.parametrize("rule", ["classes", "sqrt"])
def test_a_balanced_plan_has_the_same_rows_as_bases_and_as_partners(rule: str) -> None:
    classes = classes_of([200, 100, 20, 3])
    sampling = Sampling(balance=rule)  # type: ignore[arg-type]
    plan = plan_of(Known(sampling, classes), len(classes), copies=3)
    assert plan.blocks >= 5
    assert [plan.group(number) for number in range(3)] == [0, 1, 2]
    assert not np.array_equal(np.sort(bases(plan, 0)), np.sort(bases(plan, 1)))
    for number in range(3):
        src = np.concatenate([plan.draw(number, block).src for block in range(plan.blocks)])
        assert np.array_equal(np.sort(src[:, 0]), np.sort(src[:, 1]))
        assert (src[:, 0] != src[:, 1]).all()
        assert len(src) == len(classes)


@pytest.mark.parametrize("pair", ["any", "other-class", "same-class"])
@given(num=st.integers(1, 1000))
def test_any_number_of_rows_has_equal_classes_within_one_row(pair: Any, num: int) -> None:
    classes = classes_of([200, 100, 20, 3])
    plan = plan_of(Known(Sampling(balance="classes", pair=pair), classes), 323, num=num)
    rows = [
        plan.draw(number, block).src[: plan.rows_of_block(number, block), 0]
        for number in range(plan.passes)
        for block in range(plan.blocks)
    ]
    of_class = np.bincount(classes[np.concatenate(rows)], minlength=4)
    assert of_class.sum() == num
    assert of_class.max() - of_class.min() <= 1


def test_more_classes_than_blocks_have_pairs_of_are_equal_in_whole_copies() -> None:
    classes = np.repeat(np.arange(30), 5)
    plan = plan_of(Known(Sampling(balance="classes", pair="same-class"), classes), 150)
    src = np.concatenate([plan.draw(0, block).src for block in range(plan.blocks)])
    assert (classes[src[:, 0]] == classes[src[:, 1]]).all()
    assert set(np.bincount(classes[src[:, 0]])) == {5}


@pytest.mark.parametrize(
    "chosen",
    [
        {"balance": "classes"},
        {"balance": "sqrt"},
        {"row_weights": "w"},
        {"balance": "classes", "pair": "same-class"},
        {"row_weights": "w", "pair": "same-class"},
    ],
)
def test_the_unmixed_pass_has_each_row_once_however_often_others_draw_it(
    chosen: dict[str, Any],
) -> None:
    classes = classes_of([200, 100, 20, 3])
    known = Known(Sampling(**chosen), classes, weights=1.0 / np.bincount(classes)[classes])
    plan = plan_of(known, 323, copies=2, keep_originals=True)
    without = plan_of(known, 323, copies=2)
    assert np.array_equal(np.sort(bases(plan, 0)), np.arange(323))
    assert len({plan.group(number) for number in range(3)}) == 3
    for number in range(2):
        for block in range(plan.blocks):
            one, two = plan.draw(number + 1, block), without.draw(number, block)
            assert np.array_equal(one.src, two.src)


def test_rows_of_weight_zero_take_no_part() -> None:
    sampling = Sampling(row_weights="w")
    plan = plan_of(Known(sampling, weights=np.arange(90) % 3), 90, keep_originals=True)
    assert plan.n == 60
    assert np.array_equal(np.sort(bases(plan, 0)), np.flatnonzero(np.arange(90) % 3))
    assert (bases(plan, 1) % 3 > 0).all()


@pytest.mark.parametrize("chosen", [{"balance": "classes"}, {"row_weights": "w"}])
def test_drawn_rows_are_mixed_with_their_own_class_too(chosen: dict[str, Any]) -> None:
    classes = classes_of([200, 100, 20, 3])
    sampling = Sampling(pair="same-class", **chosen)
    known = Known(sampling, classes, weights=1.0 / np.bincount(classes)[classes])
    plan = plan_of(known, len(classes), copies=2)
    for number in range(2):
        for block in range(plan.blocks):
            src = plan.draw(number, block).src
            paired = src[:, 1] >= 0
            assert (classes[src[paired, 0]] == classes[src[paired, 1]]).all()
            assert (src[:, 0] != src[:, 1]).all()


@pytest.mark.parametrize(
    ("chosen", "option"),
    [
        ({"balance": "classes"}, "balance classes"),
        ({"balance": "sqrt"}, "balance sqrt"),
        ({"per_class": 5}, "per-class 5"),
        ({"balance": "sqrt", "per_class": 5}, "per-class 5"),
    ],
)
def test_rows_of_unknown_class_are_left_out_and_told(chosen: dict[str, Any], option: str) -> None:
    classes = np.array([-1] * 10 + [0] * 20 + [1] * 5)
    plan = plan_of(Known(Sampling(**chosen), classes, ("a", "b")), 35)
    assert plan.n == (10 if "per_class" in chosen else 25)
    assert classes[bases(plan)].min() == 0
    assert plan.warnings == (f"{option}: 10 of 35 rows are left out: their class is not known",)


@given(st.data())
def test_choices_of_rows_compose_in_the_order_that_is_promised(data: st.DataObject) -> None:
    n = data.draw(st.integers(20, 90))
    classes = np.random.default_rng(n).integers(-1, 4, n)
    rows = np.flatnonzero(np.random.default_rng(n + 1).random(n) < 0.8)
    few = data.draw(st.integers(2, 9))
    limit = data.draw(st.integers(2, 9))
    sampling = Sampling(rows="r.txt", only_classes=("b", "3"), per_class=few)
    known = Known(sampling, classes, ("a", "b", "c", "d"), rows=rows)
    without = plan_of(known, n)
    limited = plan_of(known, n, limit=limit)
    chosen = np.sort(bases(without))
    wanted = rows[np.isin(classes[rows], [1, 3])]
    assert set(chosen) <= set(wanted)
    for one in (1, 3):
        assert (classes[chosen] == one).sum() == min(few, (classes[wanted] == one).sum())
    count = min(limit, len(chosen))
    expected = [chosen[i * len(chosen) // count] for i in range(count)]
    assert np.array_equal(np.sort(bases(limited)), expected)


def test_the_rows_of_a_class_are_drawn_by_the_seed() -> None:
    classes, sampling = classes_of([50, 50]), Sampling(per_class=10)
    drawn = [
        tuple(np.sort(bases(plan_of(Known(sampling, classes, ("a", "b")), 100, seed=seed))))
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_class_with_fewer_rows_is_told() -> None:
    known = Known(Sampling(per_class=10), classes_of([50, 3, 4]), ("a", "b", "c"))
    (said,) = plan_of(known, 57).warnings
    assert said == "per-class 10: 2 classes have fewer rows, such as b with 3"


def test_an_unknown_class_is_told_with_the_nearest() -> None:
    known = Known(Sampling(only_classes=("cat", "dgo")), classes_of([5, 5]), ("cat", "dog"))
    with pytest.raises(
        UsageError, match="only-classes: there is no class 'dgo'; did you mean 'dog'"
    ):
        plan_of(known, 10)


@pytest.mark.parametrize("holdout", [None, 0.2])
def test_nothing_left_is_an_error(holdout: float | None) -> None:
    sampling = Sampling(only_classes=("b",), holdout=holdout)
    known = Known(sampling, np.zeros(9, int), ("a", "b"))
    with pytest.raises(SourceError, match="no row of the source takes part"):
        plan_of(known, 9)


def test_the_validation_plan_has_what_is_held_out_in_order_and_unmixed() -> None:
    classes = classes_of([300, 100])
    known = Known(Sampling(holdout=0.2), classes, ("a", "b"))
    train = plan_of(known, 400, copies=2)
    plan = train.validation()
    assert plan is not None
    assert (train.n, plan.n, plan.total, plan.passes) == (320, 80, 80, 1)
    blocks = [plan.draw(0, block) for block in range(plan.blocks)]
    src = np.concatenate([block.src for block in blocks])
    assert np.array_equal(np.concatenate([block.out for block in blocks]), np.arange(80))
    assert (np.diff(src[:, 0]) > 0).all()
    assert (src[:, 1] == -1).all()
    assert all((block.weight == [1, 0]).all() for block in blocks)
    assert np.array_equal(np.union1d(src[:, 0], bases(train)), np.arange(400))
    assert not set(src[:, 0]) & set(bases(train))


@pytest.mark.parametrize("rule", ["classes", "sqrt"])
def test_what_is_held_out_does_not_depend_on_how_often_the_rest_is_drawn(rule: Any) -> None:
    classes, names = classes_of([300, 100, 40]), ("a", "b")
    classes[classes == 2] = -1
    plain = plan_of(Known(Sampling(holdout=0.2), classes, names), 440)
    drawn = plan_of(Known(Sampling(holdout=0.2, balance=rule), classes, names), 440)
    assert plain.held is not None
    assert np.array_equal(plain.held, drawn.held)
    assert not set(plain.held) & set(bases(drawn))
    assert drawn.warnings == (
        f"balance {rule}: 32 of 352 rows are left out: their class is not known",
    )


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"pair": "other"}, "pair other: choose any, other-class"),
        ({"balance": "yes"}, "balance yes: choose none, classes, sqrt"),
        ({"per_class": 0}, "per-class 0: must be at least 1"),
        ({"holdout": 1.0}, "holdout 1: must be above 0 and below 1"),
        ({"balance": "sqrt", "row_weights": "w"}, "both say how often"),
        ({"pair": "same-group"}, "pair same-group: say what a group is"),
        ({"group_by": "patient"}, "group-by: nothing uses it"),
        ({"holdout_seed": 1}, "holdout-seed: nothing is held out"),
        ({"holdout_seed": -1, "holdout": 0.1}, "holdout-seed -1: must be at least 0"),
        ({"carry": ("a", "a")}, "carry a, a: two would have the same field"),
    ],
)
def test_options_that_do_not_fit_are_refused(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sampling(**given_)


def test_drawn_rows_have_no_source_order() -> None:
    with pytest.raises(UsageError, match="order source: balance and row-weights draw a row"):
        Recipe((step("cutmix"),), order="source", sampling=Sampling(balance="classes"))


def test_a_recipe_keeps_its_sampling() -> None:
    sampling = Sampling(pair="other-group", group_by="patient", holdout=0.2, only_classes=("a",))
    recipe = Recipe((step("cutmix"),), sampling=sampling)
    assert recipe_from_json(recipe.as_json()) == recipe
    assert json.loads(recipe.as_json())["sampling"]["pair"] == "other-group"


@pytest.mark.parametrize("pair", ["same-class", "other-class"])
@pytest.mark.parametrize("drawn", [{"balance": "sqrt"}, {}])
def test_bytes_are_the_same_for_any_workers(
    owners: Callable[..., Any], job: Callable[..., Any], pair: Any, drawn: dict[str, Any]
) -> None:
    sampling = Sampling(pair=pair, holdout=0.1, carry=("labels",), **drawn)
    source, made, processes = owners(n=700), set(), set()
    for workers in (0, 2):
        one = job(source, f"{workers}.h5", workers=workers, copies=2, sampling=sampling)
        summary = augtool.run(one)
        processes.add(summary.processes)
        assert summary.holdout is not None
        outputs = (one.output, summary.holdout.output)
        made.add(tuple(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in outputs))
    assert len(made) == 1
    assert max(processes) > 1


def test_all_of_a_source_is_sampled_as_it_is() -> None:
    recipe = Recipe((step("cutmix"),))
    assert make_plan(recipe, 100, SHAPE, 1).places is None
    assert dataclasses.replace(recipe, sampling=Sampling()) == recipe
