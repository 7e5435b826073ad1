"""ResizeMix's boxes, and that the small image is the whole partner."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import resizemix
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

DTYPES = ["uint8", "uint16", "float32", "float64"]


def boxes(shape: tuple[int, ...], rows: int = 50_000, **params: Any) -> np.ndarray:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return resizemix.draw(resizemix.Params(**params), rows, shape, streams)["box"]


def pasted(pixels: np.ndarray, box: Any, shrink: str = "area") -> np.ndarray:
    """Image 1 shrunk into a box of image 0."""
    out = np.empty_like(pixels[:1])
    columns = {"box": np.array([box], np.int32)}
    resizemix.apply(resizemix.Params(shrink=shrink), pixels, np.array([[0, 1]]), columns, out)
    return out[0]


def images(shape: tuple[int, ...], dtype: str, n: int = 2) -> np.ndarray:
    top = 65535 if dtype == "uint16" else 255
    return (np.random.default_rng(0).random((n, *shape)) * (top + 0.99)).astype(dtype)


def means_of_areas(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each pixel repeated until the small image's pixels are whole blocks, and their exact mean."""
    big = image.astype(object).repeat(height, axis=0).repeat(width, axis=1)
    blocks = big.reshape(height, image.shape[0], width, image.shape[1], *image.shape[2:])
    return blocks.sum(axis=(1, 3)), image.shape[0] * image.shape[1]


def test_the_mean_label_is_one_less_the_mean_square_of_tau() -> None:
    for shape in ((224, 320), (32, 48)):
        told = resizemix.weights(resizemix.Params(), {"box": boxes(shape)}, shape)
        assert abs(told[:, 0].mean() - 0.756667) < 0.004


def test_sides_are_tau_times_the_sides_and_at_least_one_pixel() -> None:
    box = boxes((40, 100))
    height, width = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    assert (height.min(), height.max()) == (4, 32)
    assert (width.min(), width.max()) == (10, 80)
    assert np.abs(height / 40 - width / 100).max() <= 0.5 / 40 + 0.5 / 100
    assert (
        boxes((3, 2), tau_range=(0.01, 0.02))[:, 2:] - boxes((3, 2), tau_range=(0.01, 0.02))[:, :2]
        == 1
    ).all()


def test_boxes_lie_inside_and_every_place_is_equally_likely() -> None:
    box = boxes((6, 9), tau_range=(0.5, 0.5))
    height, width = box[0, 2] - box[0, 0], box[0, 3] - box[0, 1]
    assert (height, width) == (3, 5)
    counts = np.zeros((4, 5))
    np.add.at(counts, (box[:, 0], box[:, 1]), 1)
    assert np.abs(counts / len(box) - 1 / 20).max() < 0.006
    assert box.min() == 0
    assert (box[:, 2:] <= [6, 9]).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 5), (12, 9)])
def test_integers_are_the_exact_means_of_the_areas_rounded_once(
    size: tuple[int, int], dtype: str
) -> None:
    pixels = images((*size, 3), dtype)
    for height in range(1, size[0] + 1):
        for width in range(1, size[1] + 1):
            totals, count = means_of_areas(pixels[1], height, width)
            expected = pixels[0].copy()
            y, x = size[0] - height, (size[1] - width) // 2
            expected[y : y + height, x : x + width] = [
                [[round(Fraction(int(v), count)) for v in pixel] for pixel in line]
                for line in totals
            ]
            assert np.array_equal(pasted(pixels, (y, x, y + height, x + width)), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_are_the_means_of_the_areas(dtype: str) -> None:
    pixels = images((7, 5), dtype)
    for height, width in [(1, 1), (3, 2), (4, 5), (7, 5), (6, 1)]:
        totals, count = means_of_areas(pixels[1].astype(np.float64), height, width)
        made = pasted(pixels, (0, 0, height, width))[:height, :width]
        assert np.allclose(made, (totals / count).astype(float), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 6, 1), (7, 5, 3), (33, 32, 4), (9, 14)])
def test_the_nearest_pixel_is_the_one_under_the_centre(shape: tuple[int, ...], dtype: str) -> None:
    pixels = images(shape, dtype, 20)
    plan = make_plan(Recipe((step("resizemix", shrink="nearest"),)), 20, shape, 1)
    block, mixed = plan.draw(0, 0), np.empty_like(pixels)
    resizemix.apply(
        plan.recipe.steps[0].params, pixels, block.src, block.columns_of("resizemix"), mixed
    )
    for row, (base, partner) in enumerate(block.src):
        y0, x0, y1, x1 = block.columns["resizemix_box"][row]
        expected = pixels[base].copy()
        for y in range(y0, y1):
            for x in range(x0, x1):
                at = Fraction(int(2 * (y - y0) + 1), int(2 * (y1 - y0))) * shape[0]
                to = Fraction(int(2 * (x - x0) + 1), int(2 * (x1 - x0))) * shape[1]
                expected[y, x] = pixels[partner, int(at), int(to)]
        assert mixed[row].tobytes() == expected.tobytes()


@pytest.mark.parametrize("shrink", ["area", "nearest"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_box_of_full_size_is_the_partner_and_an_empty_one_the_base(
    dtype: str, shrink: str
) -> None:
    pixels = images((7, 5, 3), dtype)
    assert pasted(pixels, (0, 0, 0, 0), shrink).tobytes() == pixels[0].tobytes()
    whole = pasted(pixels, (0, 0, 7, 5), shrink)
    if dtype == "float64" and shrink == "area":
        assert np.allclose(whole, pixels[1], rtol=1e-15)
    else:
        assert np.array_equal(whole, pixels[1])


def test_a_nan_of_the_partner_stays_in_the_pixels_that_cover_it() -> None:
    pixels = images((8, 6), "float32")
    pixels[1, 3, 4] = np.nan
    made = pasted(pixels, (2, 1, 6, 4))
    assert np.argwhere(np.isnan(made)).tolist() == [[2 + 1, 1 + 2]]


def test_the_brightest_values_do_not_wrap() -> None:
    for dtype, top in (("uint8", 255), ("uint16", 65535)):
        pixels = np.full((2, 33, 47), top, dtype)
        assert (pasted(pixels, (3, 4, 20, 40)) == top).all()


def test_another_box_makes_another_row() -> None:
    pixels = images((6, 8, 3), "uint8")
    ways = [(1, 2, 4, 5), (0, 2, 4, 5), (1, 1, 4, 5), (1, 2, 5, 5), (1, 2, 4, 6), (0, 0, 0, 0)]
    for shrink in ("area", "nearest"):
        assert len({pasted(pixels, way, shrink).tobytes() for way in ways}) == len(ways)


def test_the_label_counts_the_pixels_of_the_box() -> None:
    box = boxes((33, 20), rows=500)
    told = resizemix.weights(resizemix.Params(), {"box": box}, (33, 20, 3))
    for (y0, x0, y1, x1), (base, partner) in zip(box, told, strict=True):
        owner = np.zeros((33, 20), int)
        owner[y0:y1, x0:x1] = 1
        assert partner == np.float32(owner.mean())
        assert base == np.float32((1 - owner).mean())


def test_what_cannot_be_is_refused() -> None:
    for wrong in ((0.0, 0.5), (0.5, 1.1), (0.8, 0.1)):
        with pytest.raises(UsageError, match="tau_range"):
            step("resizemix", tau_range=wrong)
    with pytest.raises(UsageError, match="shrink"):
        step("resizemix", shrink="bicubic")
    with pytest.raises(UsageError, match="resizemix needs images"):
        make_plan(Recipe((step("resizemix"),)), 10, (54,), 4)
