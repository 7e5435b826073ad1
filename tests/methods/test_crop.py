"""Crop shows a window of the padded image, of the image's size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import crop
from augtool.recipe.recipe import step


def corners(rows: int, **params: Any) -> np.ndarray:
    return crop.draw(crop.Params(**params), rows, (9, 14, 3), lambda _: np.random.default_rng(1))[
        "corner"
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("border", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (9, 14)])
def test_the_window_is_that_of_numpys_padded_image(
    shape: tuple[int, ...], border: str, dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((12, *shape)) * 255).astype(dtype)
    corner, out = corners(12, padding=4), np.empty_like(pixels)
    slots = np.arange(12)[:, None]
    crop.apply(crop.Params(border=border), pixels, slots, {"corner": corner}, out)
    for image, made, (y0, x0) in zip(pixels, out, corner, strict=True):
        around = [(4, 4), (4, 4), (0, 0)][: image.ndim]
        padded = np.pad(image, around, mode=border)  # type: ignore[call-overload]
        window = padded[4 + y0 : 4 + y0 + shape[0], 4 + x0 : 4 + x0 + shape[1]]
        assert np.array_equal(made, window)


@pytest.mark.parametrize("padding", [0, 1, 4, 9])
def test_all_windows_are_equally_likely(padding: int) -> None:
    rows, places = 40_000, (2 * padding + 1) ** 2
    y, x = (corners(rows, padding=padding) + padding).T
    counts = np.bincount(y * (2 * padding + 1) + x, minlength=places)
    assert len(counts) == places
    assert np.abs(counts - rows / places).max() <= 5 * math.sqrt(rows / places)


def test_padding_is_a_whole_number_of_pixels() -> None:
    with pytest.raises(UsageError, match=r"padding 0\.5: must be a whole number"):
        step("crop", padding=0.5)
