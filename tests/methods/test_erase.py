"""Random Erasing's distributions, geometry and parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import erase
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

ROWS = 40_000


def boxes(shape: tuple[int, ...], rows: int = ROWS, **params: Any) -> np.ndarray:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    drawn: np.ndarray = erase.draw(erase.Params(**params), rows, shape, streams)["box"]
    return drawn.astype(np.int64)


def sizes(box: np.ndarray) -> np.ndarray:
    return np.stack([box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]], axis=-1)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((224, 224, 3), 0.1742), ((32, 32, 3), 0.174), ((240, 320), 0.171), ((128, 512, 1), 0.148)],
)
def test_the_mean_erased_area_is_that_of_uniform_areas_whose_boxes_fit(
    shape: tuple[int, ...], expected: float
) -> None:
    share = sizes(boxes(shape)).prod(axis=-1) / (shape[0] * shape[1])
    assert abs(share.mean() - expected) < 0.002
    assert share.max() <= 0.35
    assert (share == 0).mean() < 0.0003


def test_upright_and_lying_boxes_are_equally_frequent_unless_the_aspect_is_uniform() -> None:
    for aspect, expected in (("log", 0.5), ("uniform", 0.76)):
        params = (
            {} if aspect == "log" else {"area_range": (0.02, 0.4), "aspect_range": (0.3, 1 / 0.3)}
        )
        size = sizes(boxes((224, 224, 3), aspect=aspect, **params))[:, 0]
        even = size[size[:, 0] != size[:, 1]]
        assert abs((even[:, 0] > even[:, 1]).mean() - expected) < 0.01
        if aspect == "uniform":
            assert abs(size.prod(axis=-1).mean() / 224**2 - 0.203) < 0.002


def test_aspects_are_log_uniform_within_their_range() -> None:
    size = sizes(boxes((1000, 1000), area_range=(0.05, 0.1)))[:, 0]
    ratio = np.log(size[:, 0] / size[:, 1])
    low, high = math.log(0.3), math.log(3.3)
    assert low - 0.02 < ratio.min() < low + 0.02
    assert high - 0.02 < ratio.max() < high + 0.02
    found = np.quantile((ratio - low) / (high - low), [0.1, 0.25, 0.5, 0.75, 0.9])
    assert np.abs(found - [0.1, 0.25, 0.5, 0.75, 0.9]).max() < 0.01


def test_areas_are_uniform_within_their_range() -> None:
    share = sizes(boxes((500, 400), area_range=(0.1, 0.2))).prod(axis=-1) / 200_000
    found = np.quantile(share, [0.1, 0.5, 0.9])
    assert np.abs(found - [0.11, 0.15, 0.19]).max() < 0.001


def test_boxes_lie_inside_smaller_than_the_image_at_every_place_that_there_is() -> None:
    box = boxes((6, 9, 3), aspect_range=(1, 1), area_range=(0.16, 0.17))[:, 0]
    assert (sizes(box) == 3).all()
    found, counts = np.unique(box[:, :2], axis=0, return_counts=True)
    assert len(found) == 4 * 7
    assert np.abs(counts / ROWS - 1 / 28).max() < 0.005
    assert (boxes((6, 9, 3), rows=5000).reshape(-1, 4) >= 0).all()
    assert (sizes(boxes((6, 9, 3), rows=5000)) < (6, 9)).all()


def test_an_image_stays_when_no_try_fits() -> None:
    assert not boxes((32, 32, 3), rows=100, area_range=(1, 1)).any()
    assert not boxes((1, 1, 3), rows=100).any()
    assert not boxes((1, 40), rows=100).any()  # a box must be smaller than the image
    assert not boxes((40, 40), rows=100, area_range=(0, 0)).any()
    rare = boxes((64, 16), rows=ROWS, area_range=(0.9, 0.9), aspect_range=(3.4, 5))[:, 0]
    share = (rare.any(axis=1)).mean()
    single = np.mean(
        [
            0 < h < 64 and 0 < w < 16
            for r in np.exp(np.linspace(math.log(3.4), math.log(5), 4001))
            for h, w in [(round(math.sqrt(921.6 * r)), round(math.sqrt(921.6 / r)))]
        ]
    )
    assert 0.01 < single < 0.5
    assert abs(share - (1 - (1 - single) ** 10)) < 0.02


def test_several_boxes_share_the_area_and_are_independent() -> None:
    box = boxes((224, 224, 3), count=3, rows=20_000)
    share = sizes(box).prod(axis=-1) / 224**2
    assert np.abs(share.mean(axis=0) - 0.175 / 3).max() < 0.002
    assert np.abs(np.corrcoef(share.T) - np.eye(3)).max() < 0.03
    assert np.abs(np.corrcoef(box[:, :, 0].T) - np.eye(3)).max() < 0.03


def test_half_of_the_rows_are_left_alone_unless_told_otherwise() -> None:
    for prob, expected in ((None, 0.5), (0.2, 0.2), (1.0, 1.0)):
        chosen = step("erase", prob=prob, fill="0")
        plan = make_plan(Recipe((chosen,)), 20_000, (32, 40, 3), 1)
        box = np.concatenate([plan.draw(0, at).columns["erase_box"] for at in range(plan.blocks)])
        assert abs(box.any(axis=(1, 2)).mean() - expected) < 0.015


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_pixels_are_new_inside_the_boxes_and_the_images_outside(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 50).astype(dtype)
    chosen = step("erase", prob=1, count=2, fill="noise", mean=(200.0,), std=(5.0,))
    plan = make_plan(Recipe((chosen,)), 20, shape, 1)
    block, made = plan.draw(0, 0), np.empty_like(pixels)
    erase.apply(plan.recipe.steps[0].params, pixels, block.src, block.columns_of("erase"), made)
    for row, base in enumerate(block.src[:, 0]):
        inside = np.zeros(shape[:2], bool)
        for y0, x0, y1, x1 in block.columns["erase_box"][row]:
            inside[y0:y1, x0:x1] = True
        assert (made[row][inside] > 150).all()
        assert made[row][~inside].tobytes() == pixels[base][~inside].tobytes()


def test_rows_that_are_not_images_are_refused() -> None:
    with pytest.raises(UsageError, match="erase needs images"):
        make_plan(Recipe((step("erase"),)), 10, (54,), 4)


def test_ranges_that_fall_are_refused() -> None:
    for name in ("area_range", "aspect_range"):
        with pytest.raises(UsageError, match=name):
            step("erase", **{name: (0.5, 0.2)})
