"""Cutout's distributions, geometry and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import cutout
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

ROWS = 100_000


def boxes(shape: tuple[int, ...], rows: int = ROWS, **params: Any) -> np.ndarray:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    drawn: np.ndarray = cutout.draw(cutout.Params(**params), rows, shape, streams)["box"]
    return drawn.astype(np.int64)


def sizes(box: np.ndarray) -> np.ndarray:
    return np.stack([box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]], axis=-1)


@pytest.mark.parametrize(
    ("length", "side", "area", "whole"),
    [
        (16, 14.0, 0.19140625, 0.28222656),
        (8, 7.5, 0.05493164, 0.61035156),
        (20, 16.875, 0.27809143, 0.16503906),
    ],
)
def test_sides_areas_and_whole_squares_are_as_frequent_as_clipping_makes_them(
    length: int, side: float, area: float, whole: float
) -> None:
    size = sizes(boxes((32, 32, 3), length=length))
    assert abs(size.mean() - side) < 0.05
    assert abs(size.prod(axis=-1).mean() / 1024 - area) < 0.001
    assert abs((size.prod(axis=-1) == length**2).mean() - whole) < 0.006


@pytest.mark.parametrize(("shape", "length"), [((6, 9, 3), 3), ((5, 7), 4), ((4, 3, 1), 50)])
def test_each_centre_makes_its_own_clipped_square_and_all_are_equally_frequent(
    shape: tuple[int, ...], length: int
) -> None:
    height, width = shape[:2]
    expected: dict[tuple[int, ...], int] = {}
    for y in range(height):
        for x in range(width):
            covered = [
                (i, j)
                for i in range(height)
                for j in range(width)
                if 0 <= i - y + length // 2 < length and 0 <= j - x + length // 2 < length
            ]
            (top, left), (bottom, right) = covered[0], covered[-1]
            box = (top, left, bottom + 1, right + 1)
            expected[box] = expected.get(box, 0) + 1
    found, counts = np.unique(boxes(shape, length=length)[:, 0], axis=0, return_counts=True)
    assert {tuple(map(int, box)) for box in found} == set(expected)
    shares = [expected[tuple(map(int, box))] / (height * width) for box in found]
    assert np.abs(counts / ROWS - shares).max() < 0.006


def test_holes_are_independent_and_may_overlap() -> None:
    box = boxes((32, 48, 3), holes=3, rows=20_000)
    assert box.shape == (20_000, 3, 4)
    tops = box[..., 0]
    assert np.abs(np.corrcoef(tops.T) - np.eye(3)).max() < 0.03
    assert ((tops[:, 0] < box[:, 1, 2]) & (tops[:, 1] < box[:, 0, 2])).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_pixels_are_the_fills_inside_the_holes_and_the_images_outside(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 200).astype(dtype)
    plan = make_plan(Recipe((step("cutout", holes=2, length=5, fill="7"),)), 20, shape, 1)
    block, made = plan.draw(0, 0), np.empty_like(pixels)
    cutout.apply(plan.recipe.steps[0].params, pixels, block.src, block.columns_of("cutout"), made)
    for row, base in enumerate(block.src[:, 0]):
        expected = pixels[base].copy()
        for y0, x0, y1, x1 in block.columns["cutout_box"][row]:
            expected[y0:y1, x0:x1] = 7
        assert made[row].tobytes() == expected.tobytes()


def test_each_side_of_a_stored_box_decides_which_pixels_are_dropped() -> None:
    pixels, seen = np.ones((1, 6, 8, 3), np.uint8), set()
    for box in [(1, 2, 4, 5), (0, 2, 4, 5), (1, 1, 4, 5), (1, 2, 5, 5), (1, 2, 4, 6), (0, 0, 0, 0)]:
        out = np.empty_like(pixels)
        drawn = {"box": np.array([[box]], np.int32)}
        cutout.apply(cutout.Params(fill="0"), pixels, np.zeros((1, 1), np.int64), drawn, out)
        y0, x0, y1, x1 = box
        assert not out[0, y0:y1, x0:x1].any()
        assert out.sum() == 3 * (6 * 8 - (y1 - y0) * (x1 - x0))
        seen.add(out.tobytes())
    assert len(seen) == 6


def test_rows_that_are_not_images_are_refused() -> None:
    with pytest.raises(UsageError, match="cutout needs images"):
        make_plan(Recipe((step("cutout"),)), 10, (54,), 4)
