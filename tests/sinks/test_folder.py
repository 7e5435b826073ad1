"""A folder by class: the images and the table beside them are the HDF5 of the same job."""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from augtool.errors import UsageError
from augtool.pipeline.summary import Summary
from augtool.recipe.recipe import Reading
from augtool.sinks._class_folders import class_folders, numbered_folders

Make = Callable[..., tuple[Path, Summary]]
NAMES = ["airplane", "b/ird", "ship", "", "never"]  # of the photos


def tree(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder, by their path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"labels_as": "sparse", "copies": 2},
        {"reading": Reading(label_key=("labels", "age"), mask_key="ids")},
    ],
    ids=["plain", "sparse", "two targets and masks"],
)
def test_images_and_table_are_the_hdf5(make: Make, given: dict[str, Any]) -> None:
    reference, _ = make("mixed.h5", **given)
    folder, _ = make("mixed", format="folder", **given)
    table = pq.read_table(folder / "train" / "metadata.parquet")
    files = table["file_name"].to_pylist()
    with h5py.File(reference) as file:
        for name in set(file) - {"images"}:
            found = np.array(table[name].to_pylist(), file[name].dtype)
            assert found.tobytes() == file[name][:].tobytes(), name
        for row, name in enumerate(files):
            pixels = np.asarray(Image.open(folder / "train" / name))
            assert np.array_equal(pixels, file["images"][row])
        label = file["label_labels" if "label_labels" in file else "label"][:]
    ids = {"airplane": 0, "b%2Fird": 1, "ship": 2, "%~3": 3}
    assert [ids[name.rpartition("/")[0]] for name in files] == label.tolist()
    assert {f"train/{name}" for name in files} == {
        name for name in tree(folder) if name.endswith(".png")
    }


def test_a_class_that_is_nowhere_heaviest_has_no_folder(make: Make) -> None:
    folder, _ = make("mixed", format="folder")
    found = {path.name for path in (folder / "train").iterdir() if path.is_dir()}
    assert found == {"airplane", "b%2Fird", "ship", "%~3"}
    told = json.loads(
        pq.read_schema(folder / "train" / "metadata.parquet").metadata[b"huggingface"]
    )
    assert told["info"]["features"]["label"] == {"names": NAMES, "_type": "ClassLabel"}
    assert told["info"]["features"]["file_name"] == {"dtype": "string", "_type": "Value"}


def test_bytes_do_not_depend_on_workers_or_tasks(make: Make) -> None:
    ways = [(0, 1), (0, 9), (2, 2)]
    made = [
        make(f"mixed{number}", format="folder", copies=2, workers=workers, task_blocks=blocks)
        for number, (workers, blocks) in enumerate(ways)
    ]
    trees = [tree(folder) for folder, _ in made]
    assert all(one == trees[0] for one in trees[1:])
    assert max(summary.processes for _, summary in made) == 2


def test_rows_whose_label_is_not_known_are_apart_from_all_classes(
    make: Make, tmp_path: Path
) -> None:
    source = tmp_path / "some.h5"
    with h5py.File(source, "w") as file:
        file["images"] = np.zeros((70, 6, 5, 3), np.uint8)
        file["labels"] = np.where(np.arange(70) < 60, np.arange(70) % 3, 255)
    folder, _ = make("mixed", source, format="folder", reading=Reading(label_missing="255"))
    table = pq.read_table(folder / "train" / "metadata.parquet").to_pylist()
    assert {one["file_name"].split("/")[0] for one in table if one["label"] == -1} == {"%~unknown"}
    assert {one["file_name"].split("/")[0] for one in table if one["label"] != -1} == set("012")


def test_what_has_no_class_or_is_no_picture_is_refused(make: Make, tmp_path: Path) -> None:
    source = tmp_path / "values.h5"
    with h5py.File(source, "w") as file:
        file["images"] = np.zeros((70, 6, 5, 3), np.uint8)
        file["labels"] = np.zeros((70, 2), np.float32) + 0.3
        file["ids"] = np.arange(70)
    with pytest.raises(UsageError, match=r"heaviest class, and the labels have none; use --format"):
        make("mixed", source, format="folder")
    with pytest.raises(UsageError, match=r"holds pictures; rows here are 6×5×3 uint8; use --form"):
        make("mixed", source, format="folder", encode="npy", reading=Reading(label_key=("ids",)))
    assert {path.name for path in tmp_path.iterdir()} == {"photos.h5", "values.h5"}


def test_without_pyarrow_one_line_says_what_to_install(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        UsageError, match=r"folder: needs pyarrow.*pip install 'augtool\[parquet\]'"
    ):
        make("mixed", format="folder")


WORDS = [
    "con",
    "CON.txt",
    "test",
    "a-test 2",
    "Cat",
    "cat",
    "..",
    ".a",
    "__a",
    "é",
    "e\u0301",
    "%7E",
]
LISTS = st.lists(
    st.text(max_size=8) | st.sampled_from([*WORDS, "", "x" * 400, "é" * 200]), unique=True
)


@given(LISTS.map(tuple))
@example(tuple(WORDS))
def test_class_folders_are_apart_on_every_file_system_and_safe(names: tuple[str, ...]) -> None:
    folders = class_folders(names)
    for spelled in ("NFC", "NFD", "NFKC"):
        alike = {unicodedata.normalize(spelled, folder).casefold() for folder in folders}
        assert len(alike) == len(names)
    for id, (name, folder) in enumerate(zip(names, folders, strict=True)):
        assert 0 < len(folder.encode()) <= 255
        assert not set(folder) & set('<>:"/\\|?*$[]\0\n\t')
        assert folder[0] not in ". ~" and folder[-1] not in ". " and not folder.startswith("__")
        assert folder.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        assert unquote(folder.removesuffix(f"%~{id}")) == name or len(name.encode()) > 200


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("golden retriever", "golden retriever"),
        ("t-shirt", "t-shirt"),
        ("n02123045", "n02123045"),
        ("Ångström, 日本", "Ångström, 日本"),
        ("contest", "contest"),  # a word that only ends like a split's
        ("test", "%74est"),
        ("crash-test 2", "crash-%74est 2"),
        ("con", "%63on"),
        ("__background__", "%5F_background__"),
        ("100%", "100%25"),
        ("and/or", "and%2For"),
        ("$HOME", "%24HOME"),
    ],
)
def test_names_change_only_where_something_would_misread_them(name: str, folder: str) -> None:
    assert class_folders((name,)) == (folder,)


def test_classes_without_names_sort_by_number() -> None:
    assert numbered_folders(11)[9:] == ("09", "10")
    assert sorted(numbered_folders(1000)) == list(numbered_folders(1000))


def test_the_manifest_has_the_size_and_sha256_of_every_file(make: Make) -> None:
    folder, _ = make("mixed", format="folder")
    files = tree(folder)
    told = json.loads(files.pop(".augtool/manifest.json"))["files"]
    assert list(told) == sorted(files, key=lambda name: name.split("/"))
    for name, data in files.items():
        assert told[name] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
