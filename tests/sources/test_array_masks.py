"""Label images beside the images of HDF5 and npz files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augtool.errors import InputChanged, UsageError

N, H, W = 6, 7, 9
IMAGES = np.zeros((N, H, W, 3), np.uint8)
BASE = {"images": IMAGES, "labels": np.arange(N) % 2}
Arrays = Callable[..., Any]


def ids(dtype: Any = np.uint8, shape: tuple[int, ...] = (N, H, W)) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 100).reshape(shape).astype(dtype)


def read(masks: Any, rows: np.ndarray) -> np.ndarray:
    out = np.empty((len(rows), *masks.shape), masks.dtype)
    masks.read(rows, out)
    return out


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i4", "i8", "f4"])
@pytest.mark.parametrize("shape", [(N, H, W), (N, H, W, 1), (N, 1, H, W)])
def test_masks_are_taken_as_they_are_kept(
    arrays: Arrays, dtype: str, shape: tuple[int, ...]
) -> None:
    kept = ids(dtype, shape)
    masks = arrays({**BASE, "masks": kept}).masks
    assert (masks.shape, masks.dtype) == ((H, W), np.dtype(dtype).newbyteorder("="))
    rows = np.array([4, 0, 5, 4])
    assert np.array_equal(read(masks, rows), kept.reshape(N, H, W)[rows])
    assert masks.pixels is None or not masks.pixels.flags.writeable
    assert masks.pixels is None or np.array_equal(masks.pixels, kept.reshape(N, H, W))
    assert len(pickle.dumps(masks)) < 2000
    assert np.array_equal(read(pickle.loads(pickle.dumps(masks)), rows), read(masks, rows))


def test_booleans_are_the_ids_0_and_1(arrays: Arrays) -> None:
    masks = arrays({**BASE, "masks": ids() > 50}).masks
    assert masks.dtype == np.uint8
    assert np.array_equal(read(masks, np.arange(N)), (ids() > 50).astype(int))


def test_masks_are_chosen_by_key_or_left_out(arrays: Arrays) -> None:
    sets = {**BASE, "masks": ids(), "parts": ids() + 1}
    assert np.array_equal(read(arrays(sets, mask_key="parts").masks, np.arange(N)), ids() + 1)
    assert arrays(sets, mask_key="none").masks is None
    assert arrays(BASE).masks is None
    with pytest.raises(UsageError, match=r"'part'.*did you mean 'parts'"):
        arrays(sets, mask_key="part")


def test_channels_first_images_have_masks_of_their_height_and_width(arrays: Arrays) -> None:
    sets = {**BASE, "images": IMAGES.transpose(0, 3, 1, 2), "masks": ids()}
    assert arrays(sets).masks.shape == (H, W)


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        (ids(shape=(N - 1, H, W)), "masks has 5 rows, the images have 6"),
        (ids(shape=(N, W, H)), r"masks \(6, 9, 7\): images of 7x9 have masks \(6, 7, 9\)"),
        (ids(shape=(N, H, W, 3)), r"masks \(6, 7, 9, 3\)"),
        (ids(np.float64), "masks is float64: masks are whole numbers, or float32"),
        (ids(np.complex64), "masks is complex64"),
    ],
)
def test_masks_that_do_not_fit_are_refused_with_what_to_do(
    arrays: Arrays, masks: np.ndarray, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        arrays({**BASE, "masks": masks})
    assert "--masks none" in str(caught.value)
    assert arrays({**BASE, "masks": masks}, mask_key="none").masks is None


def test_rows_that_are_no_images_have_no_masks(arrays: Arrays) -> None:
    sets = {"images": np.zeros((N, 5), np.float32), "labels": np.arange(N), "masks": ids()}
    with pytest.raises(UsageError, match="no images, so they have no masks"):
        arrays(sets)


def test_masks_of_an_own_output_are_found(own: Arrays, tmp_path: Path) -> None:
    source = own({**BASE, "masks": ids()}, {"target": "classes"})
    masks = source.masks
    assert np.array_equal(masks.pixels, ids())
    with (tmp_path / "own.h5").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputChanged):
        _ = masks.pixels
    with pytest.raises(InputChanged):
        read(masks, np.arange(N))
