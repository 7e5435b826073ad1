"""Cards: ``datasets`` loads a folder by its README.md, and ``mlcroissant`` takes croissant.json."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augtool
from augtool.report.card import write_card
from augtool.verification.verify import verify

Make = Callable[..., Path]
FORMATS = ("parquet", "folder", "hdf5", "tar")


@pytest.fixture
def carded(tmp_path: Path, make: Make) -> Callable[[str], Path]:
    """A copy of an output with its card."""

    def run(format: str) -> Path:
        folder = tmp_path / format
        shutil.copytree(make(f"card-{format}", format=format), folder)
        with augtool.open(folder) as output:
            write_card(output, "cc-by-4.0" if format == "parquet" else None)
        return folder

    return run


def loaded(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(cache))


@pytest.mark.parametrize("format", FORMATS)
def test_datasets_loads_a_folder_by_its_card(
    carded: Callable[[str], Path],
    mixed: augtool.Output,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format: str,
) -> None:
    found = loaded(carded(format), tmp_path / "cache", monkeypatch)
    assert len(found) == len(mixed)
    soft = "soft.npy" if format == "tar" else "labels"
    rows = np.array(found[:][soft], np.float32)
    assert np.allclose(np.sort(rows, axis=0), np.sort(np.asarray(mixed.labels), axis=0))
    if format in ("parquet", "folder"):
        assert found.features["label"].names == list(mixed.class_names or ())
        assert found.features["labels"].length == 4


@pytest.mark.parametrize("format", FORMATS)
def test_mlcroissant_takes_the_card_without_an_error(
    carded: Callable[[str], Path], mixed: augtool.Output, format: str
) -> None:
    import mlcroissant

    data = mlcroissant.Dataset(jsonld=str(carded(format) / "croissant.json"))
    assert not data.metadata.issues.errors
    if format in ("parquet", "folder"):
        first = next(iter(data.records("rows")))
        labels = np.asarray(mixed.labels)
        assert (np.float32(first["rows/labels"]) == labels).all(axis=1).any()


def test_shards_are_one_table(make: Make, tmp_path: Path) -> None:
    import mlcroissant

    shutil.copytree(make("card-shards", format="parquet", shards=3), tmp_path / "shards")
    write_card(augtool.open(tmp_path / "shards"))
    data = mlcroissant.Dataset(jsonld=str(tmp_path / "shards" / "croissant.json"))
    assert sum(1 for _ in data.records("rows")) == 150


def test_a_card_changes_nothing_that_verify_looks_at(carded: Callable[[str], Path]) -> None:
    folder = carded("parquet")
    assert verify(str(folder), workers=1).problems == ()
    (folder / "other.md").write_text("x")
    assert [one.file for one in verify(str(folder), workers=1).problems] == ["other.md"]


def test_the_card_says_the_licence_and_where_the_rows_are_from(
    carded: Callable[[str], Path], mixed: augtool.Output
) -> None:
    text = (carded("parquet") / "README.md").read_text(encoding="utf-8")
    assert 'license: "cc-by-4.0"' in text
    assert str(mixed.attributes["source_fingerprint"]) in text
    assert "@inproceedings{yun2019cutmix," in text
    facts = json.loads((carded("folder") / "croissant.json").read_text(encoding="utf-8"))
    assert facts["license"] == "as the source"


def test_a_readme_that_is_no_card_is_kept(make: Make, tmp_path: Path) -> None:
    from augtool.errors import UsageError

    shutil.copy(make("mixed.h5"), tmp_path / "mixed.h5")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="not a card of augtool"):
        write_card(augtool.open(tmp_path / "mixed.h5"))
    assert (tmp_path / "README.md").read_text() == "mine"
