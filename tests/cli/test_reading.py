"""How inputs are read, from the command line: several targets, unknown labels, masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from augtool_cli import build_job
from PIL import Image

Cli = Callable[..., tuple[int, str, str]]
Hdf5 = Callable[..., str]
N = 40
COLOR, SHAPE = np.arange(N) % 3, np.arange(N) % 5


def reading_of(path: str = "m.h5") -> dict[str, Any]:
    with h5py.File(path) as file:
        reading: dict[str, Any] = json.loads(file.attrs["recipe"])["reading"]
    return reading


def shape_of(path: str, field: str) -> tuple[int, ...]:
    with h5py.File(path) as file:
        shape: tuple[int, ...] = file[field].shape
    return shape


def test_a_repeated_label_key_makes_several_targets_that_are_found_again(
    cli: Cli, hdf5: Hdf5
) -> None:
    spec = hdf5(labels=None, color=COLOR, shape=SHAPE)
    keys = ("--label-key", "color", "--label-key", "shape")
    code, _, err = cli("cutmix", "--in", spec, "--out", "m.h5", *keys)
    assert code == 0, err
    assert reading_of()["label_key"] == ["color", "shape"]
    assert shape_of("m.h5", "labels_color") == (N, 3)
    assert shape_of("m.h5", "labels_shape") == (N, 5)
    code, _, err = cli("cutmix", "--in", "m.h5", "--out", "again.h5")
    assert code == 0, err
    assert shape_of("again.h5", "labels_color") == (N, 3)
    assert shape_of("again.h5", "labels_shape") == (N, 5)


@pytest.mark.parametrize(
    ("toml", "keys"),
    [
        ('label-key = "color"', ["color"]),
        ('label-key = ["color"]', ["color"]),
        ('label_key = ["shape", "color"]', ["shape", "color"]),
    ],
)
def test_a_file_gives_one_label_key_or_a_list(
    cli: Cli, hdf5: Hdf5, toml: str, keys: list[str]
) -> None:
    Path("mix.toml").write_text(toml)
    spec = hdf5(labels=None, color=COLOR, shape=SHAPE)
    code, _, err = cli("cutmix", "--in", spec, "--out", "m.h5", "--config", "mix.toml")
    assert code == 0, err
    assert reading_of()["label_key"] == keys


def test_a_wrong_label_key_in_a_file_is_named(
    refused: Callable[..., str], hdf5: Hdf5, tmp_path: Path
) -> None:
    spec = hdf5()
    for toml in ("label-key = 5", 'label-key = ["labels", 5]'):
        (tmp_path / "mix.toml").write_text(toml)
        said = refused("cutmix", "--in", spec, "--out", "m.h5", "--config", "mix.toml")
        assert "label-key = 5: use text in quotes" in said


def test_what_stands_for_an_unknown_label_is_text_or_a_number(cli: Cli, hdf5: Hdf5) -> None:
    spec = hdf5(labels=np.where(np.arange(N) == 7, -1, COLOR))
    code, _, err = cli("inspect", spec)
    assert code == 1
    assert "use --label-missing -1" in err
    Path("read.toml").write_text("label-missing = -1")
    told = ("--label-missing", "-1"), ("--label-missing=-1",), ("--config", "read.toml")
    for options in told:
        code, _, err = cli("figure", "--in", spec, "--out", "g.png", *options, "--methods", "flip")
        assert code == 0, err


def test_masks_are_a_folder_when_there_is_one_of_that_name(folder: Path) -> None:
    given: dict[str, Any] = {"masks": None}
    assert build_job.masks_from(given) is None
    assert build_job.masks_from({"masks": "parts"}) is None
    assert build_job.masks_from({"masks": str(folder)}) == str(folder)


def test_masks_of_an_array_are_named_in_the_recipe_and_a_folder_is_not(
    cli: Cli, hdf5: Hdf5, folder: Path
) -> None:
    masks = np.zeros((N, 9, 14), np.uint8)
    spec = hdf5(parts=masks)
    code, _, err = cli("cutmix", "--in", spec, "--out", "m.h5", "--masks", "parts")
    assert code == 0, err
    assert reading_of()["mask_key"] == "parts"
    assert shape_of("m.h5", "masks") == (N, 9, 14)
    for image in folder.rglob("*.*"):
        mask = Path("masks") / image.relative_to(folder).with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(masks[0]).save(mask)
    code, _, err = cli("cutmix", "--in", folder, "--out", "f.h5", "--masks", "masks")
    assert code == 0, err
    assert reading_of("f.h5")["mask_key"] is None
    assert shape_of("f.h5", "masks") == (24, 9, 14)


def test_a_folder_of_masks_that_is_not_there_is_named(
    refused: Callable[..., str], folder: Path
) -> None:
    said = refused("cutmix", "--in", folder, "--out", "m.h5", "--masks", "maskz")
    assert said.startswith("--masks maskz: there is no such folder")
