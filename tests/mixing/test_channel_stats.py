"""Mean and spread of each channel: exact, bounded in memory, of rows chosen by the seed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from augtool.errors import SourceError
from augtool.mixing.channel_stats import statistics_of


def of(pixels: np.ndarray, seed: int = 0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = statistics_of(pixels.__getitem__, len(pixels), pixels[:1].nbytes, seed)
    return found.mean, found.std


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_they_are_numpys_by_channel(dtype: str) -> None:
    pixels = (np.random.default_rng(0).random((90, 7, 5, 3)) * 200).astype(dtype)
    mean, std = of(pixels)
    assert np.allclose(mean, pixels.mean(axis=(0, 1, 2), dtype=np.float64))
    assert np.allclose(std, pixels.std(axis=(0, 1, 2), dtype=np.float64))
    assert len(of(pixels[..., 0])[0]) == 1


def test_sums_of_bright_pixels_do_not_overflow() -> None:
    """A square here weighs as much as those of 4,096 bright pixels of sixteen bits; the sum of
    all, 2 ** 65, is that of 4,096 photos of two megapixels."""
    bright = 1 << 22
    one = np.full((1, 512, 1024, 1), bright, np.int32)
    one[0, ::2] = bright // 2
    found = statistics_of(lambda _rows: one, 8, 1 << 30, 0)
    assert np.isclose(found.mean[0], bright * 3 / 4)
    assert np.isclose(found.std[0], bright / 4)


def test_they_take_little_memory_beside_the_pixels() -> None:
    pixels = np.ones((40, 512, 512, 3), np.uint8)
    tracemalloc.start()
    of(pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_at_most_4096_rows_are_read_and_the_seed_chooses_them() -> None:
    rows = np.arange(10_000, dtype=np.float64).reshape(-1, 1, 1, 1)
    assert of(rows, 1) == of(rows, 1) != of(rows, 2)


def test_pixels_that_are_not_finite_have_no_mean() -> None:
    with pytest.raises(SourceError, match="not finite"):
        of(np.array([[[[1.0]]], [[[np.nan]]]]))
