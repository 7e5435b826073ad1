"""torchvision's CutMix, MixUp and RandomErasing, and PyTorch's label smoothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from augtool.mixing import labels
from augtool.targets import Target

pytestmark = pytest.mark.peers

ROWS, SHAPE, CLASSES = 200, (24, 40, 3), 5
DRAWS = 20_000
# Each row and the one before it, as torchvision pairs them.
PAIRS = np.stack([np.arange(ROWS), np.roll(np.arange(ROWS), 1)], axis=1)
TARGET = Target("classes", np.arange(ROWS) * 7 % CLASSES, CLASSES)


def chw(torch: ModuleType, pixels: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 1)))


def hwc(tensor: Any) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(tensor.numpy(), 1, -1))


def mixed(peer: Any, batch: Any, row: int, params: dict[str, Any]) -> np.ndarray:
    """Row ``row`` (H, W, C) of the peer, of a batch of itself and the one before it."""
    return hwc(peer.transform(batch[[row - 1, row]], {**params, "batch_size": 2}))[1]


def mean_lam(shape: tuple[int, ...], even: bool) -> float:
    """E[λ after clipping] at alpha 1, over all centres and a fine grid of λ."""
    root = np.sqrt(1 - (np.arange(40_000) + 0.5) / 40_000)
    shown = []
    for side in shape[:2]:
        cut = np.floor(side * root).astype(int)
        low, high = cut // 2, cut // 2 if even else cut - cut // 2
        centre = np.arange(side)[:, None]
        shown.append((np.minimum(centre + high, side) - np.maximum(centre - low, 0)).mean(axis=0))
    return float(1 - (shown[0] * shown[1]).mean() / (shape[0] * shape[1]))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_cutmix_of_the_same_box_has_the_same_pixels_and_label(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    weights: Any,
    applied: Any,
    images: Any,
    dtype: str,
) -> None:
    pixels, columns = images(ROWS, SHAPE, dtype), drawn("cutmix", ROWS, SHAPE)
    made = applied("cutmix", pixels, PAIRS, columns)
    told = labels.mixed(TARGET, PAIRS, weights("cutmix", columns, SHAPE))
    peer, batch = v2.CutMix(num_classes=CLASSES), chw(torch, pixels)
    classes = torch.from_numpy(TARGET.values)
    for row, (y0, x0, y1, x1) in enumerate(columns["box"].tolist()):
        lam = 1 - (y1 - y0) * (x1 - x0) / (SHAPE[0] * SHAPE[1])
        params = {"box": (x0, y0, x1, y1), "lam_adjusted": lam, "labels": classes}
        assert made[row].tobytes() == mixed(peer, batch, row, params).tobytes()
        label = peer.transform(classes, params)[row].numpy()
        assert np.abs(told[row] - label).max() <= 2**-23  # theirs is summed in float32


def test_cutmix_boxes_of_the_same_lam_and_centre_differ_by_the_pixel_of_an_odd_side(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    streams: Callable[[str], np.random.Generator],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, size = 2000, SHAPE[:2]
    columns = drawn("cutmix", rows, SHAPE)
    centre = streams("centre")
    centres = np.stack([centre.integers(0, side, rows) for side in size], axis=1)
    peer, image = v2.CutMix(num_classes=CLASSES), torch.zeros(1, 3, *size)
    odd = 0
    for lam, at, box in zip(columns["lam"].tolist(), centres, columns["box"], strict=True):
        asked = iter([int(at[1]), int(at[0])])
        monkeypatch.setattr(peer, "_dist", SimpleNamespace(sample=lambda _, lam=lam: lam))
        monkeypatch.setattr(torch, "randint", lambda *_, of=asked, **__: torch.tensor([next(of)]))
        x0, y0, x1, y1 = peer.make_params([image])["box"]
        assert box[:2].tolist() == [y0, x0]
        for end, theirs, side in zip(box[2:].tolist(), (y1, x1), size, strict=True):
            one_more = int(side * math.sqrt(1 - lam)) % 2
            assert end == min(theirs + one_more, side)
            odd += end > theirs
    assert odd > rows / 2


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_cutmix_lam_after_clipping_differs_as_the_rules_of_the_side_do(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    weights: Any,
    same_mean: Any,
    size: tuple[int, int],
) -> None:
    exact, even = mean_lam(size, even=False), mean_lam(size, even=True)
    if size == (32, 32):  # the numbers of the literature
        assert (round(exact, 4), round(even, 4)) == (0.6898, 0.7007)
    peer, image = v2.CutMix(num_classes=CLASSES), torch.zeros(1, 3, *size)
    theirs = [peer.make_params([image])["lam_adjusted"] for _ in range(DRAWS)]
    ours = weights("cutmix", drawn("cutmix", 4 * DRAWS, size), size)[:, 0]
    same_mean(theirs, even, within=0.008)
    same_mean(ours, exact, within=0.004)
    assert even - exact > 0.008


@pytest.mark.parametrize(("dtype", "error"), [("float64", 0.0), ("float32", 2**-22)])
def test_mixup_of_the_same_lam_has_the_same_pixels_and_label(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    weights: Any,
    applied: Any,
    images: Any,
    dtype: str,
    error: float,
) -> None:
    """float32: augtool sums in float64 and rounds once, torchvision rounds at each step."""
    pixels, columns = images(ROWS, SHAPE, dtype), drawn("mixup", ROWS, SHAPE, alpha=1)
    made = applied("mixup", pixels, PAIRS, columns)
    told = labels.mixed(TARGET, PAIRS, weights("mixup", columns, SHAPE))
    peer, batch = v2.MixUp(num_classes=CLASSES), chw(torch, pixels)
    classes = torch.from_numpy(TARGET.values)
    for row, lam in enumerate(columns["lam"].tolist()):
        params = {"lam": lam, "labels": classes}
        assert np.abs(made[row] - mixed(peer, batch, row, params)).max() <= error
        assert np.abs(told[row] - peer.transform(classes, params)[row].numpy()).max() <= 2**-23


def test_mixup_of_bytes_is_the_rounded_blend_that_torchvision_has_of_floats_only(
    torch: ModuleType, v2: ModuleType, drawn: Any, applied: Any, images: Any
) -> None:
    pixels, columns = images(ROWS, SHAPE), drawn("mixup", ROWS, SHAPE, alpha=1)
    made = applied("mixup", pixels, PAIRS, columns)
    peer, batch = v2.MixUp(num_classes=CLASSES), chw(torch, pixels.astype(np.float64))
    classes = torch.from_numpy(TARGET.values)
    for row, lam in enumerate(columns["lam"].tolist()):
        blend = mixed(peer, batch, row, {"lam": lam, "labels": classes})
        assert np.abs(made[row] - blend).max() <= 0.5 + 2**-17
    with pytest.raises(RuntimeError, match="Byte"):
        mixed(peer, chw(torch, pixels), 1, {"lam": 0.3, "labels": classes})


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.0])
def test_mixup_lam_has_the_same_distribution(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    same_mean: Any,
    same_distribution: Any,
    alpha: float,
) -> None:
    peer = v2.MixUp(alpha=alpha, num_classes=CLASSES)
    theirs = np.array([peer.make_params([])["lam"] for _ in range(DRAWS)])
    ours = drawn("mixup", 4 * DRAWS, (1,), alpha=alpha)["lam"].astype(np.float64)
    same_distribution(theirs, ours)
    for lam in (theirs, ours):
        same_mean((lam - 0.5) ** 2, 1 / (4 * (2 * alpha + 1)), within=0.004)


@pytest.mark.parametrize("name", ["erase", "cutout"])
@pytest.mark.parametrize("fill", ["0", "10,200,30"])
def test_erasing_the_same_box_has_the_same_pixels(
    torch: ModuleType, v2: ModuleType, drawn: Any, applied: Any, images: Any, name: str, fill: str
) -> None:
    pixels, columns = images(ROWS, SHAPE), drawn(name, ROWS, SHAPE)
    made = applied(name, pixels, PAIRS[:, :1], columns, fill=fill)
    value = torch.tensor([int(part) for part in fill.split(",")], dtype=torch.uint8)[:, None, None]
    peer, batch = v2.RandomErasing(), chw(torch, pixels)
    for row, (y0, x0, y1, x1) in enumerate(columns["box"][:, 0].tolist()):
        params = {"i": y0, "j": x0, "h": y1 - y0, "w": x1 - x0, "v": value}
        theirs = hwc(peer.transform(batch[row : row + 1], params))[0]
        assert made[row].tobytes() == theirs.tobytes()


@pytest.mark.parametrize("shape", [(32, 32, 3), (48, 72, 3), (128, 512, 3)])
def test_erased_boxes_have_the_same_distribution(
    torch: ModuleType, v2: ModuleType, drawn: Any, same_distribution: Any, shape: tuple[int, ...]
) -> None:
    peer, image = v2.RandomErasing(), torch.zeros(shape[2], *shape[:2])
    params = [peer.make_params([image]) for _ in range(DRAWS)]
    theirs = np.array([[one[name] for name in "ijhw"] for one in params if one["v"] is not None])
    box = drawn("erase", 4 * DRAWS, shape)["box"][:, 0].astype(np.int64)
    ours = np.concatenate([box[:, :2], box[:, 2:] - box[:, :2]], axis=1)[box.any(axis=1)]
    assert max(DRAWS - len(theirs), (4 * DRAWS - len(ours)) / 4) < DRAWS / 1000
    for one, other in zip(theirs.T, ours.T, strict=True):
        same_distribution(one, other)
    for of in (
        lambda b: b[:, 2] * b[:, 3],
        lambda b: b[:, 2] / b[:, 3],
        lambda b: b[:, 0] + b[:, 2],
    ):
        same_distribution(of(theirs), of(ours))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_label_smoothing_gives_the_loss_that_pytorch_has_with_its_own(
    torch: ModuleType, smoothing: float
) -> None:
    """The log-probabilities of every class in turn, so that the loss is the label."""
    src = np.arange(ROWS)[:, None]
    told = labels.mixed(TARGET, src, np.ones((ROWS, 1), np.float32), smoothing)
    classes = torch.from_numpy(TARGET.values)
    loss = torch.nn.functional.cross_entropy
    for scale, of in itertools.product((1.0, 8.0), range(CLASSES)):
        logits = torch.zeros(ROWS, CLASSES, dtype=torch.float64)
        logits[:, of] = scale
        theirs = loss(logits, classes, label_smoothing=smoothing, reduction="none")
        ours = loss(logits, torch.from_numpy(told).double(), reduction="none")
        assert (theirs - ours).abs().max() < 1e-6
