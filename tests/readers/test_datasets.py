"""Hugging Face ``datasets``: types, class names and soft labels arrive without glue."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augtool

Make = Callable[..., Path]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``load_dataset``, without a network, its cache in a folder of the test; all is one split."""
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()

    def run(*arguments: str, **given: Any) -> Any:
        cache = str(tmp_path / "cache")
        return datasets.load_dataset(*arguments, split="train", cache_dir=cache, **given)

    return run


def same_rows(found: Any, mixed: augtool.Output, image: str, soft: str, label: str) -> None:
    assert len(found) == len(mixed)
    for row in (0, 77, len(mixed) - 1):
        assert np.array_equal(np.asarray(found[row][image], np.uint8), mixed.images[row])
    rows = found[:]
    assert np.array_equal(np.array(rows[soft], np.float32), mixed.labels)
    assert np.array_equal(rows[label], mixed.field("label"))


def is_soft(feature: Any) -> bool:
    return feature.feature.dtype == "float32" and feature.length == 4


@pytest.mark.parametrize("form", ["file", "shards"])
def test_hdf5(load: Any, make: Make, mixed: augtool.Output, form: str) -> None:
    if form == "file":
        found = load("hdf5", data_files=str(make("mixed.h5")))
    else:
        found = load(str(make("h5-shards", format="hdf5", shards=2)))
    assert is_soft(found.features["labels"])
    assert found.features["images"].dtype == "uint8"
    assert found.features["images"].shape == (9, 14, 3)
    same_rows(found, mixed, "images", "labels", "label")


@pytest.mark.parametrize(("name", "format"), [("table", "parquet"), ("images", "folder")])
def test_parquet_and_image_folders_keep_image_class_and_soft_label(
    load: Any, make: Make, mixed: augtool.Output, name: str, format: str
) -> None:
    found = load(str(make(name, format=format)))
    assert type(found.features["image"]).__name__ == "Image"
    assert found.features["label"].names == list(mixed.class_names or ())
    assert is_soft(found.features["labels"])
    if format == "parquet":
        same_rows(found, mixed, "image", "labels", "label")
    else:  # in the order of the folders
        labels = {one.tobytes(): soft for one, soft in zip(*mixed[:], strict=True)}
        for row in found:
            soft = labels.pop(np.asarray(row["image"]).tobytes())
            assert np.array_equal(np.float32(row["labels"]), soft)
            assert row["label"] == soft.argmax()
        assert not labels


def test_webdataset(load: Any, make: Make, mixed: augtool.Output) -> None:
    shards = make("tar-shards", format="tar", shards=3)
    found = load("webdataset", data_files=str(shards / "*.tar"))
    assert type(found.features["png"]).__name__ == "Image"
    same_rows(found, mixed, "png", "soft.npy", "cls")
    assert found[5]["json"]["src"] == mixed.field("src")[5].tolist()
