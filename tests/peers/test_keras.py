"""Keras' CutMix, MixUp, RandomErasing, flip, translation and rotation layers."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augtool.mixing import labels
from augtool.targets import Target

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ROWS, SHAPE, CLASSES = 200, (24, 40, 3), 5
PAIRS = np.stack([np.arange(ROWS), np.random.default_rng(2).permutation(ROWS)], axis=1)
ITSELF = PAIRS[:, :1]
TARGET = Target("classes", np.arange(ROWS) * 7 % CLASSES, CLASSES)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[TARGET.values]
DRAWS = 20_000
# Keras' names of the borders.
BORDERS = {"constant": "constant", "edge": "nearest", "wrap": "wrap"}


def masks(keras: ModuleType, layer: Any, box: np.ndarray, shape: tuple[int, ...]) -> Any:
    """What a layer makes of the corners of boxes (n, 4)."""
    y0, x0, y1, x1 = (keras.ops.convert_to_tensor(side) for side in box.T.astype(np.float32))
    return layer._generate_batch_mask((len(box), *shape), (x0, x1, y0, y1))


def array(keras: ModuleType, tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def test_cutmix_of_the_same_box_has_the_same_pixels_and_label(
    keras: ModuleType, drawn: Any, weights: Any, applied: Any, images: Any
) -> None:
    pixels, columns = images(ROWS, SHAPE), drawn("cutmix", ROWS, SHAPE)
    layer = keras.layers.CutMix()
    mask, weight = masks(keras, layer, columns["box"], SHAPE)
    params = {"batch_masks": mask, "mix_weight": weight, "permutation_order": PAIRS[:, 1]}
    theirs = array(keras, layer.transform_images(pixels.astype(np.float32), params))
    assert np.array_equal(applied("cutmix", pixels, PAIRS, columns), theirs)
    told = labels.mixed(TARGET, PAIRS, weights("cutmix", columns, SHAPE))
    label = array(keras, layer.transform_labels(keras.ops.convert_to_tensor(ONE_HOT), params))
    assert np.abs(told - label).max() <= 2**-22


def test_cutmix_boxes_inside_are_as_large_but_for_the_cut_off_parts_of_pixels(
    keras: ModuleType, drawn: Any, weights: Any, same_mean: Any
) -> None:
    """Keras' boxes have sides L·√(1−λ) that are not whole: E[λ] is 0.5, and its label is not the
    count of pixels. augtool cuts sides to whole pixels, and counts."""
    size = (24, 40)
    layer = keras.layers.CutMix(factor=(1, 1))
    params = layer.get_random_transformation(np.zeros((DRAWS // 2, *size, 1), np.float32))
    theirs = array(keras, params["mix_weight"]).ravel().astype(np.float64)
    counted = 1 - array(keras, params["batch_masks"]).reshape(DRAWS // 2, -1).mean(axis=1)
    columns = drawn("cutmix", 4 * DRAWS, size, box_sampler="inside")
    ours = weights("cutmix", columns, size)[:, 0]
    root = np.sqrt((np.arange(40_000) + 0.5) / 40_000)
    whole = (np.floor(24 * root) * np.floor(40 * root)).mean() / 960
    same_mean(theirs, 0.5, within=0.02)
    same_mean(counted, 0.5, within=0.02)
    same_mean(ours, 1 - whole, within=0.006)
    assert 0.52 < 1 - whole < 0.53
    assert 0.01 < np.abs(theirs - counted).mean() < 0.014  # what its labels are wrong by
    box = columns["box"].astype(np.int64)
    area = (box[:, 2:] - box[:, :2]).prod(axis=1) / 960
    assert np.abs(1 - area - ours).max() < 1e-7


def test_mixup_of_the_same_lam_has_the_same_pixels_and_label(
    keras: ModuleType, drawn: Any, weights: Any, applied: Any, images: Any
) -> None:
    pixels, columns = images(ROWS, SHAPE, "float32"), drawn("mixup", ROWS, SHAPE, alpha=1)
    layer = keras.layers.MixUp()
    lam = keras.ops.convert_to_tensor(columns["lam"])
    params = {"mix_weight": lam, "permutation_order": PAIRS[:, 1]}
    theirs = array(keras, layer.transform_images(pixels, params))
    assert np.abs(applied("mixup", pixels, PAIRS, columns) - theirs).max() <= 2**-22
    told = labels.mixed(TARGET, PAIRS, weights("mixup", columns, SHAPE))
    label = array(keras, layer.transform_labels(keras.ops.convert_to_tensor(ONE_HOT), params))
    assert np.abs(told - label).max() <= 2**-22


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0])
def test_mixup_lam_has_the_same_distribution(
    keras: ModuleType, drawn: Any, same_distribution: Any, same_mean: Any, alpha: float
) -> None:
    layer = keras.layers.MixUp(alpha=alpha)
    images = np.zeros((DRAWS, 1, 1, 1), np.float32)
    theirs = array(keras, layer.get_random_transformation(images)["mix_weight"])
    ours = drawn("mixup", 4 * DRAWS, (1,), alpha=alpha)["lam"]
    same_distribution(theirs, ours)
    for lam in (theirs, ours):
        same_mean((lam.astype(np.float64) - 0.5) ** 2, 1 / (4 * (2 * alpha + 1)), within=0.005)


def test_erasing_the_same_box_has_the_same_pixels(
    keras: ModuleType, drawn: Any, applied: Any, images: Any
) -> None:
    pixels, columns = images(ROWS, SHAPE), drawn("erase", ROWS, SHAPE)
    layer = keras.layers.RandomErasing(fill_value=(10, 200, 30))
    values = pixels.astype(np.float32)
    params = {
        "batch_masks": masks(keras, layer, columns["box"][:, 0], SHAPE),
        "apply_erasing": keras.ops.ones((ROWS,), "bool"),
        "fill_value": layer._get_fill_value(values, values.shape, None),
    }
    theirs = array(keras, layer.transform_images(values, params))
    assert np.array_equal(applied("erase", pixels, ITSELF, columns, fill="10,200,30"), theirs)


def test_erased_areas_are_smaller_in_keras_whose_sides_are_drawn_apart(
    keras: ModuleType, drawn: Any, same_mean: Any
) -> None:
    size, (low, high) = (32, 32), (0.02, 0.33)
    layer = keras.layers.RandomErasing(factor=(1, 1), fill_value=0)
    params = layer.get_random_transformation(np.zeros((DRAWS // 2, *size, 1), np.float32))
    theirs = array(keras, params["batch_masks"]).reshape(DRAWS // 2, -1).mean(axis=1)
    mean_root = 2 / 3 * (high**1.5 - low**1.5) / (high - low)
    same_mean(theirs, mean_root**2, within=0.01)  # 0.161
    box = drawn("erase", 4 * DRAWS, size)["box"][:, 0].astype(np.int64)
    assert abs((box[:, 2:] - box[:, :2]).prod(axis=1).mean() / 1024 - 0.174) < 0.002


@pytest.mark.parametrize(("factor", "share"), [(1.0, 0.5), ((1.0, 1.0), 1.0)])
def test_a_factor_of_one_erases_half_of_the_images_in_keras(
    keras: ModuleType, factor: Any, share: float, same_mean: Any
) -> None:
    """Its factor is the upper end of a range that the probability is drawn from."""
    layer = keras.layers.RandomErasing(factor=factor)
    params = layer.get_random_transformation(np.zeros((DRAWS, 1, 1, 1), np.float32))
    same_mean(array(keras, params["apply_erasing"]), share, within=0.02)


def test_a_flip_has_the_same_pixels(keras: ModuleType, applied: Any, images: Any) -> None:
    pixels = images(ROWS, SHAPE)
    flipped = np.arange(ROWS) % 2
    layer = keras.layers.RandomFlip("horizontal")
    values = keras.ops.convert_to_tensor(pixels.astype(np.float32))
    flips = keras.ops.convert_to_tensor(flipped.astype(bool)[:, None, None, None])
    theirs = array(keras, layer.transform_images(values, {"flips": flips}))
    made = applied("flip", pixels, ITSELF, {"flipped": flipped.astype(np.uint8)})
    assert np.array_equal(made, theirs)


@pytest.mark.parametrize("border", BORDERS)
def test_a_shift_by_the_same_offset_has_the_same_pixels(
    keras: ModuleType, drawn: Any, applied: Any, images: Any, border: str
) -> None:
    params = {"border": border} | ({"fill": "77"} if border == "constant" else {})
    pixels, columns = images(ROWS, SHAPE), drawn("shift", ROWS, SHAPE, range=0.4)
    layer = keras.layers.RandomTranslation(
        0.4, 0.4, fill_mode=BORDERS[border], fill_value=77.0, interpolation="nearest"
    )
    right_down = np.ascontiguousarray(columns["offset"][:, ::-1].astype(np.float32))
    offset = {"translations": keras.ops.convert_to_tensor(right_down)}
    theirs = array(keras, layer.transform_images(pixels.astype(np.float32), offset))
    assert np.array_equal(applied("shift", pixels, ITSELF, columns, **params), theirs)


def test_a_reflected_border_repeats_the_outermost_pixel_in_keras_only(
    keras: ModuleType, applied: Any
) -> None:
    line = np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5, 1)
    layer = keras.layers.RandomTranslation(0, 0.9, fill_mode="reflect", interpolation="nearest")
    offset = {"translations": keras.ops.convert_to_tensor(np.array([[2, 0]], np.float32))}
    theirs = array(keras, layer.transform_images(line, offset))
    columns = {"offset": np.array([[0, 2]], np.int32)}
    made = applied("shift", line, np.zeros((1, 1), np.int64), columns, border="reflect")
    assert theirs.ravel().tolist() == [2, 1, 1, 2, 3]
    assert made.ravel().tolist() == [3, 2, 1, 2, 3]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("border", BORDERS)
def test_a_turn_by_the_same_angle_has_the_same_pixels_but_for_the_last_bits_of_a_place(
    keras: ModuleType, drawn: Any, applied: Any, images: Any, border: str, interpolation: str
) -> None:
    """Keras has places in float32, augtool in 1/65536 pixel."""
    rows = 60
    pixels = images(rows, SHAPE, "float32") * 255
    columns = drawn("rotate", rows, SHAPE, degrees=180)
    params = {"border": border} | ({"fill": "77"} if border == "constant" else {})
    made = applied("rotate", pixels, ITSELF[:rows], columns, interpolation=interpolation, **params)
    layer = keras.layers.RandomRotation(
        0.5, fill_mode=BORDERS[border], fill_value=77.0, interpolation=interpolation
    )
    zero, one = keras.ops.zeros((rows,)), keras.ops.ones((rows,))
    angle = keras.ops.convert_to_tensor((columns["angle"] / 100).astype(np.float32))
    matrix = layer._compute_affine_matrix(0.5, 0.5, angle, zero, zero, one, zero, zero, *SHAPE[:2])
    theirs = array(keras, layer.transform_images(pixels, {"rotation_matrix": matrix}))
    off = np.abs(made - theirs)
    if interpolation == "nearest":
        assert (off > 0).any(axis=-1).mean() < 1e-4
    else:
        assert off.max() < 0.005
