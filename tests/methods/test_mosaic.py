"""Mosaic shows four images around a centre, each at its own place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import SourceError
from augtool.methods import mosaic
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step


def centres(shape: tuple[int, ...], rows: int = 20_000, **params: Any) -> np.ndarray:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return mosaic.draw(mosaic.Params(**params), rows, shape, streams)["centre"]


def mixed(pixels: np.ndarray, slots: np.ndarray, centre: np.ndarray) -> np.ndarray:
    out = np.empty((len(slots), *pixels.shape[1:]), pixels.dtype)
    mosaic.apply(mosaic.Params(), pixels, slots, {"centre": centre.astype(np.int32)}, out)
    return out


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_every_pixel_is_that_of_its_quadrants_image_at_the_same_place(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((9, *shape)) * 255).astype(dtype)
    plan = make_plan(Recipe((step("mosaic", centre_range=(0, 1)),)), 9, shape, 1)
    block = plan.draw(0, 0)
    made = mixed(pixels, block.src, block.columns["mosaic_centre"])
    src, expected = block.src, np.empty_like(made)
    for row, (cy, cx) in enumerate(block.columns["mosaic_centre"].tolist()):
        counts = [0] * 4
        for y in range(shape[0]):
            for x in range(shape[1]):
                quadrant = 2 * (y >= cy) + (x >= cx)
                counts[quadrant] += 1
                expected[row, y, x] = pixels[src[row, quadrant], y, x]
        exact = np.array(counts) / (shape[0] * shape[1])
        assert np.array_equal(block.weight[row], exact.astype(np.float32))
    assert np.array_equal(made, expected)


@pytest.mark.parametrize(
    ("shape", "centre_range", "heights", "widths"),
    [
        ((32, 48, 3), (0.3, 0.7), (10, 22), (14, 34)),
        ((5, 9), (0.3, 0.7), (1, 4), (3, 6)),
        ((1, 1, 3), (0.3, 0.7), (0, 1), (0, 1)),
        ((7, 5, 1), (0, 1), (0, 7), (0, 5)),
        ((8, 6, 1), (0.5, 0.5), (4, 4), (3, 3)),
    ],
)
def test_the_centre_is_uniform_between_the_ends_of_its_range_in_each_axis(
    shape: tuple[int, ...],
    centre_range: tuple[float, float],
    heights: tuple[int, int],
    widths: tuple[int, int],
) -> None:
    drawn = centres(shape, centre_range=centre_range)
    for axis, (low, high) in enumerate((heights, widths)):
        counts = np.bincount(drawn[:, axis], minlength=high + 1)
        assert counts[:low].sum() == 0
        assert len(counts) == high + 1
        expected = len(drawn) / (high - low + 1)
        assert np.abs(counts[low:] - expected).max() < 5 * np.sqrt(expected)


def test_no_quadrant_is_favoured() -> None:
    columns = {"centre": centres((31, 50, 3))}
    weight = mosaic.weights(mosaic.Params(), columns, (31, 50, 3)).astype(np.float64)
    assert np.abs(weight.mean(axis=0) - 0.25).max() < 0.005
    assert np.abs(weight.sum(axis=1) - 1).max() < 1e-6


def test_another_centre_makes_another_row() -> None:
    pixels = np.arange(4, dtype=np.uint8)[:, None, None] + np.zeros((4, 6, 8), np.uint8)
    around = np.array([(y, x) for y in range(6) for x in range(8)])
    slots = np.tile(np.arange(4), (len(around), 1))
    assert len({row.tobytes() for row in mixed(pixels, slots, around)}) == len(around)


def test_four_different_images_meet_in_every_row() -> None:
    block = make_plan(Recipe((step("mosaic"),)), 50, (6, 8, 3), 1).draw(0, 0)
    assert all(len(set(sources.tolist())) == 4 for sources in block.src)


def test_fewer_than_four_images_are_refused() -> None:
    with pytest.raises(SourceError, match="mosaic mixes 4 different ones"):
        make_plan(Recipe((step("mosaic"),)), 3, (6, 8, 3), 1)
