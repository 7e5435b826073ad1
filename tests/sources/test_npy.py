"""npy files are mapped where they lie; their names, or options, say what they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augtool
from augtool.errors import InputChanged, SourceError, UsageError
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.sources import open_source
from augtool.sources._contract import Source

IMAGES = np.arange(8 * 5 * 6 * 3, dtype=np.uint8).reshape(8, 5, 6, 3)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def put(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return folder


def opened(path: Path, labels: Path | None = None, **reading: Any) -> Source:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return open_source(str(path), Reading(**reading), scratch, labels and str(labels))


@pytest.mark.parametrize(
    "names", [("x_train", "y_train"), ("X", "y"), ("images", "labels"), ("train_x", "train_y")]
)
def test_a_folder_of_arrays_is_read_in_place(tmp_path: Path, names: tuple[str, str]) -> None:
    source = opened(put(tmp_path / "d", **dict(zip(names, (IMAGES, LABELS), strict=True))))
    assert (source.n, source.shape) == (8, (5, 6, 3))
    assert source.targets[0].values.tolist() == LABELS.tolist()
    assert source.pixels is not None
    assert np.array_equal(source.pixels, IMAGES)
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["labels-0.npy"]


def test_an_array_finds_its_labels_beside_it_or_by_option(tmp_path: Path) -> None:
    folder = put(tmp_path / "d", x_test=IMAGES, images=IMAGES, labels=LABELS)
    assert opened(folder / "images.npy").targets[0].width == 3
    other = put(tmp_path / "e", any=np.float32([[0.5, 0.5]] * 8))
    assert opened(folder / "x_test.npy", other / "any.npy").targets[0].kind == "soft"
    with pytest.raises(UsageError, match=r"labels of 'x_test'; choose one of 'images', 'labels'"):
        opened(folder / "x_test.npy")


def test_keys_choose_and_several_labels_are_several_targets(tmp_path: Path) -> None:
    folder = put(tmp_path / "d", pictures=IMAGES, a=LABELS, b=LABELS % 2)
    source = opened(folder, image_key="pictures.npy", label_key=("a", "b"))
    assert [(one.name, one.width) for one in source.targets] == [("a", 3), ("b", 2)]
    assert source.column("b").tolist() == (LABELS % 2).tolist()
    with pytest.raises(UsageError, match="no array has a usual name for images"):
        opened(folder)
    with pytest.raises(UsageError, match=r"there is no array 'picture'.*pictures"):
        opened(folder, image_key="picture")


def test_masks_are_found(tmp_path: Path) -> None:
    masks = np.arange(8 * 5 * 6, dtype=np.uint8).reshape(8, 5, 6)
    folder = put(tmp_path / "d", images=IMAGES, labels=LABELS, masks=masks)
    found = opened(folder).masks
    assert found is not None
    out = np.empty((2, 5, 6), np.uint8)
    found.read(np.array([7, 2]), out)
    assert np.array_equal(out, masks[[7, 2]])
    assert opened(folder, mask_key="none").masks is None


def test_a_folder_by_augtool_is_read_with_its_soft_labels_and_names(tmp_path: Path) -> None:
    recipe = Recipe((step("cutmix"),), seed=1)
    out = str(tmp_path / "mixed")
    augtool.run(Job("sample:?n=40&size=8x9", out, recipe, workers=0, format="npy"))
    source = opened(tmp_path / "mixed")
    with augtool.open(out) as mixed:
        assert np.array_equal(source.targets[0].values, mixed.labels)
        assert source.targets[0].class_names == mixed.class_names
        assert np.array_equal(source.pixels, mixed.images)  # type: ignore[arg-type]


def test_a_folder_with_anything_else_is_an_image_folder(tmp_path: Path) -> None:
    folder = put(tmp_path / "d", images=IMAGES, labels=LABELS)
    (folder / "cat").mkdir()
    with pytest.raises(SourceError, match="no images in its class folders"):
        opened(folder)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "boom"),))

    folder = put(tmp_path / "d", images=IMAGES)
    np.save(folder / "labels.npy", np.array([Bomb()] * 8, object), allow_pickle=True)
    with pytest.raises(SourceError, match="pickled objects, which are never loaded"):
        opened(folder)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES, LABELS[:5], r"images.npy has 8 rows, labels.npy has 5"),
        (IMAGES.astype(np.int32), LABELS, "is int32; pixels are uint8"),
        (np.asfortranarray(IMAGES), LABELS, "is in Fortran order"),
        (IMAGES[:0], LABELS[:0], "holds no rows"),
        (np.uint8(3), LABELS, "holds no rows"),
    ],
)
def test_arrays_that_do_not_fit_are_explained(
    tmp_path: Path, images: Any, labels: Any, words: str
) -> None:
    with pytest.raises((UsageError, SourceError), match=words):
        opened(put(tmp_path / "d", images=images, labels=labels))


def test_a_header_that_claims_more_than_there_is_is_cut_short(tmp_path: Path) -> None:
    folder = put(tmp_path / "d", images=IMAGES, labels=LABELS)
    data = (folder / "images.npy").read_bytes()
    (folder / "images.npy").write_bytes(data[:-1])
    with pytest.raises(SourceError, match=r"should take 848 bytes and has 847; it was cut short"):
        opened(folder)
    (folder / "images.npy").write_bytes(data[:64])
    with pytest.raises(SourceError, match="not readable as npy"):
        opened(folder)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = put(tmp_path / "d", images=IMAGES, labels=LABELS)
    source = opened(folder)
    put(folder, images=IMAGES[:4])
    with pytest.raises(InputChanged, match="the file changed"):
        source.image(0)
