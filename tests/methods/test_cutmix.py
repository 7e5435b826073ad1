"""CutMix's own distributions and options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import cutmix
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

ROWS = 200_000


def draws(shape: tuple[int, ...], rows: int = ROWS, seed: int = 1, **params: Any) -> dict[str, Any]:
    """CutMix's columns, straight from its draw."""

    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([seed, *name.encode()])

    return cutmix.draw(cutmix.Params(**params), rows, shape, streams)


def base_share(columns: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    return cutmix.weights(cutmix.Params(), columns, shape)[:, 0].astype(np.float64)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((32, 32, 3), 0.689768),
        ((28, 28), 0.691269),
        ((224, 224, 3), 0.680690),
        ((240, 320, 3), 0.680412),
    ],
)
def test_the_mean_of_the_clipped_lambda_is_the_exact_one(
    shape: tuple[int, ...], expected: float
) -> None:
    share = base_share(draws(shape), shape)
    assert abs(share.mean() - expected) < 4 * 0.186 / math.sqrt(ROWS)


def test_the_inside_sampler_has_a_mean_lambda_of_one_half() -> None:
    share = base_share(draws((224, 224, 3), box_sampler="inside"), (224, 224, 3))
    assert abs(share.mean() - 0.5) < 0.005  # int() makes boxes a little smaller than λ asks


def test_empty_boxes_are_as_rare_as_sides_below_one_pixel() -> None:
    share = base_share(draws((32, 32, 3)), (32, 32, 3))
    expected = 1 / 32**2
    assert abs((share == 1).mean() - expected) < 4 * math.sqrt(expected / ROWS)


def test_pixels_are_pasted_half_the_time_in_the_centre_and_an_eighth_in_the_corner() -> None:
    columns = draws((64, 64, 3))
    y0, x0, y1, x1 = columns["box"].T

    def pasted(y: int, x: int) -> float:
        return float(((y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)).mean())

    def expected(y: int, x: int) -> float:
        sides = (64 * np.sqrt(1 - (np.arange(20_000) + 0.5) / 20_000)).astype(int)
        covers = [
            [sum(c - s // 2 <= at < c - s // 2 + s for c in range(64)) / 64 for s in range(65)]
            for at in (y, x)
        ]
        return float(np.mean(np.array(covers[0])[sides] * np.array(covers[1])[sides]))

    for place, limit in (((32, 32), 1 / 2), ((0, 32), 1 / 4), ((0, 0), 1 / 8)):
        assert abs(pasted(*place) - expected(*place)) < 0.005
        assert abs(expected(*place) - limit) < 0.012


@pytest.mark.parametrize("sampler", ["clip", "inside"])
def test_sides_are_exactly_int_of_l_times_the_root_of_one_minus_lambda(sampler: str) -> None:
    columns = draws((37, 53, 3), rows=5000, box_sampler=sampler)
    for box, lam in zip(columns["box"], columns["lam"], strict=True):
        root = math.sqrt(1 - float(lam))
        sides = (int(37 * root), int(53 * root))
        height, width = int(box[2] - box[0]), int(box[3] - box[1])
        if sampler == "inside" or (box[0] > 0 and box[2] < 37):
            assert height == sides[0]
        if sampler == "inside" or (box[1] > 0 and box[3] < 53):
            assert width == sides[1]
        assert height <= sides[0]
        assert width <= sides[1]


@pytest.mark.parametrize("sampler", ["clip", "inside"])
def test_every_border_position_is_drawn(sampler: str) -> None:
    box = draws((6, 9, 3), rows=20_000, lam=0.75, box_sampler=sampler)["box"]
    assert set(box[:, 0]) >= {0, 3}
    assert box[:, 2].max() == 6
    assert box[:, 3].max() == 9
    if sampler == "inside":
        assert set(box[:, 0]) == {0, 1, 2, 3}
        assert set(box[:, 1]) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(("lam", "expected"), [(1.0, 1.0), (0.0, 0.0)])
def test_lambda_at_its_ends_keeps_or_replaces_the_whole_image(lam: float, expected: float) -> None:
    share = base_share(draws((7, 5, 3), lam=lam, box_sampler="inside", rows=50), (7, 5, 3))
    assert (share == expected).all()


def test_alpha_shapes_lambda_as_a_beta_distribution_does() -> None:
    for alpha in (0.2, 1.0, 4.0):
        lam = draws((32, 32, 3), alpha=alpha)["lam"].astype(np.float64)
        assert abs(lam.mean() - 0.5) < 0.005
        assert abs(lam.var() - 1 / (4 * (2 * alpha + 1))) < 0.002


def test_ratio_range_bounds_each_side_and_stays_inside() -> None:
    columns = draws((224, 112, 3), ratio_range=(0.2, 0.8))
    box = columns["box"]
    heights, widths = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    assert (heights.min(), heights.max()) == (44, 179)
    assert (widths.min(), widths.max()) == (22, 89)
    assert box.min() == 0
    assert (box[:, 2].max(), box[:, 3].max()) == (224, 112)
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.01
    share = base_share(columns, (224, 112, 3)).astype(np.float32)
    assert np.array_equal(columns["lam"], share)


@pytest.mark.parametrize(
    "params",
    [
        {"ratio_range": (0.2, 0.8), "alpha": 1.0},
        {"ratio_range": (0.2, 0.8), "lam": 0.5},
        {"ratio_range": (0.2, 0.8), "box_sampler": "clip"},
        {"alpha": 1.0, "lam": 0.5},
    ],
)
def test_parameters_that_contradict_each_other_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be combined"):
        step("cutmix", **params)


def test_rows_that_are_not_images_are_refused() -> None:
    with pytest.raises(UsageError, match="images"):
        make_plan(Recipe((step("cutmix"),)), 10, (54,), 4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_bytes_are_the_bases_outside_the_box_and_the_partners_inside(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 255).astype(dtype)
    plan = make_plan(Recipe((step("cutmix"),)), 20, shape, 1)
    block, mixed = plan.draw(0, 0), np.empty_like(pixels)
    cutmix.apply(cutmix.Params(), pixels, block.src, block.columns_of("cutmix"), mixed)
    for row, (base, partner) in enumerate(block.src):
        y0, x0, y1, x1 = block.columns["cutmix_box"][row]
        expected = pixels[base].copy()
        expected[y0:y1, x0:x1] = pixels[partner, y0:y1, x0:x1]
        assert mixed[row].tobytes() == expected.tobytes()


def test_the_stored_box_alone_decides_which_pixels_are_pasted() -> None:
    from augtool.kernels.paste import paste

    rows = np.arange(2, dtype=np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(rows[:, None, None, None], (2, 6, 8, 3)))
    out = np.empty((1, 6, 8, 3), np.uint8)
    seen = set()
    for box in [(1, 2, 4, 5), (0, 2, 4, 5), (1, 1, 4, 5), (1, 2, 5, 5), (1, 2, 4, 6)]:
        paste(pixels, np.array([0]), np.array([1]), np.array([box], np.int32), out)
        y0, x0, y1, x1 = box
        assert out[0, y0:y1, x0:x1].all()
        assert out.sum() == (y1 - y0) * (x1 - x0) * 3
        seen.add(out.tobytes())
    assert len(seen) == 5


def test_of_several_partners_each_has_the_share_that_is_seen_of_it() -> None:
    shape, n = (13, 17), 400
    plan = make_plan(Recipe((step("cutmix", num_mix=3),)), n, shape, 1)
    block = plan.draw(0, 0)
    assert block.src.shape == block.weight.shape == (n, 4)
    assert block.columns["cutmix_box"].shape == (n, 3, 4)
    for row in range(n):
        owner = np.zeros(shape, int)
        for number, (y0, x0, y1, x1) in enumerate(block.columns["cutmix_box"][row], start=1):
            owner[y0:y1, x0:x1] = number
        counts = np.bincount(owner.ravel(), minlength=4)
        assert np.array_equal(block.weight[row], np.float32(counts / owner.size))
        assert len(set(block.src[row])) == 4
