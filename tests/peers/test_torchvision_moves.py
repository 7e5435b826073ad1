"""torchvision's flip, pad and crop, affine, rotate and resize, given the same parameters."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.peers

ROWS, SHAPE = 60, (24, 40, 3)
ITSELF = np.arange(ROWS)[:, None]
FILL = [10, 200, 30]
DRAWS = 10_000


def chw(torch: ModuleType, pixels: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, 1)))


def hwc(tensor: Any) -> np.ndarray:
    """(H, W, C) of a (C, H, W) tensor, or (n, H, W, C) of a batch."""
    return np.ascontiguousarray(np.moveaxis(tensor.numpy(), -3, -1))


def test_a_flip_has_the_same_pixels(
    torch: ModuleType, v2: ModuleType, applied: Any, images: Any
) -> None:
    pixels = images(ROWS, SHAPE)
    made = applied("flip", pixels, ITSELF, {"flipped": np.ones(ROWS, np.uint8)})
    theirs = hwc(v2.functional.horizontal_flip(chw(torch, pixels)))
    assert made.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("border", ["constant", "edge", "reflect"])
def test_a_crop_from_the_same_corner_has_the_same_pixels(
    torch: ModuleType, v2: ModuleType, drawn: Any, applied: Any, images: Any, border: str
) -> None:
    padding, (height, width) = 6, SHAPE[:2]
    params = {"padding": padding, "border": border}
    if border == "constant":
        params["fill"] = ",".join(map(str, FILL))
    pixels, columns = images(ROWS, SHAPE), drawn("crop", ROWS, SHAPE, **params)
    made = applied("crop", pixels, ITSELF, columns, **params)
    fill = FILL if border == "constant" else None
    padded = v2.functional.pad(chw(torch, pixels), padding, fill=fill, padding_mode=border)
    for row, (y, x) in enumerate((columns["corner"] + padding).tolist()):
        theirs = v2.functional.crop(padded[row], y, x, height, width)
        assert made[row].tobytes() == hwc(theirs).tobytes()


def test_a_crop_with_a_wrapped_border_is_that_of_pytorchs_circular_padding(
    torch: ModuleType, drawn: Any, applied: Any, images: Any
) -> None:
    padding, (height, width) = 6, SHAPE[:2]
    params = {"padding": padding, "border": "wrap"}
    pixels, columns = images(ROWS, SHAPE), drawn("crop", ROWS, SHAPE, **params)
    made = applied("crop", pixels, ITSELF, columns, **params)
    padded = torch.nn.functional.pad(chw(torch, pixels), [padding] * 4, mode="circular")
    for row, (y, x) in enumerate((columns["corner"] + padding).tolist()):
        assert made[row].tobytes() == hwc(padded[row, :, y:, x:][:, :height, :width]).tobytes()


def test_corners_of_crops_have_the_same_distribution(
    torch: ModuleType, v2: ModuleType, drawn: Any, same_distribution: Any
) -> None:
    peer, image = v2.RandomCrop(SHAPE[:2], padding=4), torch.zeros(3, *SHAPE[:2])
    params = [peer.make_params([image]) for _ in range(DRAWS)]
    corner = drawn("crop", 4 * DRAWS, SHAPE, padding=4)["corner"]
    for name, ours in zip(("top", "left"), corner.T, strict=True):
        same_distribution([one[name] - 4 for one in params], ours)
    assert {one["top"] - 4 for one in params} == set(corner[:, 0].tolist())


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_shift_by_the_same_offset_has_the_same_pixels(
    torch: ModuleType, v2: ModuleType, drawn: Any, applied: Any, images: Any, dtype: str
) -> None:
    params = {"range": 0.4, "fill": ",".join(map(str, FILL))}
    pixels, columns = images(ROWS, SHAPE, dtype), drawn("shift", ROWS, SHAPE, range=0.4)
    made, batch = applied("shift", pixels, ITSELF, columns, **params), chw(torch, pixels)
    for row, (dy, dx) in enumerate(columns["offset"].tolist()):
        theirs = v2.functional.affine(
            batch[row], angle=0, translate=[dx, dy], scale=1, shear=[0, 0], fill=FILL
        )
        assert made[row].tobytes() == hwc(theirs).tobytes()


@pytest.mark.parametrize("size", [(24, 40), (33, 33)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_a_turn_by_the_same_angle_has_the_same_pixels_but_for_the_last_bits_of_a_place(
    torch: ModuleType,
    v2: ModuleType,
    drawn: Any,
    applied: Any,
    images: Any,
    size: tuple[int, int],
    interpolation: str,
) -> None:
    """torchvision has places in float32, augtool in 1/65536 pixel: another neighbour is the nearest
    in a pixel of ten thousand at most, or a blend differs by less than 1/200 of a level."""
    pixels = images(ROWS, (*size, 3)).astype(np.float32)
    columns = drawn("rotate", ROWS, (*size, 3), degrees=180)
    made = applied("rotate", pixels, ITSELF, columns, interpolation=interpolation)
    mode, batch = v2.InterpolationMode(interpolation), chw(torch, pixels)
    angles = (columns["angle"] / 100).tolist()
    turned = [
        hwc(v2.functional.rotate(one, angle, mode))
        for one, angle in zip(batch, angles, strict=True)
    ]
    off = np.abs(made - np.stack(turned))
    if interpolation == "nearest":
        assert (off > 0).any(axis=-1).mean() < 1e-4
    else:
        assert off.max() < 0.005


def test_a_coloured_border_is_blended_once_where_torchvision_blends_it_twice(
    torch: ModuleType, v2: ModuleType, applied: Any
) -> None:
    """An even image of 200 on 0: a pixel that is half inside is 100, in torchvision 50."""
    pixels = np.full((1, 24, 40, 3), 200, np.float32)
    angle = {"angle": np.array([3000], np.int32)}
    made = applied("rotate", pixels, ITSELF[:1], angle, fill="0")
    mode, image = v2.InterpolationMode.BILINEAR, chw(torch, pixels)[0]
    theirs = hwc(v2.functional.rotate(image, 30, mode, fill=[0.0, 0.0, 0.0]))
    assert np.abs(made[0] ** 2 / 200 - theirs).max() < 0.01
    assert np.abs(made[0] - theirs).max() > 40


def test_angles_have_the_same_distribution(
    v2: ModuleType, drawn: Any, same_distribution: Any
) -> None:
    peer = v2.RandomRotation(15)
    theirs = [peer.make_params([])["angle"] for _ in range(DRAWS)]
    ours = drawn("rotate", 4 * DRAWS, SHAPE, degrees=15)["angle"] / 100
    same_distribution(theirs, ours)


@pytest.mark.parametrize(("shrink", "size"), [("nearest", (9, 17)), ("area", (8, 20))])
def test_a_shrunk_partner_has_the_same_pixels(
    torch: ModuleType,
    v2: ModuleType,
    applied: Any,
    images: Any,
    shrink: str,
    size: tuple[int, int],
) -> None:
    """Areas where the sides divide: elsewhere PyTorch takes whole pixels, augtool parts of them."""
    pixels = images(ROWS, SHAPE)
    box = {"box": np.tile(np.array([[3, 5, 3 + size[0], 5 + size[1]]], np.int32), (ROWS, 1))}
    slots = np.stack([np.arange(ROWS), np.arange(ROWS)[::-1]], axis=1)
    made = applied("resizemix", pixels, slots, box, shrink=shrink)
    pasted = made[:, 3 : 3 + size[0], 5 : 5 + size[1]]
    partner = chw(torch, pixels[::-1])
    if shrink == "nearest":
        mode = v2.InterpolationMode.NEAREST_EXACT
        assert np.array_equal(pasted, hwc(v2.functional.resize(partner, size, mode)))
    else:
        theirs = hwc(torch.nn.functional.interpolate(partner.double(), size, mode="area"))
        assert np.abs(pasted - theirs).max() <= 0.5 + 1e-9
