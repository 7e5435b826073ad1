"""SmoothMix's mask, its label, and where the mask is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.kernels.blend import PROFILE_ONE
from augtool.methods import smoothmix
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step


def draws(shape: tuple[int, ...], rows: int = 50_000, **params: Any) -> dict[str, Any]:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return smoothmix.draw(smoothmix.Params(**params), rows, shape, streams)


def stored(cy: float, cx: float, sigma: float) -> dict[str, Any]:
    return {"centre": np.float32([[cy, cx]]), "sigma": np.float32([sigma])}


def partner_weight(columns: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """(m, H, W): a white partner over a black base shows its weight."""
    rows = len(columns["sigma"])
    pixels = np.stack([np.zeros(size), np.ones(size)])
    out = np.empty((rows, *size))
    smoothmix.apply(smoothmix.Params(), pixels, np.tile([0, 1], (rows, 1)), columns, out)
    return out


def gauss(cy: float, cx: float, sigma: float, size: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.exp(
        -(((y - cy) / (sigma * size[0])) ** 2) / 2 - ((x - cx) / (sigma * size[1])) ** 2 / 2
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 5), (33, 32), (40, 96)])
def test_the_partners_weight_is_a_gaussian_around_the_centre(size: tuple[int, int]) -> None:
    columns = draws(size, rows=20, sigma_range=(0.05, 0.6))
    shown = partner_weight(columns, size)
    for row, (cy, cx) in enumerate(columns["centre"]):
        expected = gauss(cy, cx, columns["sigma"][row], size)
        assert np.abs(shown[row] - expected).max() < 3e-4


@pytest.mark.parametrize("size", [(1, 6), (7, 5), (33, 32)])
def test_the_label_is_the_mean_weight_of_the_partner_and_not_of_the_base(
    size: tuple[int, int],
) -> None:
    columns = draws(size, rows=300, sigma_range=(0.02, 0.4))
    told = smoothmix.weights(smoothmix.Params(), columns, size)
    shown = partner_weight(columns, size).mean(axis=(1, 2))
    assert np.abs(told[:, 1] - shown).max() < 1e-7
    assert np.abs(told[:, 0] - (1 - shown)).max() < 1e-7
    assert told[:, 1].mean() < 0.4 < told[:, 0].mean()


def test_the_mean_label_is_that_of_the_papers_distribution() -> None:
    at = (np.arange(400) + 0.5) / 400
    sigmas = np.linspace(0.25, 0.5, 26)
    apart = (at[:, None] - at[None, :]) ** 2
    expected = np.mean([np.exp(-apart / (2 * sigma**2)).mean() ** 2 for sigma in sigmas])
    told = smoothmix.weights(smoothmix.Params(), draws((32, 48)), (32, 48))[:, 1]
    assert abs(told.mean() - expected) < 0.002


def test_sigma_and_centre_are_uniform() -> None:
    columns = draws((20, 50), sigma_range=(0.1, 0.3))
    centre, sigma = columns["centre"] / [20, 50], columns["sigma"]
    assert (sigma.min() >= np.float32(0.1)) and (sigma.max() <= np.float32(0.3))
    assert abs(sigma.mean() - 0.2) < 0.001
    for axis in range(2):
        share = np.histogram(centre[:, axis], 10, (0, 1))[0] / len(centre)
        assert np.abs(share - 0.1).max() < 0.006
    assert abs(np.corrcoef(centre.T)[0, 1]) < 0.02


def test_the_shape_of_the_mask_follows_the_shape_of_the_image() -> None:
    (tall,) = partner_weight(stored(20.5, 10.5, 0.3), (40, 20))
    assert tall[20, 10] == 1
    assert np.abs(tall[20 + 8, 10] - tall[20, 10 + 4]) < 1e-6


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_pixels_are_blended_with_the_mask_and_rounded_to_nearest(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 255).astype(dtype)
    plan = make_plan(Recipe((step("smoothmix"),)), 20, shape, 1)
    block, mixed = plan.draw(0, 0), np.empty_like(pixels)
    columns = block.columns_of("smoothmix")
    smoothmix.apply(smoothmix.Params(), pixels, block.src, columns, mixed)
    down, across = smoothmix.profiles(columns, shape)
    weight = down[:, :, None].astype(float) * across[:, None, :] / PROFILE_ONE**2
    weight = weight.reshape(20, *shape[:2], *[1] * (len(shape) - 2))
    base, partner = (pixels[block.src[:, slot]].astype(np.float64) for slot in range(2))
    error = np.abs(mixed - (weight * partner + (1 - weight) * base)).max()
    assert error <= {"u": 0.5 + 2**-16, "f": 3e-5}[dtype[0]]


def test_a_nan_does_not_reach_where_its_weight_is_zero() -> None:
    pixels = np.stack([np.zeros((9, 30)), np.full((9, 30), np.nan)])
    out = np.empty((1, 9, 30))
    columns = stored(4, 5, 0.05)
    smoothmix.apply(smoothmix.Params(), pixels, np.array([[0, 1]]), columns, out)
    weight = partner_weight(columns, (9, 30))
    assert np.array_equal(np.isnan(out), weight > 0)
    assert (out[weight == 0] == 0).all()
    assert (weight == 0).any()


def test_another_centre_or_sigma_makes_another_row() -> None:
    ways = [(3, 5, 0.3), (3.1, 5, 0.3), (3, 5.1, 0.3), (3, 5, 0.31), (0, 14, 0.3), (3, 5, 0)]
    made = {partner_weight(stored(*way), (9, 14)).tobytes() for way in ways}
    assert len(made) == len(ways)


def test_a_sigma_far_below_a_pixel_blends_nothing_in_and_says_so() -> None:
    columns = draws((7, 5), rows=10, sigma_range=(1e-300, 1e-300))
    assert (smoothmix.weights(smoothmix.Params(), columns, (7, 5)) == [1, 0]).all()
    assert (partner_weight(columns, (7, 5)) == 0).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="sigma_range"):
        step("smoothmix", sigma_range=(0.5, 0.25))
    with pytest.raises(UsageError, match="smoothmix needs images"):
        make_plan(Recipe((step("smoothmix"),)), 10, (54,), 4)
