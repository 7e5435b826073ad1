"""timm's boxes, Mixup, FastCollateMixup and RandomErasing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from augtool.mixing import labels
from augtool.targets import Target

pytestmark = pytest.mark.peers

ROWS, SHAPE, CLASSES = 200, (24, 40, 3), 5
DRAWS = 20_000
# Each row and its mirror image in the batch, as timm pairs them.
PAIRS = np.stack([np.arange(ROWS), np.arange(ROWS)[::-1]], axis=1)
TARGET = Target("classes", np.arange(ROWS) * 7 % CLASSES, CLASSES)


def collated(
    torch: ModuleType, timm: ModuleType, pixels: np.ndarray, **params: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The bytes (n, H, W, C) and soft labels (n, K) of timm's collate function."""
    made = np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
    collate = timm.FastCollateMixup(mode="elem", num_classes=CLASSES, **params)
    batch, told = collate(list(zip(made, TARGET.values.tolist(), strict=True)))
    assert batch.dtype == torch.uint8
    return np.moveaxis(batch.numpy(), 1, -1), told.numpy()


def in_order(
    area: list[list[float]], aspect: list[list[float]], placed: list[int]
) -> Iterator[float]:
    """Areas and aspects of the tries for one box, until it is placed, then for the next."""
    for tries in zip(area, aspect, strict=True):
        placed.clear()
        for one in zip(*tries, strict=True):
            yield from one
            if placed:
                break


def test_cutmix_boxes_and_labels_of_the_same_lam_and_centre_are_the_same(
    timm: ModuleType,
    drawn: Any,
    weights: Any,
    streams: Callable[[str], np.random.Generator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = 4000
    columns = drawn("cutmix", rows, SHAPE)
    centre = streams("centre")
    centres = np.stack([centre.integers(0, side, rows) for side in SHAPE[:2]], axis=1)
    told = weights("cutmix", columns, SHAPE)
    for row, lam in enumerate(columns["lam"].tolist()):
        asked = iter(centres[row].tolist())
        monkeypatch.setattr(np.random, "randint", lambda *_, of=asked, **__: next(of))
        (y0, y1, x0, x1), corrected = timm.mixup.cutmix_bbox_and_lam((3, *SHAPE[:2]), lam)
        assert columns["box"][row].tolist() == [y0, x0, y1, x1]
        assert abs(told[row, 0] - corrected) <= 2**-25


def test_cutmix_lam_after_clipping_has_the_same_distribution(
    timm: ModuleType, drawn: Any, weights: Any, same_mean: Any, same_distribution: Any
) -> None:
    size = (32, 32)
    lam = np.random.beta(1, 1, DRAWS).tolist()
    theirs = [timm.mixup.cutmix_bbox_and_lam((3, *size), one)[1] for one in lam]
    ours = weights("cutmix", drawn("cutmix", 4 * DRAWS, size), size)[:, 0]
    same_distribution(np.round(theirs, 6), np.round(ours.astype(np.float64), 6))
    for one in (theirs, ours):
        same_mean(one, 0.6898, within=0.008)  # 0.7007 for sides that are always even


def test_boxes_between_two_shares_have_the_same_distribution_but_for_the_longest_sides(
    timm: ModuleType, drawn: Any, same_distribution: Any, same_mean: Any
) -> None:
    """augtool draws the upper end of the range too, timm does not."""
    size, shares = (24, 40), (0.25, 0.75)
    theirs = np.stack(timm.mixup.rand_bbox_minmax((3, *size), shares, count=4 * DRAWS), axis=1)
    theirs = theirs[:, [0, 2, 1, 3]]
    ours = drawn("cutmix", 4 * DRAWS, size, ratio_range=shares)["box"].astype(np.int64)
    sides = ours[:, 2:] - ours[:, :2]
    assert (sides.max(axis=0) == [18, 30]).all()
    assert ((theirs[:, 2:] - theirs[:, :2]).max(axis=0) == [17, 29]).all()
    short = ours[(sides < [18, 30]).all(axis=1)]
    for one, other in zip(theirs.T, short.T, strict=True):
        same_distribution(one, other)
    area = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (theirs, ours)]
    same_mean(area[0], 11.5 * 19.5, within=3)
    same_mean(area[1], 12.0 * 20.0, within=3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_of_cutmix_has_the_same_bytes_and_labels(
    torch: ModuleType,
    timm: ModuleType,
    drawn: Any,
    weights: Any,
    applied: Any,
    images: Any,
    monkeypatch: pytest.MonkeyPatch,
    smoothing: float,
) -> None:
    pixels, columns = images(ROWS, SHAPE), drawn("cutmix", ROWS, SHAPE)
    weight = weights("cutmix", columns, SHAPE)
    boxes = ((y0, y1, x0, x1) for y0, x0, y1, x1 in columns["box"].tolist())
    given = zip(boxes, weight[:, 0].tolist(), strict=True)
    monkeypatch.setattr(timm.mixup, "cutmix_bbox_and_lam", lambda *_, **__: next(given))
    params = {"mixup_alpha": 0, "cutmix_alpha": 1, "label_smoothing": smoothing}
    theirs, told = collated(torch, timm, pixels, **params)
    made = applied("cutmix", pixels, PAIRS, columns)
    assert made.tobytes() == np.ascontiguousarray(theirs).tobytes()
    assert np.abs(labels.mixed(TARGET, PAIRS, weight, smoothing) - told).max() <= 2**-22


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_of_mixup_has_the_same_bytes_and_labels(
    torch: ModuleType,
    timm: ModuleType,
    drawn: Any,
    weights: Any,
    applied: Any,
    images: Any,
    monkeypatch: pytest.MonkeyPatch,
    smoothing: float,
) -> None:
    """Both round to nearest. timm blends in float32, augtool in 24-bit fixed point: next to a half
    they may fall to either side."""
    pixels, columns = images(ROWS, SHAPE), drawn("mixup", ROWS, SHAPE, alpha=1)
    given = (columns["lam"], np.zeros(ROWS, np.bool_))
    monkeypatch.setattr(timm.FastCollateMixup, "_params_per_elem", lambda *_: given)
    theirs, told = collated(torch, timm, pixels, label_smoothing=smoothing)
    made = applied("mixup", pixels, PAIRS, columns)
    off = np.abs(made.astype(int) - theirs)
    assert off.max() <= 1
    assert (off > 0).mean() < 1e-4
    told_here = labels.mixed(TARGET, PAIRS, weights("mixup", columns, SHAPE), smoothing)
    assert np.abs(told_here - told).max() <= 2**-22


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.0])
def test_mixup_lam_has_the_same_distribution(
    timm: ModuleType, drawn: Any, same_mean: Any, same_distribution: Any, alpha: float
) -> None:
    theirs = timm.Mixup(mixup_alpha=alpha, mode="elem")._params_per_elem(4 * DRAWS)[0]
    ours = drawn("mixup", 4 * DRAWS, (1,), alpha=alpha)["lam"]
    same_distribution(theirs, ours)
    for lam in (theirs, ours):
        same_mean((lam.astype(np.float64) - 0.5) ** 2, 1 / (4 * (2 * alpha + 1)), within=0.003)


@pytest.mark.parametrize("count", [1, 3])
def test_erased_pixels_of_the_same_draws_are_the_same(
    torch: ModuleType,
    timm: ModuleType,
    drawn: Any,
    applied: Any,
    images: Any,
    streams: Callable[[str], np.random.Generator],
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    """timm is handed the areas and aspects that augtool draws, try by try, and its corners."""
    size, tries = (10, 90), 10  # most are too tall, so that some boxes find no place at all
    area_range, aspect_range = (0.15 * count, 0.3 * count), (0.3, 3.3)
    params = {"area_range": area_range, "aspect_range": aspect_range, "count": count}
    columns = drawn("erase", ROWS, size, **params)
    pixels = images(ROWS, (*size, 3), "float32")
    made = applied("erase", pixels, np.arange(ROWS)[:, None], columns, **params, fill="0")
    eraser = timm.random_erasing.RandomErasing(
        1, *area_range, *aspect_range, mode="const", min_count=count, device="cpu"
    )
    area, aspect = (
        streams(name).random((ROWS, count, tries)).tolist() for name in ("area", "aspect")
    )
    for row in range(ROWS):
        placed: list[int] = []
        shares = in_order(area[row], aspect[row], placed)
        corners = iter(columns["box"][row][columns["box"][row].any(axis=1), :2].ravel().tolist())

        def uniform(low: float, high: float, of: Iterator[float] = shares) -> float:
            return low + (high - low) * next(of)

        def randint(*_: int, of: Iterator[int] = corners, placed: list[int] = placed) -> int:
            placed.append(next(of))
            return placed[-1]

        given = SimpleNamespace(uniform=uniform, randint=randint, random=lambda: 0.0)
        monkeypatch.setattr(timm.random_erasing, "random", given)
        image = torch.from_numpy(np.moveaxis(pixels[row], -1, 0).copy())
        assert np.array_equal(made[row], np.moveaxis(eraser(image).numpy(), 0, -1))
        assert next(corners, None) is None
    assert 0.01 < columns["box"].any(axis=2).mean() < 0.99


def test_erased_boxes_have_the_same_distribution(
    torch: ModuleType, timm: ModuleType, drawn: Any, same_distribution: Any
) -> None:
    size = (48, 72)
    eraser = timm.random_erasing.RandomErasing(1, 0.02, 0.33, 0.3, 3.3, device="cpu")
    found = []
    for _ in range(DRAWS // 2):
        kept = eraser(torch.ones(1, *size))[0].numpy()
        down, across = (np.flatnonzero((kept == 0).any(axis=axis)) for axis in (1, 0))
        found.append((down[0], across[0], len(down), len(across)))
    theirs = np.array(found)
    box = drawn("erase", 2 * DRAWS, size)["box"][:, 0].astype(np.int64)
    ours = np.concatenate([box[:, :2], box[:, 2:] - box[:, :2]], axis=1)
    for one, other in zip(theirs.T, ours.T, strict=True):
        same_distribution(one, other)
    same_distribution(theirs[:, 2:].prod(axis=1), ours[:, 2:].prod(axis=1))
