"""Rotate turns images about their centre, to the bit where that is possible."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import pytest

from augtool.methods import rotate

DTYPES = ["uint8", "uint16", "float32", "float64"]
both = pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])


def turned(pixels: np.ndarray, angles: list[int], **params: Any) -> np.ndarray:
    """Row i is image i turned by so many hundredths of a degree."""
    out = np.empty_like(pixels)
    slots = np.arange(len(pixels))[:, None]
    columns = {"angle": np.array(angles, np.int32)}
    rotate.apply(rotate.Params(**params), pixels, slots, columns, out)
    return out


def by_trigonometry(image: np.ndarray, angle: int, border: str, interpolation: str) -> np.ndarray:
    """The turned image (H, W, C) in float64, with the C library's sines and NumPy's padding."""
    height, width = image.shape[:2]
    reach = height + width
    around = [(reach, reach), (reach, reach), (0, 0)]
    padded = np.pad(image.astype(np.float64), around, mode=border)  # type: ignore[call-overload]
    cos, sin = math.cos(math.radians(angle / 100)), math.sin(math.radians(angle / 100))
    out = np.empty(image.shape)
    for y, x in np.ndindex(height, width):
        u, v = x - (width - 1) / 2, y - (height - 1) / 2
        from_x = u * cos - v * sin + (width - 1) / 2 + reach
        from_y = u * sin + v * cos + (height - 1) / 2 + reach
        if interpolation == "nearest":
            out[y, x] = padded[math.floor(from_y + 0.5), math.floor(from_x + 0.5)]
            continue
        top, left = math.floor(from_y), math.floor(from_x)
        low, right = from_y - top, from_x - left
        out[y, x] = (1 - low) * (
            (1 - right) * padded[top, left] + right * padded[top, left + 1]
        ) + low * ((1 - right) * padded[top + 1, left] + right * padded[top + 1, left + 1])
    return out


@both
@pytest.mark.parametrize("border", ["constant", "edge", "reflect", "wrap"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (12, 9, 2)])
def test_every_pixel_is_the_one_that_trigonometry_finds(
    shape: tuple[int, ...], border: str, interpolation: str
) -> None:
    angles = [1, 733, -1500, 4531, 9000, -12345, 18000]
    pixels = np.random.default_rng(0).random((len(angles), *shape)) * 255
    made = turned(pixels, angles, border=border, interpolation=interpolation)
    for image, row, angle in zip(pixels, made, angles, strict=True):
        expected = by_trigonometry(image, angle, border, interpolation)
        if interpolation == "bilinear":  # a place is right to 1/131072 of a pixel, 255 levels apart
            assert np.abs(row - expected).max() < 0.01
        else:  # on the middle between two pixels, rounding decides which is nearer
            assert (np.abs(row - expected).max(axis=2) > 1e-9).mean() <= (angle % 9000 == 0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_whole_numbers_are_rounded_to_the_nearest(dtype: str) -> None:
    angles = [733, -1500, 4531, -12345]
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, most, (4, 9, 14, 3), dtype, endpoint=True)
    exact = turned(pixels.astype(np.float64), angles, fill=f"{most}")
    made = turned(pixels, angles, fill=f"{most}")
    assert np.abs(made - exact).max() <= 0.5 + 1e-9


@both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (7, 7, 1), (9, 9)])
def test_quarter_turns_of_squares_are_exact(
    shape: tuple[int, ...], dtype: str, interpolation: str
) -> None:
    pixels = (np.random.default_rng(0).random((5, *shape)) * 255).astype(dtype)
    angles = [0, 9000, -9000, 18000, -18000]
    quarters = [0, 1, -1, 2, 2]
    made = turned(pixels, angles, interpolation=interpolation)
    for image, row, quarter in zip(pixels, made, quarters, strict=True):
        assert row.tobytes() == np.rot90(image, quarter).tobytes()


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_half_a_turn_is_exact_and_no_turn_keeps_every_bit(dtype: str, interpolation: str) -> None:
    pixels = (np.random.default_rng(0).random((2, 7, 12, 3)) * 255).astype(dtype)
    if dtype[0] == "f":
        pixels[:, 3, 4], pixels[:, 0, 0], pixels[:, 6, 2] = np.nan, np.inf, -0.0
    made = turned(pixels, [0, 18000], interpolation=interpolation)
    assert made[0].tobytes() == pixels[0].tobytes()
    assert made[1].tobytes() == pixels[1, ::-1, ::-1].tobytes()


@both
def test_an_even_image_stays_even_under_any_angle(interpolation: str) -> None:
    pixels = np.full((50, 9, 14, 3), 201, np.uint8)
    angles = list(range(-18000, 18000, 720))
    assert (turned(pixels, angles, interpolation=interpolation, fill="201") == 201).all()
    assert (turned(pixels, angles, interpolation=interpolation, border="edge") == 201).all()


@pytest.mark.parametrize(("degrees", "most"), [(15.0, 1500), (0.0, 0), (180.0, 18000), (0.3, 30)])
def test_angles_are_uniform_up_to_the_limit_either_way(degrees: float, most: int) -> None:
    rows = 50_000
    drawn = rotate.draw(
        rotate.Params(degrees=degrees), rows, (9, 14), lambda _: np.random.default_rng(1)
    )["angle"].astype(np.float64)
    deviation = math.sqrt(((2 * most + 1) ** 2 - 1) / 12)
    assert np.abs(drawn).max() <= most
    assert np.abs(drawn).max() >= 0.99 * most
    assert abs(drawn.mean()) <= 4 * deviation / math.sqrt(rows)
    assert abs(drawn.std() - deviation) <= 0.02 * deviation


def test_another_angle_makes_another_row() -> None:
    angles = list(range(-1500, 1501, 3))
    image = np.random.default_rng(0).random((1, 9, 14))
    made = turned(np.repeat(image, len(angles), axis=0), angles)
    assert len({row.tobytes() for row in made}) == len(angles)


@pytest.mark.parametrize(
    ("dtype", "digest"),
    [("uint8", "d9cbcd7ce41566ca"), ("float64", "f412bfaec01b70a6")],
)
def test_the_same_angle_gives_the_same_bytes_on_every_machine(dtype: str, digest: str) -> None:
    angles = list(range(-18000, 18001, 125))
    image = (np.arange(9 * 14 * 3).reshape(1, 9, 14, 3) * 37 % 256).astype(dtype)
    made = turned(np.repeat(image, len(angles), axis=0), angles, border="reflect")
    assert hashlib.sha256(made.tobytes()).hexdigest()[:16] == digest
