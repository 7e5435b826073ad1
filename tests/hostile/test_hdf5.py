"""Crafted HDF5 files: what leads out of the file or needs a program is refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from augtool.errors import AugtoolError
from augtool.recipe.recipe import Reading
from augtool.sources import _hdf5_find, hdf5
from augtool.system.child import isolated

IMAGES = np.arange(6 * 9 * 14 * 3, dtype=np.uint8).reshape(6, 9, 14, 3)
LABELS = np.arange(6) % 2
Make = Callable[[h5py.File], Any]


def packed_by(file: h5py.File, code: int) -> None:
    """Images in chunks that the filter ``code`` has packed."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((1, 9, 14, 3))
    plist.set_filter(code, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple(IMAGES.shape)
    made = h5py.h5d.create(file.id, b"images", h5py.h5t.NATIVE_UINT8, space, plist)
    h5py.Dataset(made).id.write_direct_chunk((0, 0, 0, 0), b"x" * 378)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(IMAGES.shape, "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "images", IMAGES.shape)
    file.create_virtual_dataset("images", layout)


def regions(file: h5py.File) -> None:
    file["x"] = IMAGES
    file.create_dataset("labels", (6,), h5py.regionref_dtype)[0] = file["x"].regionref[0]
    file["images"] = file["x"]


def objects(file: h5py.File) -> None:
    file.create_dataset("images", (6,), h5py.ref_dtype)


def lists(file: h5py.File) -> None:
    file.create_dataset("images", (6,), h5py.vlen_dtype(np.uint8))[0] = np.zeros(3, np.uint8)


def growing_link(file: h5py.File) -> None:
    file["a"] = h5py.SoftLink("/a/a/a/a/a/a/a/a")
    file["images"] = h5py.SoftLink("/a")


def external_group(file: h5py.File) -> None:
    file["in"] = h5py.ExternalLink("/etc/passwd", "/")
    file["images"] = h5py.SoftLink("/in/images")


def external_bytes(file: h5py.File) -> None:
    file.create_dataset("images", IMAGES.shape, "u1", external=[("/etc/passwd", 0, IMAGES.nbytes)])


def terabytes(file: h5py.File) -> None:
    made = file.create_dataset("images", (6, 1 << 16, 1 << 16, 3), "u1", chunks=(1, 99, 99, 3))
    made[0, 0, 0] = 1


def one_chunk(file: h5py.File) -> None:
    made = file.create_dataset("images", (6, 1 << 14, 1 << 14, 3), "u1",
                               chunks=(6, 1 << 14, 1 << 14, 3))  # fmt: skip
    made.id.write_direct_chunk((0, 0, 0, 0), b"x")


CASES: dict[str, tuple[Make, str]] = {
    "optional": (lambda file: packed_by(file, 32099), "packed by filter 32099"),
    "virtual": (virtual, "is a virtual data set"),
    "regions": (regions, "labels is objects"),
    "objects": (objects, "images is objects"),
    "lists": (lists, "images is objects"),
    "growing": (growing_link, "leads in a circle"),
    "external-group": (external_group, "lies behind an external link to /etc/passwd"),
    "external-bytes": (external_bytes, "external storage"),
    "terabytes": (terabytes, "more than 1,073,741,824; if it is meant, raise --max-unpacked"),
    "one-chunk": (one_chunk, "more than 268,435,456; if it is meant, raise --max-unpacked"),
}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def made(path: Path, make: Make) -> Path:
    with h5py.File(path, "w") as file:
        make(file)
        if "labels" not in file:
            file["labels"] = LABELS
    return path


@pytest.mark.parametrize("name", CASES)
def test_what_a_crafted_file_does_is_refused_by_name(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(hdf5, "isolated", lambda function, *args: function(*args))
    make, words = CASES[name]
    path = made(tmp_path / "a.h5", make)
    with pytest.raises(AugtoolError) as caught:
        hdf5.open(str(path), Reading(), scratch)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()


def test_a_filter_is_looked_for_nowhere(
    tmp_path: Path, augtool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins").mkdir()
    os.mkfifo(tmp_path / "plugins" / "libowned.so")  # to load it would block for ever
    made(tmp_path / "a.h5", CASES["optional"][0])
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(tmp_path / "plugins")}
    ended = augtool("cutmix", "--in", "a.h5", "--out", "m.h5", env=environment)
    assert ended.code == 1
    assert "packed by filter 32099" in ended.said
    paths = [h5py.h5pl.get(at) for at in range(h5py.h5pl.size())]
    try:
        _hdf5_find.load_no_filters()
        assert h5py.h5pl.size() == 0
    finally:
        for path in paths:
            h5py.h5pl.append(path)


LOOKER = """
from pathlib import Path
from augtool.errors import AugtoolError
from augtool.recipe.recipe import Reading
from augtool.sources import _hdf5_child

def lines(spec, lengths, scratch):
    whole, said = Path(spec).read_bytes(), []
    for length in lengths:
        path = Path(scratch) / f"{length}.h5"
        path.write_bytes(whole[:length])
        try:
            _hdf5_child.found(str(path), Reading(), Path(scratch))
        except AugtoolError as error:
            said.append(str(error))
        path.unlink()
    return said
"""


@pytest.mark.parametrize("packing", [{}, {"chunks": (2, 9, 14, 3), "compression": 1}])
def test_cut_at_any_length_it_is_refused_in_one_line(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, packing: dict[str, Any]
) -> None:
    (tmp_path / "cut_looker.py").write_text(LOOKER)
    monkeypatch.syspath_prepend(tmp_path)
    import cut_looker  # type: ignore[import-not-found]

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("labels", data=LABELS)
        file.create_dataset("images", data=IMAGES, **packing)
    size = (tmp_path / "a.h5").stat().st_size
    lengths = range(9, size, 37)
    said = isolated(cut_looker.lines, str(tmp_path / "a.h5"), lengths, str(scratch))
    assert len(said) == len(lengths)
    assert all(line.isprintable() for line in said)
