"""NumPy, h5py and pyarrow."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

import augtool

Make = Callable[..., Path]


def test_h5py_reads_arrays_and_class_names(make: Make, mixed: augtool.Output) -> None:
    with h5py.File(make("mixed.h5")) as file:
        assert file["images"].chunks is None
        assert np.array_equal(file["images"][7], mixed.images[7])
        assert np.allclose(file["labels"][:].sum(1), 1)
        assert file.attrs["class_names"] == '["airplane", "bird", "ship", "truck"]'


def test_npy_files_are_mapped_and_not_read(make: Make, mixed: augtool.Output) -> None:
    folder = make("arrays", format="npy")
    x = np.load(folder / "x_train.npy", mmap_mode="r", allow_pickle=False)
    y = np.load(folder / "y_train.npy", mmap_mode="r", allow_pickle=False)
    assert isinstance(x, np.memmap)
    assert np.array_equal(x, mixed.images)
    assert np.array_equal(y, mixed.labels)


def test_npz_is_a_dictionary_of_arrays(make: Make, mixed: augtool.Output) -> None:
    with np.load(make("mixed.npz"), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["x"], mixed.images)
        assert np.array_equal(arrays["y"], mixed.labels)


def test_pyarrow_reads_pictures_and_fixed_size_lists(make: Make, mixed: augtool.Output) -> None:
    table = pq.read_table(make("mixed.parquet"))
    first = table.column("image")[0].as_py()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(first["bytes"]))), mixed.images[0])
    assert table.schema.field("labels").type.list_size == 4
    labels = np.stack(table.column("labels").to_numpy())
    assert np.array_equal(labels, mixed.labels)
