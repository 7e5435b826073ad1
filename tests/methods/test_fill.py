"""Fills are rounded and clipped, keyed by row and pixel, and know what they need before a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import _fill, cutout
from augtool.methods._contract import ChannelStatistics
from augtool.mixing.apply import prepared
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, recipe_from_json, step

KNOWN = ChannelStatistics((100.4, 20.0, 250.0), (10.0, 30.0, 40.0))
DTYPES = ["uint8", "uint16", "float32", "float64"]


def filled(
    shape: tuple[int, ...], dtype: str, key: int = 5, pixels: Any = None, **params: Any
) -> np.ndarray:
    """One image that is dropped altogether, in two regions side by side."""
    given = prepared(step("cutout", **params), lambda: KNOWN).params
    height, width = shape[:2]
    box = np.array([[[0, 0, height, width // 2], [0, width // 2, height, width]]], np.int32)
    columns = {"box": box, "key": np.array([key], np.uint64)}
    pixels = np.zeros((1, *shape), dtype) if pixels is None else pixels
    out = np.empty_like(pixels)
    cutout.apply(given, pixels, np.zeros((1, 1), np.int64), columns, out)
    return out[0]


def sum_of_bytes(key: int, place: int) -> int:
    """splitmix64 and the sum of its bytes, in Python's integers."""
    mask = (1 << 64) - 1
    bits = (key + (place + 1) * 0x9E3779B97F4A7C15) & mask
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
    return sum((bits ^ (bits >> 31)).to_bytes(8, "little")) - 1020


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_are_rounded_and_clipped_in_whole_numbers_and_kept_in_others(dtype: str) -> None:
    image = filled((4, 6, 3), dtype, fill="-3,7.5,70000")
    whole = {"uint8": [0, 8, 255], "uint16": [0, 8, 65535]}
    assert (image == np.array(whole.get(dtype, [-3, 7.5, 70000]))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_is_the_measured_or_given_colour(dtype: str) -> None:
    expected = [100, 20, 250] if dtype[0] == "u" else np.array([100.4, 20, 250], dtype)
    assert (filled((4, 6, 3), dtype, fill="mean") == expected).all()
    assert (filled((4, 6, 3), dtype, fill="mean", mean=(9,)) == 9).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 2, 3), (9, 16, 3)])
def test_noise_is_the_hash_of_key_and_place_scaled_rounded_and_clipped(
    dtype: str, shape: tuple[int, ...]
) -> None:
    image = filled(shape, dtype, key=(1 << 64) - 9, fill="noise").ravel()
    root = 43690**0.5  # the standard deviation of a sum of eight bytes
    for place, value in enumerate(image.tolist()):
        channel = place % 3
        exact = KNOWN.mean[channel] + KNOWN.std[channel] / root * sum_of_bytes((1 << 64) - 9, place)
        if dtype[0] == "u":
            assert value == int(min(max(exact, 0), np.iinfo(dtype).max) + 0.5)
        else:
            assert value == np.array(exact, dtype)


def test_noise_has_the_mean_and_spread_and_shape_of_the_normal_distribution() -> None:
    image = filled((400, 500, 3), "float64", fill="noise")
    scaled = ((image - KNOWN.mean) / KNOWN.std).reshape(-1, 3)
    assert np.abs(scaled.mean(axis=0)).max() < 0.01
    assert np.abs(scaled.std(axis=0) - 1).max() < 0.01
    assert np.abs(np.corrcoef(scaled.T) - np.eye(3)).max() < 0.01
    assert abs(np.corrcoef(scaled[:-1, 0], scaled[1:, 0])[0, 1]) < 0.01
    for edge, below in ((-2, 0.0228), (-1, 0.1587), (1, 0.8413), (2, 0.9772)):
        assert abs((scaled < edge).mean() - below) < 0.004


def test_noise_is_clipped_and_never_wrapped() -> None:
    image = filled((64, 64, 3), "uint8", fill="noise")
    assert (image[..., 2] >= 100).all()  # 250 ± 40: a wrapped value would be near 0
    assert (image[..., 2] == 255).mean() > 0.3
    assert (image[..., 1] == 0).mean() > 0.15


def test_a_random_colour_is_one_a_region_and_channel_with_the_spread_of_the_data() -> None:
    colours = np.array(
        [
            filled((2, 4, 3), "float64", key, fill="random-colour")
            for key in np.random.default_rng(0).integers(0, 1 << 63, 2000)
        ]
    )
    left, right = colours[:, :, :2], colours[:, :, 2:]
    for side in (left, right):
        assert (side == side[:, :1, :1]).all()
    assert (left[:, 0, 0] != right[:, 0, 0]).any(axis=1).all()
    scaled = (colours[:, 0, [0, 3]].reshape(-1, 6) - KNOWN.mean * 2) / (KNOWN.std * 2)
    assert np.abs(scaled.mean(axis=0)).max() < 0.09
    assert np.abs(scaled.std(axis=0) - 1).max() < 0.07
    assert np.abs(np.corrcoef(scaled.T) - np.eye(6)).max() < 0.09


@pytest.mark.parametrize("fill", ["noise", "random-colour"])
def test_another_key_is_another_fill_and_the_image_below_does_not_matter(fill: str) -> None:
    below = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), np.uint8)
    first, second = (filled((5, 7, 3), "uint8", key, fill=fill) for key in (1, 2))
    assert (first != second).any()
    assert np.array_equal(first, filled((5, 7, 3), "uint8", 1, below, fill=fill))


def test_noise_is_the_same_where_regions_overlap_as_where_they_do_not() -> None:
    given = cutout.Params(fill="noise", mean=(100.0,), std=(30.0,))
    pixels, key = np.zeros((1, 8, 8), np.uint8), np.array([3], np.uint64)
    whole, parts = np.empty_like(pixels), np.empty_like(pixels)
    for out, boxes in ((whole, [(0, 0, 8, 8)]), (parts, [(0, 0, 6, 8), (3, 0, 8, 8)])):
        drawn = {"box": np.array([boxes], np.int32), "key": key}
        cutout.apply(given, pixels, np.zeros((1, 1), np.int64), drawn, out)
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(
    ("fill", "needs"),
    [
        ("0", ()),
        ("mean", ("mean",)),
        ("noise", ("mean", "std")),
        ("random-colour", ("mean", "std")),
    ],
)
def test_only_what_the_fill_needs_is_measured_and_kept_in_the_recipe(
    fill: str, needs: tuple[str, ...]
) -> None:
    looked = []

    def statistics() -> ChannelStatistics:
        looked.append(1)
        return KNOWN

    chosen = prepared(step("cutout", fill=fill), statistics)
    assert len(looked) == bool(needs)
    for name in ("mean", "std"):
        expected = getattr(KNOWN, name) if name in needs else None
        assert getattr(chosen.params, name) == expected
    assert recipe_from_json(Recipe((chosen,)).as_json()).steps == (chosen,)


def test_given_means_are_kept_and_only_the_rest_is_measured() -> None:
    chosen = prepared(step("cutout", fill="noise", mean=(1.0,)), lambda: KNOWN).params
    assert isinstance(chosen, cutout.Params)
    assert (chosen.mean, chosen.std) == ((1.0,), KNOWN.std)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.5, "0.5"), ((255, 0, 9), "255,0,9")])
def test_numbers_and_tuples_are_fills_too(value: Any, text: str) -> None:
    assert cutout.Params(fill=value).fill == text


@pytest.mark.parametrize("value", ["red", "", "1,", ",1", "1;2", "nan", "inf", "0x10", "mean,1"])
def test_what_is_no_fill_is_refused_with_what_is_one(value: str) -> None:
    with pytest.raises(UsageError, match=r"fill .*must be mean, noise, random-colour"):
        step("cutout", fill=value)


@pytest.mark.parametrize(
    "params",
    [
        {"fill": "0", "mean": (1.0,)},
        {"fill": "0", "std": (1.0,)},
        {"fill": "mean", "std": (1.0,)},
    ],
)
def test_a_mean_or_spread_without_use_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be combined with fill"):
        step("cutout", **params)


@pytest.mark.parametrize(
    "params",
    [{"fill": "1,2"}, {"fill": "mean", "mean": (1.0, 2.0)}, {"fill": "noise", "std": (1.0, 2.0)}],
)
def test_fills_of_another_number_of_channels_are_refused(params: dict[str, Any]) -> None:
    for shape in ((8, 9, 3), (8, 9), (8, 9, 1)):
        with pytest.raises(UsageError, match=r"cutout: \w+ has 2 values and images here have"):
            make_plan(Recipe((step("cutout", **params),)), 5, shape, 1)


def test_a_fill_that_was_never_prepared_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="fill noise: mean is not known"):
        _fill.filling(cutout.Params(fill="noise"), {}, (4, 4, 3))
