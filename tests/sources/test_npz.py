"""npz files: arrays of any rank by their usual names; nothing pickled, nothing trusted."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augtool
from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 9, 14, 3), dtype=np.uint8)
LABELS = np.arange(40) % 3


def opened(path: Path, **reading: Any) -> Any:
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return open_source(str(path), Reading(**reading), scratch)


def read(source: Any) -> np.ndarray:
    out = np.empty((source.n, *source.shape), source.dtype)
    source.read(np.arange(source.n), out)
    return out


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train"), ("images", "labels")])
def test_usual_names_are_found(tmp_path: Path, save: Any, names: tuple[str, str]) -> None:
    save(tmp_path / "a.npz", **dict(zip(names, (PIXELS, LABELS), strict=True)))
    source = opened(tmp_path / "a.npz")
    assert np.array_equal(read(source), PIXELS)
    assert np.array_equal(source.targets[0].values, LABELS)
    assert source.pixels is not None


def test_other_names_are_given(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", photos=PIXELS, kind=LABELS)
    source = opened(tmp_path / "a.npz", image_key="photos", label_key="kind")
    assert np.array_equal(read(source), PIXELS)
    with pytest.raises(UsageError, match="did you mean 'photos'"):
        opened(tmp_path / "a.npz", image_key="photo", label_key="kind")
    with pytest.raises(UsageError, match="name two of photos, kind"):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "<f4", ">f8"])
def test_axes_and_byte_orders_are_brought_to_ours(tmp_path: Path, dtype: str) -> None:
    pixels = PIXELS.astype(dtype)
    np.savez(tmp_path / "a.npz", x=pixels.transpose(0, 3, 1, 2), y=LABELS)
    source = opened(tmp_path / "a.npz")
    assert source.dtype.isnative
    assert np.array_equal(read(source), pixels)


@pytest.mark.parametrize("shape", [(60, 54), (60, 1600), (60, 20, 31)])
def test_tables_and_sound_are_blended(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=values, y=np.arange(60) % 4)
    recipe = augtool.Recipe((augtool.step("mixup", alpha=1.0),))
    output = str(tmp_path / "o.h5")
    augtool.run(augtool.Job(str(tmp_path / "a.npz"), output, recipe, workers=0))
    made = augtool.open(output)
    src, weight = np.array(made.field("src")), np.array(made.field("weight"), np.float64)
    wide = weight.reshape(60, 2, *[1] * (len(shape) - 1))
    expected = wide[:, 0] * values[src[:, 0]] + wide[:, 1] * values[src[:, 1]]
    assert made.images.shape == shape
    assert np.allclose(made.images, expected, atol=1e-6)


def test_broken_and_hostile_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object), y=LABELS)
    with pytest.raises(SourceError, match="never loaded"):
        opened(tmp_path / "objects.npz")
    np.savez(tmp_path / "lengths.npz", x=PIXELS, y=LABELS[:7])
    with pytest.raises(SourceError, match="x has 40 rows, y has 7"):
        opened(tmp_path / "lengths.npz")
    np.savez(tmp_path / "kinds.npz", x=PIXELS.astype(np.int32), y=LABELS)
    with pytest.raises(UsageError, match="x is int32"):
        opened(tmp_path / "kinds.npz")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as file:
        with file.open("x.npy", "w") as member:
            header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 99, 99, 3)}
            np.lib.format.write_array_header_1_0(member, header)
        with file.open("y.npy", "w") as member:
            np.lib.format.write_array(member, LABELS)
    with pytest.raises(SourceError, match="damaged"):
        opened(tmp_path / "bomb.npz")
    np.savez(tmp_path / "whole.npz", x=PIXELS, y=LABELS)
    data = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match="cut short"):
        opened(tmp_path / "cut.npz")
