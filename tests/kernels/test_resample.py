"""Bilinear resampling: what Pillow does, within a rounding, and flat where the image is flat."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from augtool.kernels import resample

Pixels = npt.NDArray[np.uint8]

# (H, W), the box y0 x0 y1 x1, (h, w): smaller, larger, one direction of each, a part between pixels
CASES = [
    ((37, 61), (0, 0, 37, 61), (12, 19)),
    ((37, 61), (3.25, 10.5, 30.75, 44.0), (11, 16)),
    ((9, 7), (0, 0, 9, 7), (31, 40)),
    ((40, 6), (5, 1, 35, 5), (7, 21)),
    ((5, 90), (0, 0, 5, 90), (5, 4)),
    ((1, 8), (0, 0, 1, 8), (3, 3)),
    ((300, 2), (0, 0, 300, 2), (2, 2)),
]


def noise(size: tuple[int, int], channels: int) -> Pixels:
    draws = np.random.default_rng(20261126)
    return draws.integers(0, 256, (*size, channels), np.uint8)


def resized(pixels: Pixels, box: Any, size: tuple[int, int], channels: int) -> Pixels:
    out = np.empty((*size, channels), np.uint8)
    resample.bilinear(pixels, box, out)
    return out


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("given", "box", "size"), CASES)
def test_each_pixel_is_pillows_within_one(given: Any, box: Any, size: Any, channels: int) -> None:
    pixels = noise(given, channels)
    image = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
    across = (box[1], box[0], box[3], box[2])
    wanted = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, across))
    error = resized(pixels, box, size, channels).astype(int) - wanted.reshape(*size, channels)
    assert np.abs(error).max() <= 1
    assert abs(error.mean()) < 0.25, "rounded, not cut off"


@pytest.mark.parametrize(("given", "box", "size"), CASES)
def test_a_fourth_channel_changes_nothing(given: Any, box: Any, size: Any) -> None:
    four = noise(given, 4)
    three = np.ascontiguousarray(four[:, :, :3])
    assert np.array_equal(resized(four, box, size, 3), resized(three, box, size, 3))


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
@pytest.mark.parametrize(("given", "box", "size"), CASES)
def test_what_is_flat_stays_flat(given: Any, box: Any, size: Any, value: int) -> None:
    flat = np.full((*given, 3), value, np.uint8)
    assert (resized(flat, box, size, 3) == value).all()


def test_an_image_of_the_wanted_size_stays_as_it_is() -> None:
    pixels = noise((13, 21), 3)
    assert np.array_equal(resized(pixels, (0, 0, 13, 21), (13, 21), 3), pixels)


def test_a_mirrored_image_is_resized_to_the_mirrored_one() -> None:
    """Halves are rounded up in both, so that what is left is the order of the sums: none."""
    pixels = noise((23, 34), 3)
    mirrored = np.ascontiguousarray(pixels[::-1, ::-1])
    one = resized(pixels, (0, 0, 23, 34), (10, 17), 3)
    other = resized(mirrored, (0, 0, 23, 34), (10, 17), 3)
    assert np.abs(one.astype(int) - other[::-1, ::-1]).max() <= 1
