"""SaliencyMix pastes a box around what stands out in the second image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.kernels.saliency import peaks
from augtool.mixing.apply import Members, apply
from augtool.mixing.source_map import looked
from augtool.planning.block import Block
from augtool.planning.plan import Plan, make_plan
from augtool.recipe.recipe import Recipe, step


def light_of(image: np.ndarray) -> list[list[int]]:
    """Lightness in whole numbers, from its definition."""
    flat = image.reshape(*image.shape[:2], -1).astype(np.float64)
    if image.dtype.kind == "f":
        low, high = flat.min(), flat.max()
        spread = high > low
        flat = np.floor((flat - low) / (high - low) * 65535 + 0.5) if spread else flat * 0
    channels = flat.shape[2]
    weight = [77, 150, 29, 0][:channels] if channels in (3, 4) else [1] * channels
    return [[int(sum(map(int, pixel * weight))) for pixel in line] for line in flat]


def smoothed(light: list[list[int]]) -> list[list[int]]:
    for axis in (0, 1):
        padded = np.pad(np.array(light), [(1, 1) if axis == one else (0, 0) for one in (0, 1)],
                        mode="reflect")  # fmt: skip
        size = np.array(light).shape[axis]
        parts = [np.take(padded, range(start, start + size), axis) for start in range(3)]
        light = (parts[0] + 2 * parts[1] + parts[2]).tolist()
    return light


def peak_of(image: np.ndarray) -> tuple[int, int]:
    """The peak by brute force: every window is walked, in Python's whole numbers."""
    light = np.array(smoothed(smoothed(light_of(image))))
    best, at = -1, (0, 0)
    for y, x in np.ndindex(light.shape):
        saliency = 0
        for reach in (12, 24, 28, 48, 56, 112):
            window = light[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
            others, value = window.size - 1, int(light[y, x])
            if others:
                saliency += abs(value * others - (int(window.sum()) - value)) // others
        if saliency > best:
            best, at = saliency, (y, x)
    return at


def made(plan: Plan, pixels: np.ndarray) -> tuple[Block, np.ndarray]:
    members = Members(pixels, by_row=True)
    ready = looked(plan.draw(0, 0), members)
    out = np.empty_like(pixels)
    apply(ready, out)
    return ready.block, out


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 6, 1), (2, 2), (7, 5, 3), (9, 14), (33, 16, 4), (14, 30, 2)]
)
def test_the_peak_is_where_brute_force_finds_it(shape: tuple[int, ...], dtype: str) -> None:
    drawn = np.random.default_rng(5).random((4, *shape))
    pixels = (drawn * 60000).astype(dtype) if dtype == "uint16" else (drawn * 255).astype(dtype)
    rows = np.array([3, 0, 2, 2, 1])
    assert peaks(pixels, rows).tolist() == [list(peak_of(pixels[row])) for row in rows]


@pytest.mark.parametrize(("ground", "object_"), [(20, 220), (220, 20)])
def test_what_stands_out_is_found_light_on_dark_and_dark_on_light(
    ground: int, object_: int
) -> None:
    image = np.full((1, 40, 60, 3), ground, np.uint8)
    image[0, 25:31, 8:14] = object_
    y, x = peaks(image, np.array([0]))[0]
    assert 25 <= y < 31
    assert 8 <= x < 14


def test_floats_are_judged_by_their_order_and_not_by_their_unit() -> None:
    pixels = np.random.default_rng(3).random((6, 12, 17, 3))
    rows = np.arange(6)
    units = (pixels, pixels * 1024 - 512, pixels / 2**900, pixels * 2.0**1023 * 1.9 - 2.0**1023)
    found = [peaks(unit, rows).tolist() for unit in units]
    assert found[1:] == found[:1] * 3


def test_pixels_that_are_no_numbers_do_no_harm() -> None:
    image = np.zeros((1, 9, 14), np.float32)
    image[0, 4, 9], image[0, 1, 1], image[0, 7, 3] = 1, np.nan, np.inf
    assert peaks(image, np.array([0])).tolist() == [[4, 9]]
    assert peaks(np.full_like(image, np.nan), np.array([0])).tolist() == [[0, 0]]


def test_the_box_is_around_the_peak_of_the_rows_own_partner_and_cut_off_at_the_border() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 11, 18, 3), dtype=np.uint8)
    block, mixed = made(make_plan(Recipe((step("saliencymix"),)), 40, (11, 18, 3), 1), pixels)
    columns = block.columns_of("saliencymix")
    for row, (base, partner) in enumerate(block.src):
        assert columns["peak"][row].tolist() == list(peak_of(pixels[partner]))
        root = np.sqrt(1 - float(columns["lam"][row]))
        inside = np.ones((11, 18), bool)
        for axis, side in enumerate((11, 18)):
            size = int(side * root)
            start = columns["peak"][row, axis] - size // 2
            along = np.arange(side)
            within = (start <= along) & (along < start + size)
            inside &= within[:, None] if axis == 0 else within
        expected = np.where(inside[..., None], pixels[partner], pixels[base])
        assert np.array_equal(mixed[row], expected)
        share = inside.sum() / inside.size
        assert np.array_equal(block.weight[row], np.float32([1 - share, share]))
        y0, x0, y1, x1 = columns["box"][row]
        assert inside[y0:y1, x0:x1].all()
        assert inside.sum() == (y1 - y0) * (x1 - x0)


def test_before_pixels_are_seen_the_plan_has_no_boxes() -> None:
    block = make_plan(Recipe((step("saliencymix"),)), 40, (11, 18, 3), 1).draw(0, 0)
    assert (block.weight == [1, 0]).all()
    assert (block.columns["saliencymix_peak"] == -1).all()
    assert not block.columns["saliencymix_box"].any()


def test_spared_rows_have_neither_peak_nor_box() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 9, 14), dtype=np.uint8)
    plan = make_plan(Recipe((step("saliencymix", prob=0.5),)), 64, (9, 14), 1)
    block, mixed = made(plan, pixels)
    spared = block.spared["saliencymix"]
    assert 10 < spared.sum() < 54
    assert (block.columns["saliencymix_peak"][spared] == -1).all()
    assert (block.columns["saliencymix_peak"][~spared] >= 0).all()
    assert np.array_equal(mixed[spared], pixels[block.src[spared, 0]])


@pytest.mark.parametrize("params", [{"alpha": 1.0, "lam": 0.5}])
def test_parameters_that_contradict_each_other_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be combined"):
        step("saliencymix", **params)
