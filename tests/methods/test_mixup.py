"""mixup's distribution, its rounding, and what it does to rows that are not images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import mixup
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

ROWS = 200_000


def draws(rows: int = ROWS, **params: Any) -> np.ndarray:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return mixup.draw(mixup.Params(**params), rows, (5,), streams)["lam"]


def blended(pixels: np.ndarray, slots: Any, lam: Any) -> np.ndarray:
    slots, lam = np.array(slots), np.array(lam, np.float32)
    out = np.full((len(slots), *pixels.shape[1:]), 99, pixels.dtype)
    pixels.flags.writeable = False
    mixup.apply(mixup.Params(), pixels, slots, {"lam": lam}, out)
    return out


def all_pairs() -> np.ndarray:
    """Two rows in which every byte meets every byte."""
    return np.stack([np.repeat(np.arange(256), 256), np.tile(np.arange(256), 256)]).astype(np.uint8)


@pytest.mark.parametrize(
    ("alpha", "smaller"),
    [(0.2, 0.10119), (0.4, 0.16024), (0.5, 0.18169), (1.0, 0.25), (2.0, 0.3125)],
)
def test_lambda_has_the_moments_of_beta(alpha: float, smaller: float) -> None:
    lam = draws(alpha=alpha).astype(np.float64)
    assert abs(lam.mean() - 0.5) < 0.005
    assert abs(lam.var() - 1 / (4 * (2 * alpha + 1))) < 0.002
    assert abs(np.minimum(lam, 1 - lam).mean() - smaller) < 0.002


def test_alpha_is_that_of_the_paper_when_nothing_is_said() -> None:
    assert np.array_equal(draws(rows=50), draws(rows=50, alpha=0.2))


def test_alpha_and_lam_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="cannot be combined"):
        step("mixup", alpha=0.2, lam=0.5)


@pytest.mark.parametrize(
    "lam", [0.0, 1e-9, 0.1, 1 / 3, 0.49999, 0.5, 0.7, 254 / 255, 1 - 2**-24, 1.0]
)
def test_every_pair_of_bytes_is_blended_to_the_nearest_byte(lam: float) -> None:
    pixels = all_pairs()
    lam = float(np.float32(lam))
    exact = lam * pixels[0].astype(np.float64) + (1 - lam) * pixels[1].astype(np.float64)
    mixed = blended(pixels, [[0, 1]], [lam])[0]
    assert np.abs(mixed - exact).max() <= 0.5 + 2**-17
    if lam >= 0.5:
        assert np.array_equal(mixed, np.rint(exact))


def test_halves_are_rounded_without_a_bias() -> None:
    pixels = all_pairs()
    mixed = blended(pixels, [[0, 1]], [0.5])[0].astype(np.float64)
    assert abs((mixed - pixels.mean(axis=0)).mean()) < 0.002


def test_random_lambdas_leave_no_bias() -> None:
    pixels = all_pairs()
    lam = draws(rows=64)
    mixed = blended(pixels, [[0, 1]] * 64, lam).astype(np.float64)
    exact = lam[:, None].astype(np.float64) * (pixels[0] - pixels[1].astype(float)) + pixels[1]
    assert abs((mixed - exact).mean()) < 0.002


def test_words_are_rounded_to_nearest_and_never_wrap() -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 65536, (2, 5000)).astype(np.uint16)
    pixels[:, :4] = [[0, 65535, 65535, 0], [65535, 0, 65535, 0]]
    for lam in np.float32([0, 1e-7, 0.1, 0.5, 0.77, 1 - 2**-24, 1]).astype(np.float64):
        exact = lam * pixels[0].astype(np.float64) + (1 - lam) * pixels[1].astype(np.float64)
        assert np.array_equal(blended(pixels, [[0, 1]], [lam])[0], np.rint(exact))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_are_weighted_means(dtype: str) -> None:
    pixels = np.random.default_rng(0).normal(0, 1e3, (2, 300)).astype(dtype)
    lam = float(np.float32(0.3))
    exact = lam * pixels[0].astype(np.float64) + (1 - lam) * pixels[1].astype(np.float64)
    assert np.array_equal(blended(pixels, [[0, 1]], [lam])[0], exact.astype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_lambda_at_its_ends_keeps_the_bytes_of_one_source(dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 7, 5)).astype(dtype)
    if dtype[0] == "f":
        pixels[0, 0, :4] = [np.nan, np.inf, -np.inf, -0.0]
        pixels[1, 0, :4] = [1, np.nan, 0.0, np.nan]
    mixed = blended(pixels, [[0, 1], [0, 1]], [1, 0])
    assert mixed[0].tobytes() == pixels[0].tobytes()
    assert mixed[1].tobytes() == pixels[1].tobytes()


@pytest.mark.parametrize("shape", [(54,), (16000,), (3, 4, 5, 2), ()])
def test_rows_of_any_rank_are_blended(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).random((8, *shape)).astype(np.float32)
    plan = make_plan(Recipe((step("mixup"),)), 8, shape, 4)
    block = plan.draw(0, 0)
    mixed = blended(pixels, block.src, block.columns["mixup_lam"])
    lam = block.weight.astype(np.float64).reshape(8, 2, *[1] * len(shape))
    exact = lam[:, 0] * pixels[block.src[:, 0]] + lam[:, 1] * pixels[block.src[:, 1]]
    assert np.allclose(mixed, exact, rtol=1e-6)


def test_another_lambda_makes_another_row() -> None:
    pixels = np.array([[0] * 40, [200] * 40], np.float32)
    lams = np.float32([0.2, 0.2 + 1e-6, 0.3, 0.9])
    assert len({blended(pixels, [[0, 1]], [lam]).tobytes() for lam in lams}) == 4


def test_each_weight_is_rounded_once() -> None:
    lam = draws(rows=1000)
    weights = mixup.weights(mixup.Params(), {"lam": lam}, (5,))
    assert np.array_equal(weights[:, 0], lam)
    assert np.array_equal(weights[:, 1], (1 - lam.astype(np.float64)).astype(np.float32))
