"""GridMask's grids, presets and kept shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import gridmask
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, recipe_from_json, step


def draws(rows: int, shape: tuple[int, ...] = (32, 32, 3), **params: Any) -> dict[str, np.ndarray]:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return gridmask.draw(gridmask.Params(**params), rows, shape, streams)


def kept(
    shape: tuple[int, int], columns: dict[str, np.ndarray], dtype: str = "uint8", **params: Any
) -> np.ndarray:
    """(m, H, W) bool: the pixels that the stored grids leave."""
    rows = len(columns["period"])
    out, slots = np.empty((rows, *shape), dtype), np.zeros((rows, 1), np.int64)
    pixels = np.ones((1, *shape), dtype)
    gridmask.apply(gridmask.Params(fill="0", **params), pixels, slots, columns, out)
    assert np.isin(out, (0, 1)).all()
    return out == 1


def grid(period: int, phase: tuple[int, int], angle: int = 0) -> dict[str, np.ndarray]:
    return {
        "period": np.array([period], np.int32),
        "phase": np.array([phase], np.int32),
        "angle": np.array([angle], np.int32),
    }


def slow_mask(
    shape: tuple[int, int], d: int, bar: int, phase: tuple[int, int], angle: int, mode: int
) -> np.ndarray:
    """The pixels that stay, one by one; None of a pixel whose turned middle is on a border."""
    height, width = shape
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    result = np.empty(shape, object)
    for y in range(height):
        for x in range(width):
            v, u = y + 0.5 - height / 2, x + 0.5 - width / 2
            places = (
                v * cos + u * sin + height / 2 - phase[0],
                u * cos - v * sin + width / 2 - phase[1],
            )
            near = any(abs((p - edge + 1) % d - 1) < 1e-6 for p in places for edge in (0, bar))
            in_bar = any(p % d < bar for p in places)
            result[y, x] = None if near and angle else in_bar == (mode == 1)
    return result


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("angle", [0, 1, 30, 45, 90, 133, 180, 270, 359])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (17, 24), (25, 12)])
def test_masks_are_those_of_a_grid_turned_about_the_centre(
    shape: tuple[int, int], angle: int, mode: int
) -> None:
    for d, ratio, bar, phase in ((7, 0.6, 5, (2, 6)), (2, 0.5, 1, (0, 1)), (40, 0.3, 12, (39, 8))):
        made = kept(shape, grid(d, phase, angle), ratio=ratio, grid_mode=mode)[0]
        expected = slow_mask(shape, d, bar, phase, angle, mode)
        sure = expected != None  # noqa: E711
        assert sure.mean() > 0.6 or angle % 45 == 0
        assert np.array_equal(made[sure], expected[sure].astype(bool))


@pytest.mark.parametrize("mode", [0, 1])
def test_the_pattern_repeats_up_to_every_edge(mode: int) -> None:
    for d in (2, 3, 7, 11):
        for phase in ((0, 0), (1, d - 1)):
            mask = kept((29, 37), grid(d, phase), ratio=0.4, grid_mode=mode)[0]
            assert np.array_equal(mask[:-d], mask[d:])
            assert np.array_equal(mask[:, :-d], mask[:, d:])
            assert 0 < mask.mean() < 1


@pytest.mark.parametrize("ratio", [0.1, 0.4, 0.6, 0.9])
def test_the_kept_share_is_exact_when_the_period_divides_the_sides(ratio: float) -> None:
    for d in (5, 10):
        for phase in ((0, 0), (3, 1), (4, 4)):
            bar = -(-round(ratio * 10) * d // 10)
            bar = min(bar, d - 1)
            mode_1 = kept((20, 30), grid(d, phase), ratio=ratio, grid_mode=1)[0]
            mode_0 = kept((20, 30), grid(d, phase), ratio=ratio, grid_mode=0)[0]
            assert mode_1.sum() == 600 * (d * d - (d - bar) ** 2) // d**2
            assert np.array_equal(mode_0, ~mode_1)


@pytest.mark.parametrize(
    ("shape", "params", "mean", "spread"),
    [
        ((224, 224), {}, 0.842, 0.027),
        ((224, 224), {"rotate": 1}, 0.842, 0.036),
        ((224, 224), {"grid_mode": 0}, 0.158, 0.027),
        ((224, 224), {"ratio": 0.5}, 0.751, None),
        ((32, 32), {"preset": "cifar"}, 0.657, 0.051),
    ],
)
def test_kept_shares_are_those_of_the_published_recipes(
    shape: tuple[int, int], params: dict[str, Any], mean: float, spread: float | None
) -> None:
    rows = 400 if shape[0] > 100 else 4000
    share = kept(shape, draws(rows, shape, **params), **params).mean(axis=(1, 2))
    assert abs(share.mean() - mean) < 0.005
    assert spread is None or abs(share.std() - spread) < 0.006


def test_a_turned_grid_keeps_the_same_share_far_from_chance() -> None:
    shares = [kept((200, 300), grid(20, (3, 7), angle))[0].mean() for angle in range(0, 360, 15)]
    assert np.abs(np.array(shares) - (1 - 0.4**2)).max() < 0.01


def test_half_a_turn_is_the_mask_upside_down_for_the_mirrored_phase() -> None:
    height, width, d, bar = 21, 34, 8, 5
    turned = kept((height, width), grid(d, (2, 3), 180), ratio=0.6)[0]
    phase = ((height - 2 - bar) % d, (width - 3 - bar) % d)
    plain = kept((height, width), grid(d, phase), ratio=0.6)[0]
    assert np.array_equal(turned, plain)


def test_periods_phases_and_angles_are_uniform_and_independent() -> None:
    columns = draws(60_000, period_range=(10, 14), rotate=360)
    period, phase, angle = columns["period"], columns["phase"], columns["angle"]
    assert np.array_equal(np.unique(period), [10, 11, 12, 13])
    assert np.abs(np.bincount(period)[10:] / 60_000 - 0.25).max() < 0.01
    for axis in (0, 1):
        for d in (10, 13):
            counts = np.bincount(phase[period == d, axis])
            assert len(counts) == d
            assert np.abs(counts / counts.sum() - 1 / d).max() < 0.01
    assert abs(np.corrcoef(phase[period == 10].T)[0, 1]) < 0.03
    assert np.array_equal(np.unique(angle), np.arange(360))
    assert abs(angle.mean() - 179.5) < 2


@pytest.mark.parametrize("rotate", [0, 1])
def test_rotate_zero_and_one_do_not_turn(rotate: int) -> None:
    assert not draws(500, rotate=rotate)["angle"].any()


def test_equal_periods_fix_the_period_and_it_may_exceed_the_image() -> None:
    assert (draws(100, period_range=(50, 50))["period"] == 50).all()
    share = kept((9, 14), draws(5000, (9, 14, 3), period_range=(1000, 1001)), rotate=0)
    assert abs(share.mean() - 0.84) < 0.02


def test_every_stored_value_decides_which_pixels_are_dropped() -> None:
    masks = [
        kept((24, 31), grid(*one))[0].tobytes()
        for one in (
            (10, (2, 3), 20),
            (11, (2, 3), 20),
            (10, (3, 3), 20),
            (10, (2, 4), 20),
            (10, (2, 3), 21),
        )
    ]
    assert len(set(masks)) == 5
    assert kept((24, 31), grid(0, (0, 0))).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("fill", ["7", "noise", "random-colour"])
def test_every_fill_goes_where_a_constant_goes(fill: str, dtype: str) -> None:
    shape = (11, 19, 3)
    pixels = (np.random.default_rng(0).random((12, *shape)) * 50).astype(dtype)
    given = {} if fill == "7" else {"mean": (200.0,), "std": (5.0,)}
    chosen = step("gridmask", prob=1, preset="cifar", rotate=360, fill=fill, **given)
    plan = make_plan(Recipe((chosen,)), 12, shape, 1)
    block, made = plan.draw(0, 0), np.empty_like(pixels)
    columns = block.columns_of("gridmask")
    gridmask.apply(chosen.params, pixels, block.src, columns, made)
    stays = kept(shape[:2], columns, preset="cifar", rotate=360)
    assert 0 < stays.mean() < 1
    assert made[stays].tobytes() == pixels[block.src[:, 0]][stays].tobytes()
    dropped = made[~stays]
    assert (dropped == 7).all() if fill == "7" else (dropped > 150).all()


def test_bars_are_the_written_ratio_of_the_period_rounded_up() -> None:
    for ratio, d, bar in ((0.6, 5, 3), (0.07, 100, 7), (0.1, 30, 3), (0.6, 96, 58), (0.9, 3, 2)):
        columns = kept((d, d), grid(d, (0, 0)), ratio=ratio)[0]
        assert columns[-1].sum() == bar  # a line below the horizontal bar is kept in the vertical


def test_presets_stand_for_what_is_not_given_and_the_recipe_holds_their_values() -> None:
    default, cifar = step("gridmask").params, step("gridmask", preset="cifar", ratio=0.5)
    assert isinstance(default, gridmask.Params)
    assert (default.period_range, default.ratio, default.rotate) == ((96, 224), 0.6, 360)
    assert isinstance(cifar.params, gridmask.Params)
    assert (cifar.params.period_range, cifar.params.ratio) == ((24, 33), 0.5)
    assert cifar.prob == 0.8
    assert recipe_from_json(Recipe((cifar,)).as_json()).steps == (cifar,)


@pytest.mark.parametrize(
    "params",
    [
        {"period_range": (1, 5)},
        {"period_range": (9, 5)},
        {"ratio": 1.0},
        {"grid_mode": 2},
        {"rotate": 1.5},
        {"period_range": (2.5, 4.0)},
    ],
)
def test_values_out_of_bounds_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(params))):
        step("gridmask", **params)


def test_rows_that_are_not_images_are_refused() -> None:
    with pytest.raises(UsageError, match="gridmask needs images"):
        make_plan(Recipe((step("gridmask"),)), 10, (54,), 4)
