"""FMix's masks: their counts, their spectrum, and that they are the same everywhere."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import _exact, fmix
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

GOLDEN = "d5ddc4ad2287b9f34546e2ad4c4c07ef2d4caa67dbe41285d334a00395f3631c"


def masks(
    size: tuple[int, int], rows: int = 400, lam: Any = 0.5, first: int = 0, **params: Any
) -> np.ndarray:
    """(rows, H, W), 1 where the base is seen."""
    key = np.random.default_rng(first).integers(0, 2**64, rows, dtype=np.uint64)
    lam = np.broadcast_to(np.float32(lam), rows)
    return fmix.masks(fmix.Params(**params), key, lam, *size).reshape(rows, *size)


def oracle(key: int, lam: float, decay_power: float, height: int, width: int) -> np.ndarray:
    """A mask by definition: the hash in Python's integers, each wave by itself, a stable sort."""

    def normal(place: int) -> int:
        word = (key + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        return sum((word ^ (word >> 31)).to_bytes(8, "little")) - 1020

    def waves(side: int) -> list[tuple[int, np.ndarray]]:
        at = 2 * np.pi * np.arange(side) / side
        found = [(0, np.ones(side))]
        for cycles in range(1, min(side // 2, 32 * side // max(height, width)) + 1):
            if 2 * cycles == side:
                found.append((cycles, np.cos(cycles * at)))
            else:
                found.append((cycles, math.sqrt(2) * np.cos(cycles * at)))
                found.append((cycles, math.sqrt(2) * np.sin(cycles * at)))
        return found

    noise, place = np.zeros((height, width)), 0
    for rows, down in waves(height):
        for cols, across in waves(width):
            frequency = math.hypot(rows / height, cols / width) * max(height, width)
            if frequency:
                noise += np.outer(down, across) * normal(place) * frequency**-decay_power
            place += 1
    mask = np.zeros(height * width, np.uint8)
    mask[np.argsort(-noise.ravel(), kind="stable")[: round(lam * height * width)]] = 1
    return mask.reshape(height, width)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 5), (33, 32), (48, 70)])
@pytest.mark.parametrize("decay_power", [0.0, 1.5, 3.0])
def test_masks_are_those_of_the_definition(size: tuple[int, int], decay_power: float) -> None:
    key = np.random.default_rng(3).integers(0, 2**64, 6, dtype=np.uint64)
    lam = np.float32([0.03, 0.2, 0.41, 0.6, 0.83, 0.97])
    made = fmix.masks(fmix.Params(decay_power=decay_power), key, lam, *size).reshape(6, *size)
    for row in range(6):
        expected = oracle(int(key[row]), float(lam[row]), decay_power, *size)
        # float32 may order two pixels of nearly equal noise otherwise than float64 does
        assert (made[row] != expected).sum() <= 2 * (size[0] * size[1] > 1000)


def test_masks_are_the_same_bytes_on_every_machine() -> None:
    digest = hashlib.sha256()
    for size, decay_power in (((32, 32), 3.0), ((33, 70), 1.0), ((200, 96), 2.5)):
        digest.update(masks(size, 30, np.linspace(0, 1, 30), decay_power=decay_power).tobytes())
    assert digest.hexdigest() == GOLDEN


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (20, 31)])
def test_the_share_of_the_base_is_lambda_to_half_a_pixel(size: tuple[int, int]) -> None:
    lam = np.random.default_rng(0).random(300).astype(np.float32)
    shown = masks(size, 300, lam).mean(axis=(1, 2), dtype=np.float64)
    assert np.abs(shown - lam).max() <= 0.5 / (size[0] * size[1]) + 1e-12
    told = fmix.weights(fmix.Params(), {"lam": lam}, size)[:, 0]
    assert np.array_equal(told, shown.astype(np.float32))


def test_the_base_is_as_likely_everywhere() -> None:
    shown = masks((12, 18), 4000, 0.3).mean(axis=0)
    assert np.abs(shown - 0.3).max() < 5 * math.sqrt(0.3 * 0.7 / 4000)


def test_shapes_are_alike_in_both_directions_and_no_bands() -> None:
    """The published code has all its energy at one cycle across, so that its masks are bands."""
    made = masks((32, 32), 2000).astype(int)
    down = np.abs(np.diff(made, axis=1)).sum(axis=(1, 2))
    across = np.abs(np.diff(made, axis=2)).sum(axis=(1, 2))
    assert abs(down.mean() / across.mean() - 1) < 0.05
    power = (np.abs(np.fft.fft2(made - made.mean(axis=(1, 2), keepdims=True))) ** 2).mean(axis=0)
    for one in range(1, 5):
        assert abs(power[one, 0] / power[0, one] - 1) < 0.25
    beyond_one_cycle_across = power[:, 2:-1].sum() / power.sum()
    assert beyond_one_cycle_across > 0.15


def test_shapes_are_round_in_images_that_are_not_square() -> None:
    """Four times as wide: cut into squares, as many borders down as across."""
    made = masks((16, 64), 3000, decay_power=1.5).astype(int)
    down = np.abs(np.diff(made, axis=1)).mean()
    across = np.abs(np.diff(made, axis=2)).mean()
    assert abs(down / across - 1) < 0.15


def test_a_larger_decay_makes_shorter_borders() -> None:
    borders = [
        np.abs(np.diff(masks((32, 48), 300, decay_power=power).astype(int), axis=2)).sum()
        for power in (0.0, 1.0, 2.0, 3.0, 5.0)
    ]
    assert borders == sorted(borders, reverse=True)
    assert borders[0] > 5 * borders[-1]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_each_pixel_has_the_bytes_of_the_source_that_the_mask_says(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 255).astype(dtype)
    plan = make_plan(Recipe((step("fmix"),)), 20, shape, 1)
    block, mixed = plan.draw(0, 0), np.empty_like(pixels)
    columns = block.columns_of("fmix")
    fmix.apply(plan.recipe.steps[0].params, pixels, block.src, columns, mixed)
    mask = fmix.masks(plan.recipe.steps[0].params, columns["key"], columns["lam"], *shape[:2])
    mask = mask.reshape(20, *shape[:2], *[1] * (len(shape) - 2)) > 0
    expected = np.where(mask, pixels[block.src[:, 0]], pixels[block.src[:, 1]])
    assert mixed.tobytes() == expected.tobytes()


def test_many_rows_are_the_same_as_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 9, 14, 3)).astype(np.uint8)
    plan = make_plan(Recipe((step("fmix"),)), 40, (9, 14, 3), 1)
    block, whole, parts = plan.draw(0, 0), np.empty_like(pixels), np.empty_like(pixels)
    arguments = (plan.recipe.steps[0].params, pixels, block.src, block.columns_of("fmix"))
    fmix.apply(*arguments, whole)
    monkeypatch.setattr(fmix, "_MASK_BYTES", 300)
    fmix.apply(*arguments, parts)
    assert np.array_equal(whole, parts)


def test_another_key_or_lambda_makes_another_mask() -> None:
    params = fmix.Params()
    stored = [(0, 0.5), (1, 0.5), (2**63, 0.5), (0, 0.51), (0, 0.4)]
    made = {
        fmix.masks(params, np.array([key], np.uint64), np.float32([lam]), 9, 14).tobytes()
        for key, lam in stored
    }
    assert len(made) == len(stored)


def test_lambda_is_uniform_when_nothing_is_said() -> None:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    columns = fmix.draw(fmix.Params(), 100_000, (9, 14), streams)
    assert abs(columns["lam"].mean() - 0.5) < 0.004
    assert abs(columns["lam"].var() - 1 / 12) < 0.001
    assert len(np.unique(columns["key"])) == 100_000


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be combined"):
        step("fmix", alpha=1.0, lam=0.5)
    with pytest.raises(UsageError, match="fmix needs images"):
        make_plan(Recipe((step("fmix"),)), 10, (54,), 4)


def test_the_exact_functions_are_right() -> None:
    values = np.linspace(-300, 300, 5001)
    assert np.allclose(_exact.exp(values), np.exp(values), rtol=1e-13)
    positive = np.exp(np.linspace(-40, 40, 5001))
    assert np.allclose(_exact.log(positive), np.log(positive), rtol=1e-13, atol=1e-14)
    for whole in (1, 2, 3, 8, 33, 1000):
        part = np.arange(-2 * whole, 2 * whole)
        assert np.allclose(_exact.cos_turns(part, whole), np.cos(2 * np.pi * part / whole))
        assert np.allclose(_exact.sin_turns(part, whole), np.sin(2 * np.pi * part / whole))
