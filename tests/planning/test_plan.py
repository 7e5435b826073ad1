"""The plan: order, blocks and partners."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augtool.errors import SourceError, UsageError
from augtool.planning.plan import Plan, make_plan, pieces
from augtool.recipe.recipe import Recipe, step

SHAPE = (9, 14, 3)


def plan_of(n: int, **given_recipe: object) -> Plan:
    recipe = Recipe((step("cutmix"),), **{"block_rows": 64, **given_recipe})  # type: ignore[arg-type]
    return make_plan(recipe, n, SHAPE, 1)


def rows_of(plan: Plan, start: int, stop: int) -> dict[str, np.ndarray]:
    """Everything that plan rows start … stop−1 are, as arrays."""
    blocks = [plan.draw(p.number, p.block).part(p.low, p.high) for p in pieces(plan, start, stop)]
    names = blocks[0].columns
    return {
        "out": np.concatenate([block.out for block in blocks]),
        "src": np.concatenate([block.src for block in blocks]),
        "weight": np.concatenate([block.weight for block in blocks]),
        **{name: np.concatenate([block.columns[name] for block in blocks]) for name in names},
    }


@settings(max_examples=40)
@given(st.integers(2, 700), st.integers(1, 3), st.integers(0, 5), st.booleans())
def test_in_each_copy_every_row_is_once_the_base_and_once_a_partner_never_its_own(
    n: int, copies: int, seed: int, in_order: bool
) -> None:
    plan = plan_of(n, copies=copies, seed=seed, order="source" if in_order else "shuffled")
    rows = rows_of(plan, 0, plan.total)
    for copy in range(copies):
        src = rows["src"][copy * n : (copy + 1) * n]
        assert np.array_equal(np.sort(src[:, 0]), np.arange(n))
        assert np.array_equal(np.sort(src[:, 1]), np.arange(n))
        assert (src[:, 0] != src[:, 1]).all()


@settings(max_examples=40)
@given(st.integers(2, 700), st.integers(0, 5))
def test_partners_come_from_the_same_block(n: int, seed: int) -> None:
    plan = plan_of(n, seed=seed)
    for number in range(plan.blocks):
        block = plan.draw(0, number)
        assert set(block.src[:, 1]) == set(block.src[:, 0]) == set(block.members)


@settings(max_examples=30)
@given(st.integers(2, 500), st.data())
def test_any_range_of_rows_is_the_same_whoever_draws_it(n: int, data: st.DataObject) -> None:
    plan = plan_of(n, copies=2)
    start = data.draw(st.integers(0, plan.total - 1))
    stop = data.draw(st.integers(start + 1, plan.total))
    whole, part = rows_of(plan, 0, plan.total), rows_of(plan, start, stop)
    assert np.array_equal(part["out"], np.arange(start, stop))
    for name, values in whole.items():
        assert np.array_equal(values[start:stop], part[name])


def test_rows_in_source_order_are_based_on_their_own_source_row() -> None:
    plan = plan_of(330, order="source", copies=2)
    rows = rows_of(plan, 0, plan.total)
    assert np.array_equal(np.sort(rows["out"]), np.arange(plan.total))
    assert np.array_equal(rows["out"] % 330, rows["src"][:, 0])


def test_blocks_keep_their_members_for_eight_copies_and_then_change() -> None:
    plan = plan_of(500, copies=9)
    first = [set(plan.members(0, block)) for block in range(plan.blocks)]
    assert [set(plan.members(7, block)) for block in range(plan.blocks)] == first
    assert [set(plan.members(8, block)) for block in range(plan.blocks)] != first


def test_copies_draw_anew() -> None:
    plan = plan_of(330, copies=2)
    first, second = plan.draw(0, 0), plan.draw(1, 0)
    assert not np.array_equal(first.src, second.src)
    assert not np.array_equal(first.columns["cutmix_lam"], second.columns["cutmix_lam"])


def test_more_rows_do_not_change_the_first_ones() -> None:
    few = rows_of(plan_of(330, num=100), 0, 100)
    many = rows_of(plan_of(330, copies=3), 0, 100)
    assert all(np.array_equal(few[name], many[name]) for name in few)


def test_originals_come_first_unmixed_and_leave_the_mixed_rows_as_they_were() -> None:
    plain, kept = plan_of(330, copies=2), plan_of(330, copies=2, keep_originals=True)
    assert kept.total == 3 * 330
    mixed, all_rows = rows_of(plain, 0, plain.total), rows_of(kept, 0, kept.total)
    originals = {name: values[:330] for name, values in all_rows.items()}
    assert (originals["weight"] == [1, 0]).all()
    assert not originals["cutmix_box"].any()
    assert (originals["src"][:, 1] >= 0).all()
    for name in ("src", "weight", "cutmix_box", "cutmix_lam"):
        assert np.array_equal(all_rows[name][330:], mixed[name])


def test_limit_takes_rows_spread_evenly_over_the_source() -> None:
    plan = plan_of(1000, limit=7)
    assert sorted(plan.draw(0, 0).src[:, 0]) == [i * 1000 // 7 for i in range(7)]


def test_prob_is_the_share_of_mixed_rows_and_spares_the_rest() -> None:
    recipe = Recipe((step("cutmix", prob=0.3, lam=0.5, box_sampler="inside"),))
    rows = rows_of(make_plan(recipe, 20_000, SHAPE, 1), 0, 20_000)
    mixed = rows["weight"][:, 0] < 1
    assert abs(mixed.mean() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 20_000)
    assert (rows["cutmix_lam"][~mixed] == 1).all()
    assert not rows["cutmix_box"][~mixed].any()


def test_prob_moves_no_other_draw() -> None:
    always = make_plan(Recipe((step("cutmix"),)), 500, SHAPE, 1).draw(0, 0)
    half = make_plan(Recipe((step("cutmix", prob=0.5),)), 500, SHAPE, 1).draw(0, 0)
    mixed = half.columns["cutmix_lam"] == always.columns["cutmix_lam"]
    assert 0.3 < mixed.mean() < 0.7
    assert np.array_equal(half.src, always.src)


@pytest.mark.parametrize(
    ("shape", "itemsize", "rows"),
    [((32, 32, 3), 1, 2048), ((224, 224, 3), 1, 256), ((4000, 3000, 3), 1, 64), ((54,), 4, 2048)],
)
def test_blocks_hold_at_most_64_mib_within_64_to_2048_rows(
    shape: tuple[int, ...], itemsize: int, rows: int
) -> None:
    assert Plan(Recipe((step("cutmix"),)), 10_000, shape, itemsize).block_rows == rows


def test_the_last_block_takes_the_remainder() -> None:
    plan = plan_of(64 * 5 + 63)
    assert [plan.bounds(block) for block in (0, 4)] == [(0, 64), (256, 383)]
    assert plan.blocks == 5


def test_a_single_image_has_no_partner() -> None:
    with pytest.raises(SourceError, match="1 usable image"):
        plan_of(1)


def test_a_block_holds_as_many_rows_as_one_row_is_made_of() -> None:
    with pytest.raises(UsageError, match="block_rows 2: mosaic mixes 4 rows"):
        make_plan(Recipe((step("mosaic"),), block_rows=2), 50, SHAPE, 1)


def test_good_rows_alone_are_planned() -> None:
    good = np.setdiff1d(np.arange(100), [3, 50])
    plan = replace(make_plan(Recipe((step("cutmix"),)), 100, SHAPE, 1, good))
    assert sorted(plan.draw(0, 0).src[:, 0]) == good.tolist()


def test_any_block_of_a_thousand_million_rows_can_be_drawn() -> None:
    plan = make_plan(Recipe((step("cutmix"),)), 10**9, (32, 32, 3), 1)
    block = plan.draw(0, plan.blocks - 1)
    assert len(block) == plan.bounds(plan.blocks - 1)[1] - plan.bounds(plan.blocks - 1)[0]
    assert block.src.max() < 10**9
