"""Flip mirrors whole pixels, of any size and dtype, in the rows that its column names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from augtool.methods import flip
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step


def flipped(pixels: np.ndarray, which: list[int]) -> np.ndarray:
    out = np.empty_like(pixels)
    slots = np.arange(len(pixels))[:, None]
    flip.apply(flip.Params(), pixels, slots, {"flipped": np.array(which, np.uint8)}, out)
    return out


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14), (12, 5)])
def test_columns_of_pixels_come_in_reverse_order_and_rows_of_pixels_stay(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((4, *shape)) * 255).astype(dtype)
    which = [1, 0, 0, 1]
    for image, made, mirrored in zip(pixels, flipped(pixels, which), which, strict=True):
        assert made.tobytes() == (image[:, ::-1] if mirrored else image).tobytes()


def test_flipping_twice_is_the_image_again() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 7, 5, 3), dtype=np.uint8)
    assert np.array_equal(flipped(flipped(pixels, [1, 1, 1]), [1, 1, 1]), pixels)


def test_half_of_the_rows_are_flipped_unless_told_otherwise() -> None:
    rows = 20_000
    for prob, share in ((None, 0.5), (0.2, 0.2), (1.0, 1.0)):
        plan = make_plan(Recipe((step("flip", prob=prob),)), rows, (8, 9, 3), 1)
        drawn = np.concatenate(
            [plan.draw(0, block).columns["flip_flipped"] for block in range(plan.blocks)]
        )
        assert abs(drawn.mean() - share) <= 4 * math.sqrt(share * (1 - share) / rows)
        assert set(drawn.tolist()) <= {0, 1}
