"""Parquet: what pyarrow reads is what the HDF5 of the same job has, with the types that Hugging
Face looks for, and the same bytes however the work was cut."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import augtool
from augtool.errors import UsageError
from augtool.fields import Field
from augtool.pipeline.summary import Summary
from augtool.recipe.recipe import Reading
from augtool.sinks import _arrow_table
from augtool.sinks._contract import Order
from augtool.sinks.parquet import chunk_rows

ROWS = 330
NAMES = ["airplane", "b/ird", "ship", "", "never"]  # of the photos

Make = Callable[..., tuple[Path, Summary]]


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column as an array, its lists as axes."""
    column, axes = table[name].combine_chunks(), [len(table)]
    while pa.types.is_fixed_size_list(column.type):
        axes.append(column.type.list_size)
        column = column.flatten()
    return column.to_numpy(zero_copy_only=False).reshape(axes)


def pictures(table: pa.Table, name: str) -> np.ndarray:
    """A column of encoded pictures as an array."""
    files = table[name].to_pylist()
    return np.stack([np.asarray(Image.open(io.BytesIO(one["bytes"]))) for one in files])


def assert_same(table: pa.Table, file: Path, image: Callable[..., np.ndarray]) -> None:
    """A table has the rows and fields of an HDF5 file, to the last bit."""
    with h5py.File(file) as expected:
        assert set(table.column_names) == {"image", *expected} - {"images"}
        for name in expected:
            read = {"images": image, "masks": pictures}.get(name, numbers)
            found = read(table, "image" if name == "images" else name)
            assert found.dtype == expected[name].dtype
            assert found.tobytes() == expected[name][:].tobytes(), name


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"labels_as": "sparse", "copies": 2},
        {"reading": Reading(label_key=("labels", "age"))},
        {"reading": Reading(mask_key="ids")},
        {"params": {"num_mix": 3}},
    ],
    ids=["plain", "sparse", "two targets", "masks", "boxes"],
)
def test_all_fields_are_those_of_the_hdf5(make: Make, given: dict[str, Any]) -> None:
    reference, _ = make("mixed.h5", **given)
    path, _ = make("mixed.parquet", **given)
    assert_same(pq.read_table(path), reference, pictures)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_arrays_that_are_no_pictures_are_lists_of_numbers(
    make: Make, tmp_path: Path, dtype: str
) -> None:
    source = tmp_path / "sound.h5"
    with h5py.File(source, "w") as file:
        file["images"] = np.arange(100 * 5 * 7).reshape(100, 5, 7, 1).astype(dtype)
        file["labels"] = np.arange(100) % 3
    reference, _ = make("mixed.h5", source)
    path, _ = make("mixed.parquet", source, encode="npy")
    assert_same(pq.read_table(path), reference, numbers)


def test_pictures_say_their_file_names_and_are_encoded_as_asked(
    make: Make,
) -> None:
    path, _ = make("mixed.parquet", encode="webp:80")
    rows = pq.read_table(path)["image"].to_pylist()
    assert [one["path"] for one in rows] == [f"{row:09}.webp" for row in range(ROWS)]
    assert all(one["bytes"][8:12] == b"WEBP" for one in rows)


def test_hugging_face_is_told_of_images_classes_and_lengths(
    make: Make,
) -> None:
    path, _ = make("mixed.parquet", reading=Reading(label_key=("labels", "age"), mask_key="ids"))
    told = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]

    def listed(dtype: str, length: int) -> dict[str, Any]:
        return {"feature": {"dtype": dtype, "_type": "Value"}, "length": length, "_type": "List"}

    assert told == {  # as datasets 5.2 writes it
        "image": {"_type": "Image"},
        "masks": {"_type": "Image"},
        "labels_labels": listed("float32", 5),
        "label_labels": {"names": NAMES, "_type": "ClassLabel"},
        "labels_age": listed("float32", 2),
        "src": listed("int64", 2),
        "weight": listed("float32", 2),
        "cutmix_box": listed("int32", 4),
        "cutmix_lam": {"dtype": "float32", "_type": "Value"},
    }


def test_a_file_describes_itself_and_has_its_records(
    make: Make,
) -> None:
    path, summary = make("mixed.parquet")
    told = json.loads(pq.read_metadata(path).metadata[b"augtool"])
    assert told["records"] == summary.digests
    assert json.loads(told["attributes"]["class_names"]) == NAMES
    assert told["rows"] == [0, ROWS]
    _, hdf5 = make("mixed.h5")
    assert {**hdf5.digests, "images": ""} == {**summary.digests, "images": ""}  # images: encoded


@pytest.mark.parametrize("shards", [1, 4])
def test_shards_are_one_file_in_near_equal_parts(make: Make, shards: int) -> None:
    one, _ = make("mixed.parquet")
    folder, _ = make("mixed", format="parquet", shards=shards)
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert names == [f"train-{number:05}-of-{shards:05}.parquet" for number in range(shards)]
    parts = [pq.read_table(folder / "data" / name) for name in names]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert pa.concat_tables(parts).equals(pq.read_table(one))


def test_bytes_do_not_depend_on_workers_or_tasks(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_arrow_table, "_GROUP_ROWS", (1, 50))
    found, processes = [], 0
    # a quick worker may do it all before another has started: until both took part
    for number, (workers, blocks) in enumerate([(0, 1), (0, 9), *[(2, 2)] * 10]):
        folder, summary = make(
            f"mixed{number}",
            format="parquet",
            shards=2,
            copies=2,
            workers=workers,
            task_blocks=blocks,
        )
        files = sorted((folder / "data").iterdir())
        found.append([path.read_bytes() for path in files])
        processes = max(processes, summary.processes)
        groups = pq.read_metadata(files[0])
        assert [groups.row_group(at).num_rows for at in range(7)] == [50] * 6 + [30]
        if processes == 2:
            break
    assert all(one == found[0] for one in found[1:])
    assert processes == 2


def test_row_groups_have_about_100_mb_in_100_to_2048_rows() -> None:
    assert [_arrow_table.group_rows(size) for size in (3072, 400_000, 10**9)] == [2048, 250, 100]


def test_without_pyarrow_one_line_says_what_to_install(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"pip install 'augtool\[parquet\]'"):
        make("mixed.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["photos.h5"]


def test_numbers_that_a_table_does_not_have_are_refused() -> None:
    fields = (Field("images", "<c8", (4,)), Field("label", "<i8", ()))
    with pytest.raises(UsageError, match=r"complex64; use --format hdf5"):
        chunk_rows(Order(Path("mixed.parquet"), fields, (0, 3), {}, encode="npy"))


def test_a_file_that_cannot_grow_ends_the_run_in_one_line_and_keeps_what_was_made(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 100_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    opened = Path.open

    def full(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        return Full() if path.name == "output" else opened(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(augtool.errors.OutputError, match=r"\(No space left on device\); free some"):
        make("mixed.parquet", copies=3)
    left = {".mixed.parquet.augtool", "photos.h5"}
    assert {path.name for path in tmp_path.iterdir()} == left
    monkeypatch.undo()
    resumed, summary = make("mixed.parquet", copies=3, resume=True)
    whole, _ = make("whole.parquet", copies=3)
    assert summary.kept > 0
    assert resumed.read_bytes() == whole.read_bytes()
    assert not (tmp_path / ".mixed.parquet.augtool").exists()
