"""Files of arrays for the tests of sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from augtool.recipe.recipe import Reading
from augtool.sources import _tables, hdf5, npz, parquet

Opened = Callable[..., Any]


def written(path: Path, sets: dict[str, Any], attrs: dict[str, Any], **options: Any) -> None:
    with h5py.File(path, "w") as file:
        for name, value in sets.items():
            file.create_dataset(name, data=value, **options)
        file.attrs.update(attrs)


@pytest.fixture(params=["hdf5", "chunked hdf5", "npz"])
def arrays(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Opened:
    """Opens arrays from a file of each format: ``arrays({"images": …}, label_key=("y",))``."""
    monkeypatch.setattr(hdf5, "isolated", lambda function, *args: function(*args))
    (tmp_path / "scratch").mkdir(exist_ok=True)

    def opened(sets: dict[str, Any], **reading: Any) -> Any:
        if request.param == "npz":
            np.savez(tmp_path / "a.npz", **sets)
            return npz.open(str(tmp_path / "a.npz"), Reading(**reading), tmp_path / "scratch")
        chunks = {"chunks": True, "compression": 1} if "chunked" in request.param else {}
        texts = {key: as_objects(value) for key, value in sets.items()}
        written(tmp_path / "a.h5", texts, {}, **chunks)
        return hdf5.open(str(tmp_path / "a.h5"), Reading(**reading), tmp_path / "scratch")

    return opened


def as_objects(value: Any) -> Any:
    """Text as h5py takes it."""
    value = np.asarray(value)
    return value.astype(object) if value.dtype.kind == "U" else value


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet is read in this process: others take their time to load the library."""
    for module in (parquet, _tables):
        monkeypatch.setattr(module, "isolated", lambda function, *args: function(*args))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens an HDF5 file that says of itself that augtool made it."""
    monkeypatch.setattr(hdf5, "isolated", lambda function, *args: function(*args))
    (tmp_path / "scratch").mkdir(exist_ok=True)

    def opened(sets: dict[str, Any], attrs: dict[str, Any], **reading: Any) -> Any:
        written(tmp_path / "own.h5", sets, {"schema_version": 1, "layout": "NHWC", **attrs})
        return hdf5.open(str(tmp_path / "own.h5"), Reading(**reading), tmp_path / "scratch")

    return opened
