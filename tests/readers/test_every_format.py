"""One source in every format, and each format read by its own readers: the same rows to the last
bit as the HDF5 file has.

``AUGTOOL_DATA=/path/to/folder`` takes an image folder, or any other input, in place of noise.
"""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import augtool
from augtool.job import Job
from augtool.pipeline.merge import merge
from augtool.recipe.recipe import Recipe, step

Rows = dict[str, Any]  # images (m, H, W, C), labels (m, K), label (m,), and perhaps keys (m,)
FORMS: dict[str, dict[str, Any]] = {
    "gz.h5": {"compression": "gzip"},
    "h5-shards": {"format": "hdf5", "shards": 3},
    "mixed.tar": {"encode": "png"},
    "tar-shards": {"format": "tar", "shards": 3, "encode": "png"},
    "npy.tar": {"encode": "npy"},
    "mixed.parquet": {"encode": "png"},
    "table": {"format": "parquet", "shards": 3, "encode": "png"},
    "folder": {"format": "folder", "encode": "png"},
    "arrays": {"format": "npy"},
    "mixed.npz": {},
}


@pytest.fixture(scope="module")
def data(source: Path) -> str:
    return os.environ.get("AUGTOOL_DATA", str(source))


@pytest.fixture(scope="module")
def made(data: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """An output of the one recipe, by the name of its form."""
    place = tmp_path_factory.mktemp("formats")

    def run(name: str) -> Path:
        path = place / name
        if not path.exists():
            job = Job(data, str(path), Recipe((step("cutmix"),)), **FORMS.get(name, {}))
            augtool.run(job)
        return path

    return run


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def expected(made: Callable[[str], Path]) -> Rows:
    """The rows of the HDF5 file, by h5py."""
    return by_h5py(made("mixed.h5"))


def by_h5py(*paths: Path) -> Rows:
    parts = []
    for path in paths:
        with h5py.File(path) as file:
            parts.append({name: file[name][:] for name in ("images", "labels", "label")})
    return joined(parts)


def by_numpy(folder: Path) -> Rows:
    def one(name: str) -> Any:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    return {"images": one("x_train"), "labels": one("y_train"), "label": one("label")}


def by_numpy_npz(path: Path) -> Rows:
    with np.load(path, allow_pickle=False) as file:
        return {"images": file["x"], "labels": file["y"], "label": file["label"]}


def by_pyarrow(*paths: Path) -> Rows:
    parts = []
    for path in paths:
        table = pq.read_table(path)
        pictures = (one["bytes"] for one in table.column("image").to_pylist())
        labels = table.column("labels").combine_chunks()
        parts.append(
            {
                "images": np.stack([picture(one) for one in pictures]),
                "labels": labels.flatten().to_numpy().reshape(len(table), -1),
                "label": table.column("label").to_numpy(),
            }
        )
    return joined(parts)


def by_pillow(folder: Path) -> Rows:
    """An image folder and the table beside it, joined by file name."""
    table = pq.read_table(folder / "train" / "metadata.parquet").to_pydict()
    names = table["file_name"]
    return {
        "images": np.stack([np.asarray(Image.open(folder / "train" / name)) for name in names]),
        "labels": np.array(table["labels"], np.float32),
        "label": np.array(table["label"]),
        "keys": np.array([int(Path(name).stem) for name in names]),
    }


def by_webdataset(urls: Any) -> Rows:
    import webdataset as wds

    rows = wds.WebDataset(urls, shardshuffle=False).decode("rgb8")
    return from_samples((one["__key__"], one, one["cls"]) for one in rows)


def from_samples(samples: Iterator[tuple[str, Any, int]]) -> Rows:
    found = [
        (int(key), np.asarray(one["png" if "png" in one else "npy"], np.uint8), soft, label)
        for key, one, label in samples
        for soft in [np.asarray(one["soft.npy"], np.float32)]
    ]
    keys, images, labels, label = zip(*found, strict=True)
    return {
        "images": np.stack(images),
        "labels": np.stack(labels),
        "label": np.array(label),
        "keys": np.array(keys),
    }


def by_datasets(
    path: Path, *arguments: str, image: str = "image", soft: str = "labels", **given: Any
) -> Rows:
    import datasets

    datasets.disable_progress_bars()
    cache = str(path.parent / "cache")
    found = datasets.load_dataset(
        *arguments or (str(path),), **given, split="train", cache_dir=cache
    )
    label = "cls" if "cls" in found.column_names else "label"
    return {
        "images": np.stack([np.asarray(one[image], np.uint8) for one in found]),
        "labels": np.array(found[soft], np.float32),
        "label": np.array(found[label]),
    }


def picture(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


def joined(parts: list[Rows]) -> Rows:
    return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}


def same(found: Rows, expected: Rows) -> None:
    """Bit for bit; in the order of keys where a format has them."""
    order = np.argsort(found.pop("keys")) if "keys" in found else slice(None)
    for name in found:
        values = found[name][order]
        assert values.dtype == expected[name].dtype, name
        assert values.shape == expected[name].shape, name
        assert values.tobytes() == expected[name].tobytes(), name


def shards(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    assert len(found) == 3
    return found


def urls(folder: Path) -> str:
    return f"{folder}/train-{{000000..000002}}.tar"


READERS: dict[tuple[str, str], Callable[[Path], Rows]] = {
    ("gz.h5", "h5py"): by_h5py,
    ("h5-shards", "h5py"): lambda path: by_h5py(*shards(path, "*.h5")),
    ("mixed.h5", "datasets"): lambda path: by_datasets(
        path, "hdf5", data_files=str(path), image="images"
    ),
    ("h5-shards", "datasets"): lambda path: by_datasets(path, image="images"),
    ("mixed.tar", "webdataset"): lambda path: by_webdataset(str(path)),
    ("tar-shards", "webdataset"): lambda path: by_webdataset(urls(path)),
    ("npy.tar", "webdataset"): lambda path: by_webdataset(str(path)),
    ("tar-shards", "datasets"): lambda path: by_datasets(path, image="png", soft="soft.npy"),
    ("mixed.parquet", "pyarrow"): by_pyarrow,
    ("table", "pyarrow"): lambda path: by_pyarrow(*shards(path, "data/*.parquet")),
    ("table", "datasets"): by_datasets,
    ("folder", "pillow"): by_pillow,
    ("arrays", "numpy"): by_numpy,
    ("mixed.npz", "numpy"): by_numpy_npz,
}


@pytest.mark.parametrize(("form", "reader"), READERS, ids=[f"{a}-{b}" for a, b in READERS])
def test_a_reader_finds_the_rows_of_the_hdf5_file(
    form: str, reader: str, made: Callable[[str], Path], expected: Rows, offline: None
) -> None:
    same(READERS[form, reader](made(form)), expected)


def test_an_image_folder_has_the_same_rows_for_datasets_in_another_order(
    made: Callable[[str], Path], expected: Rows, offline: None
) -> None:
    found = by_datasets(made("folder"))
    rows = [
        zip(*(map(as_bytes, one[name]) for name in found), strict=True) for one in (found, expected)
    ]
    assert sorted(rows[0]) == sorted(rows[1])


def as_bytes(value: Any) -> bytes:
    return bytes(np.ascontiguousarray(value).data)


def test_shards_merge_into_the_file(made: Callable[[str], Path], tmp_path: Path) -> None:
    merge([str(made("h5-shards"))], str(tmp_path / "one.h5"))
    assert (tmp_path / "one.h5").read_bytes() == made("mixed.h5").read_bytes()


def test_a_stream_is_the_file(data: str, command: str, source: Path, expected: Rows) -> None:
    run = command.replace(shlex.quote(str(source)), shlex.quote(data))
    same(by_webdataset(f"pipe:{run} --encode png"), expected)
