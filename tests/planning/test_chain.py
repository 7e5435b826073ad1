"""Chains: what several steps make of a block, and what their rows' sources weigh."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from augtool.errors import UsageError
from augtool.mixing.apply import Members, apply
from augtool.mixing.source_map import looked, weighed
from augtool.planning.block import Block
from augtool.planning.plan import Plan, make_plan
from augtool.recipe.recipe import Choice, Recipe, Step, one_of, step

N = 6
chains = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
sizes = st.sampled_from([(1, 1), (1, 6), (7, 5), (9, 14), (12, 5)])

PASTES = [
    step("cutmix"),
    step("cutmix", ratio_range=(0.2, 0.8)),
    step("cutmix", num_mix=3),
    step("resizemix", shrink="nearest"),
    step("fmix"),
    step("mosaic"),
    step("jigsaw", grid=2),
    step("saliencymix"),
]
BLENDS = [step("mixup", alpha=1.0), step("smoothmix")]
MOVES = [
    step("flip"),
    step("shift", range=0.5),
    step("shift", range=0.5, border="wrap"),
    step("crop", padding=2),
    step("crop", padding=3, border="reflect"),
    step("rotate", degrees=90, interpolation="nearest"),
]
ERASES = [
    step("cutout", length=4, fill="7"),
    step("erase", prob=0.9, fill="0"),
    step("gridmask", preset="cifar", period_range=(2, 5), fill="9"),
]


def with_prob(one: Step, prob: float | None) -> Step:
    return one if prob is None else Step(one.method, one.params, prob)


@st.composite
def steps(draw: st.DrawFn, known: list[Step], most: int = 4) -> tuple[Step | Choice, ...]:
    """A chain of 1 … most links over these steps, some of them choices."""
    prob = st.sampled_from([None, 0.0, 0.5, 1.0])
    one = st.builds(with_prob, st.sampled_from(known), prob)
    choice = st.lists(one | st.none(), min_size=1, max_size=3).map(
        lambda options: one_of(*((1 / len(options), each) for each in options))
    )
    return tuple(draw(st.lists(one | choice, min_size=1, max_size=most)))


def plan_of(
    chain: tuple[Step | Choice, ...], shape: tuple[int, ...], n: int = N, **more: Any
) -> Plan:
    return make_plan(Recipe(chain, **more), n, shape, 1)


def made(block: Block, pixels: np.ndarray) -> tuple[Block, np.ndarray]:
    ready = looked(block, Members(pixels, by_row=True))
    out = np.full((len(block), *pixels.shape[1:]), 99, pixels.dtype)
    apply(ready, out)
    return ready.block, out


def flags(size: tuple[int, int]) -> np.ndarray:
    """Image i is 1 in channel i and 0 elsewhere, so a pixel says how much of whom it holds."""
    images = np.zeros((N, *size, N), np.float32)
    images[np.arange(N), :, :, np.arange(N)] = 1
    return images


def told(block: Block) -> np.ndarray:
    """(m, N) the stored weight of each source."""
    shares = np.zeros((len(block), N))
    for slot in range(block.src.shape[1]):
        rows = np.flatnonzero(block.src[:, slot] >= 0)
        shares[rows, block.src[rows, slot]] += block.weight[rows, slot]
    return shares


def shown(mixed: np.ndarray, block: Block) -> np.ndarray:
    """(m, N) each source's share of all that has an owner; the base's when nothing has one."""
    amounts = mixed.astype(np.float64).reshape(len(mixed), -1, N).sum(axis=1)
    bare = amounts.sum(axis=1) == 0
    amounts[bare, block.src[bare, 0]] = 1
    return amounts / amounts.sum(axis=1, keepdims=True)


@chains
@given(chain=steps(PASTES + MOVES), size=sizes, seed=st.integers(0, 9))
def test_in_a_chain_of_pastes_the_weights_are_counts_of_the_pixels_that_each_source_owns(
    chain: tuple[Step | Choice, ...], size: tuple[int, int], seed: int
) -> None:
    block, mixed = made(plan_of(chain, (*size, N), seed=seed).draw(0, 0), flags(size))
    assert np.abs(shown(mixed, block) - told(block)).max() < 1e-6
    rows, slots = np.nonzero(block.weight)
    counts = mixed.reshape(N, -1, N).sum(axis=1)
    owned = counts.sum(axis=1)
    alone = [
        (block.src[row] == block.src[row, slot]).sum() == 1
        for row, slot in zip(rows, slots, strict=True)
    ]
    for row, slot in zip(rows[alone], slots[alone], strict=True):
        if owned[row]:
            share = np.float32(np.float64(counts[row, block.src[row, slot]]) / owned[row])
            assert block.weight[row, slot] == share


@chains
@given(chain=steps(PASTES + MOVES + BLENDS), size=sizes, seed=st.integers(0, 9))
def test_in_a_chain_of_blends_the_weights_are_the_mean_of_what_each_source_has_of_a_pixel(
    chain: tuple[Step | Choice, ...], size: tuple[int, int], seed: int
) -> None:
    block, mixed = made(plan_of(chain, (*size, N), seed=seed).draw(0, 0), flags(size))
    assert np.abs(shown(mixed, block) - told(block)).max() < 1e-5


@chains
@given(
    chain=steps(PASTES + MOVES + BLENDS, most=3),
    erased=st.sampled_from(ERASES),
    place=st.integers(0, 3),
)
def test_steps_that_erase_leave_all_weights_alone(
    chain: tuple[Step | Choice, ...], erased: Step, place: int
) -> None:
    longer = (*chain[:place], erased, *chain[place:])
    one, two = (
        weighed(plan_of(each, (9, 14, 3)).draw(0, 0), (9, 14, 3)) for each in (chain, longer)
    )
    assert np.array_equal(one.src, two.src)
    assert np.array_equal(one.weight, two.weight)


@chains
@given(
    chain=steps(PASTES + MOVES + BLENDS + ERASES, most=3),
    idle=st.sampled_from(PASTES + MOVES + BLENDS + ERASES),
    place=st.integers(0, 3),
)
def test_a_step_of_probability_zero_changes_nothing(
    chain: tuple[Step | Choice, ...], idle: Step, place: int
) -> None:
    """Its name goes to no other step, since it stands in a chain where the method is new."""
    used = {each.method for one in chain for each in getattr(one, "steps", [one]) if each}
    assume(idle.method not in used)
    pixels = np.random.default_rng(0).integers(0, 256, (N, 9, 14, 3), np.uint8)
    longer = (*chain[:place], with_prob(idle, 0.0), *chain[place:])
    (one, first), (two, second) = (
        made(plan_of(each, (9, 14, 3)).draw(0, 0), pixels) for each in (chain, longer)
    )
    assert np.array_equal(first, second)
    assert np.abs(told(one) - told(two)).max() < 1e-6


def single(one: Step, draws: dict[str, np.ndarray], sources: list[np.ndarray]) -> np.ndarray:
    """One row of one step, made alone."""
    from augtool import methods

    out = np.empty_like(sources[0])[None]
    slots = np.arange(len(sources))[None]
    methods.load(one.method).apply(one.params, np.stack(sources), slots, draws, out)
    return out[0]


@chains
@given(chain=steps(PASTES + MOVES + BLENDS + ERASES), size=sizes, seed=st.integers(0, 9))
def test_a_step_works_on_rows_as_the_steps_before_it_left_them(
    chain: tuple[Step | Choice, ...], size: tuple[int, int], seed: int
) -> None:
    """Each row is made alone, from the end of the chain back to its sources."""
    plan = plan_of(chain, (*size, 3), seed=seed)
    pixels = np.random.default_rng(1).integers(0, 256, (N, *size, 3), np.uint8)
    block, mixed = made(plan.draw(0, 0), pixels)

    def row_after(links: int, row: int) -> np.ndarray:
        if links == 0:
            return pixels[block.members[block.base[row]]]
        link, before = plan.links[links - 1], row_after(links - 1, row)
        took = block.took(link)[row]
        option = link.options[took] if took >= 0 else None
        if option is None:
            return before
        others = block.partners[option.name][row] if option.slots > 1 else []
        sources = [before, *(row_after(links - 1, other) for other in others)]
        draws = {
            name: values[row : row + 1] for name, values in block.draws_of(option.name).items()
        }
        return single(option.step, draws, sources)

    for row in range(N):
        assert np.array_equal(mixed[row], row_after(len(chain), row))


@chains
@given(
    chain=steps(PASTES + MOVES + BLENDS + ERASES),
    low=st.integers(0, 19),
    rows=st.integers(1, 20),
)
def test_a_part_of_a_block_is_made_as_in_the_whole(
    chain: tuple[Step | Choice, ...], low: int, rows: int
) -> None:
    n, size = 20, (7, 5)
    pixels = np.random.default_rng(1).integers(0, 256, (n, *size, 3), np.uint8)
    whole = plan_of(chain, (*size, 3), n=n).draw(0, 0)
    high = min(low + rows, n)
    all_of_it, mixed = made(whole, pixels)
    part, some = made(whole.part(low, high).compact(), pixels)
    assert np.array_equal(some, mixed[low:high])
    assert np.array_equal(part.src, all_of_it.src[low:high])
    assert np.array_equal(part.weight, all_of_it.weight[low:high])
    assert np.array_equal(part.out, all_of_it.out[low:high])
    for name, values in part.columns.items():
        assert np.array_equal(values, all_of_it.columns[name][low:high])


def test_a_choice_takes_its_options_by_weight_and_each_row_one() -> None:
    chain = (one_of((0.5, step("cutmix", lam=0.5)), (0.3, step("flip", prob=1)), (0.2, None)),)
    block = plan_of(chain, (8, 8), n=2000).draw(0, 0)
    took = block.columns["choice_option"]
    assert took.dtype == np.int8
    assert np.abs(np.bincount(took) / 2000 - [0.5, 0.3, 0.2]).max() < 5 * math.sqrt(0.25 / 2000)
    pasted = block.columns["cutmix_lam"] != 1
    assert np.array_equal(pasted, took == 0)
    assert np.array_equal(block.columns["flip_flipped"] == 1, took == 1)
    assert np.array_equal(block.src[:, 1] >= 0, took == 0)
    assert np.array_equal(block.columns["cutmix_partner"][:, 0] >= 0, took == 0)


def test_the_second_step_of_a_method_has_a_name_and_draws_of_its_own() -> None:
    block = plan_of((step("cutmix"), step("cutmix")), (9, 14), n=100).draw(0, 0)
    assert {"cutmix_box", "cutmix2_box", "cutmix_partner", "cutmix2_partner"} <= set(block.columns)
    assert not np.array_equal(block.columns["cutmix_lam"], block.columns["cutmix2_lam"])
    assert not np.array_equal(block.columns["cutmix_partner"], block.columns["cutmix2_partner"])
    assert block.src.shape == (100, 4)


def test_a_partner_is_stored_as_the_output_row_that_it_is() -> None:
    plan = plan_of((step("flip"), step("cutmix")), (9, 14), n=300, block_rows=64, copies=2)
    block = plan.draw(1, 2)
    partner = block.columns["cutmix_partner"][:, 0]
    at = {int(out): row for row, out in enumerate(block.out)}
    assert all(block.src[at[int(one)], 0] == block.src[row, 1] for row, one in enumerate(partner))


def test_the_unmixed_pass_of_a_chain_is_the_source() -> None:
    chain = (step("flip", prob=1), one_of((1.0, step("cutmix"))), step("cutout", fill="0"))
    plan = plan_of(chain, (9, 14, 3), keep_originals=True)
    pixels = np.random.default_rng(0).integers(0, 256, (N, 9, 14, 3), np.uint8)
    block, mixed = made(plan.draw(0, 0), pixels)
    assert np.array_equal(mixed, pixels[block.src[:, 0]])
    assert (block.weight[:, 0] == 1).all()
    assert (block.weight[:, 1:] == 0).all()


def test_blends_have_no_part_in_weights_by_objects() -> None:
    with pytest.raises(UsageError, match="weight_by masks: a blend"):
        plan_of((step("mixup"),), (9, 14, 3), weight_by="masks")


def test_more_sources_of_a_row_than_can_be_stored_are_refused() -> None:
    assert plan_of((step("cutmix"),) * 10, (9, 14)).draw(0, 0).slots.shape == (N, 1024)
    with pytest.raises(UsageError, match="a row of up to 2,048 sources"):
        plan_of((step("cutmix"),) * 11, (9, 14))
