"""Mixing arrays in memory."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import augtool
from augtool.errors import UsageError
from augtool.mixing import in_memory


def images(n: int = 12, dtype: str = "uint8") -> np.ndarray:
    rows = np.arange(n, dtype=dtype)
    return np.ascontiguousarray(np.broadcast_to(rows[:, None, None, None], (n, 9, 14, 3)))


def test_the_documented_example_is_true() -> None:
    assert doctest.testmod(in_memory).failed == 0
    assert doctest.testmod(in_memory).attempted > 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_rows_stay_in_order_and_labels_are_what_the_pixels_show(dtype: str) -> None:
    mixed, soft = augtool.cutmix(images(dtype=dtype), np.arange(12), seed=3)
    assert mixed.dtype == dtype
    for row in range(12):
        shares = np.bincount(mixed[row, :, :, 0].astype(int).ravel(), minlength=12) / (9 * 14)
        assert np.array_equal(soft[row], shares.astype(np.float32))
        assert set(np.flatnonzero(shares)) - {row} or shares[row] == 1


def test_large_arrays_go_through_several_blocks() -> None:
    many = np.arange(5000, dtype=np.float64).repeat(16).reshape(5000, 4, 4)
    mixed, soft = augtool.cutmix(many, np.arange(5000) % 7)
    assert (mixed[:, :, :].min(axis=(1, 2)) < mixed.max(axis=(1, 2))).mean() > 0.5
    assert np.allclose(soft.sum(1), 1)


def test_it_makes_the_rows_of_a_run_in_source_order(owners: Any, job: Any) -> None:
    one = job(owners(n=330, classes=7), order="source", seed=5, block_rows=None)
    augtool.run(one)
    made = augtool.open(one.output)
    pixels = np.broadcast_to(np.arange(330, dtype=np.uint16)[:, None, None, None], (330, 9, 14, 3))
    mixed, soft = augtool.cutmix(pixels, np.arange(330) * 7 // 330, seed=5)
    assert np.array_equal(mixed, made.images)
    assert np.array_equal(soft, made.labels)


def test_the_input_is_not_changed() -> None:
    pixels = images()
    before = pixels.copy()
    augtool.cutmix(pixels, np.arange(12))
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    ("pixels", "targets", "more", "message"),
    [
        (images(), np.arange(11), {}, "12 images and 11 targets"),
        (images().astype(np.int32), np.arange(12), {}, "int32"),
        (images(), np.arange(12) - 1, {}, "-1"),
        (images(), np.arange(12), {"num_classes": 5}, "5 classes"),
        (images(), np.linspace(0, 1, 12), {}, "float64"),
        (images(1), [0], {}, "1 usable image"),
        (images(), np.arange(12), {"alpha": 0}, "alpha 0"),
        (np.zeros((12, 5)), np.arange(12), {}, "images"),
    ],
)
def test_what_cannot_be_mixed_is_refused(
    pixels: Any, targets: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(augtool.AugtoolError, match=message):
        augtool.cutmix(pixels, targets, **more)


def test_errors_are_usage_errors() -> None:
    with pytest.raises(UsageError):
        augtool.cutmix(images(), np.arange(11))
