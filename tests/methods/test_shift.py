"""Shift moves whole pixels, and shows at the border what it was told to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import shift
from augtool.methods._contract import ChannelStatistics
from augtool.mixing.apply import prepared
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

BORDERS = ["constant", "edge", "reflect", "wrap"]
ROWS = 20_000
moves_images = pytest.mark.parametrize("name", ["shift", "crop", "rotate"])


def seen(image: np.ndarray, y: int, x: int, border: str, colour: Any) -> Any:
    """The pixel at any place, from the meaning of the borders, by walking there."""
    if border == "constant" and not (0 <= y < image.shape[0] and 0 <= x < image.shape[1]):
        return colour
    return image[walked(y, image.shape[0], border), walked(x, image.shape[1], border)]


def walked(at: int, side: int, border: str) -> int:
    while not 0 <= at < side:
        if border == "wrap":
            at += side if at < 0 else -side
        elif border == "reflect" and side > 1:
            at = -at if at < 0 else 2 * (side - 1) - at
        else:
            at += 1 if at < 0 else -1
    return at


def moved(pixels: np.ndarray, offset: Any, **params: Any) -> np.ndarray:
    offset = np.array(offset, np.int32)
    out = np.empty((len(offset), *pixels.shape[1:]), pixels.dtype)
    slots = (np.arange(len(offset)) % len(pixels))[:, None]
    shift.apply(shift.Params(**params), pixels, slots, {"offset": offset}, out)
    return out


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (6, 9), (3, 4, 4)])
def test_every_pixel_comes_from_where_the_offset_says(
    shape: tuple[int, ...], border: str, dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((2, *shape)) * 255).astype(dtype)
    offsets = [(0, 0), (1, -2), (-3, 1), (shape[0], 0), (0, -shape[1]), (20, -17), (-2, 40)]
    fill = {"fill": "7"} if border == "constant" else {}
    made = moved(pixels, offsets, border=border, **fill)
    for row, (dy, dx) in enumerate(offsets):
        for y in range(shape[0]):
            for x in range(shape[1]):
                expected = seen(pixels[row % 2], y - dy, x - dx, border, 7)
                assert np.array_equal(made[row, y, x], np.broadcast_to(expected, shape[2:]))


@pytest.mark.parametrize(
    ("shape", "share", "most"),
    [((32, 48, 3), 0.1, (3, 4)), ((7, 5), 0.5, (3, 2)), ((100, 10, 1), 0.29, (29, 2))],
)
def test_offsets_are_uniform_up_to_the_range_either_way(
    shape: tuple[int, ...], share: float, most: tuple[int, int]
) -> None:
    drawn = shift.draw(shift.Params(range=share), ROWS, shape, lambda _: np.random.default_rng(1))[
        "offset"
    ]
    for axis in (0, 1):
        assert (drawn[:, axis].min(), drawn[:, axis].max()) == (-most[axis], most[axis])
        counts = np.bincount(drawn[:, axis] + most[axis])
        expected = ROWS / (2 * most[axis] + 1)
        assert np.abs(counts - expected).max() < 5 * math.sqrt(expected)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.03


def test_another_offset_makes_another_row() -> None:
    image = np.random.default_rng(2).integers(0, 256, (1, 6, 8, 3), dtype=np.uint8)
    offsets = [(y, x) for y in range(-5, 6) for x in range(-7, 8)]
    made = moved(image, offsets)
    assert len({row.tobytes() for row in made}) == len(offsets)


@pytest.mark.parametrize(
    ("fill", "dtype", "expected"),
    [
        ("10,20.6,300", "uint8", (10, 21, 255)),
        ("-4", "uint16", (0, 0, 0)),
        ("-4,0.25,1e9", "float32", (-4, 0.25, 1e9)),
        ("mean", "uint8", (1, 3, 250)),
    ],
)
def test_the_colour_is_rounded_and_cut_to_the_pixels_dtype(
    fill: str, dtype: str, expected: tuple[float, ...]
) -> None:
    known = ChannelStatistics((1.2, 2.5, 250.0), (1.0, 1.0, 1.0))
    params = prepared(step("shift", fill=fill), lambda: known).params
    out = np.empty((1, 4, 6, 3), dtype)
    columns = {"offset": np.array([[0, 6]], np.int32)}
    shift.apply(params, np.ones_like(out), np.array([[0]]), columns, out)
    assert np.array_equal(out, np.broadcast_to(np.array(expected, dtype), out.shape))


@moves_images
@pytest.mark.parametrize("border", BORDERS[1:])
@pytest.mark.parametrize("given", [{"fill": "9"}, {"fill": "mean"}])
def test_a_border_made_of_the_image_takes_no_colour(
    name: str, border: str, given: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=f"fill cannot be combined with border {border}"):
        step(name, border=border, **given)


@moves_images
@pytest.mark.parametrize("fill", ["noise", "random-colour", "red", "1,,2", ""])
def test_only_colours_are_colours(name: str, fill: str) -> None:
    with pytest.raises(UsageError, match=r"fill .*must be mean, or one value"):
        step(name, fill=fill)


@moves_images
def test_a_colour_of_another_number_of_channels_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: fill has 2 values"):
        make_plan(Recipe((step(name, fill="1,2"),)), 10, (6, 8, 3), 1)


@moves_images
def test_rows_that_are_not_images_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} needs images"):
        make_plan(Recipe((step(name),)), 10, (54,), 4)
