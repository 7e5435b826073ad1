"""Reading an output: a sequence of images and soft labels."""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.errors import SourceError, UsageError
from augtool.job import Job
from augtool.outputs import output as outputs
from augtool.recipe.recipe import Reading, Recipe, step


@pytest.fixture(params=[None, "gzip"])
def made(request: pytest.FixtureRequest, owners: Any, job: Any) -> str:
    one = job(owners(n=70), compression=request.param)
    augtool.run(one)
    return str(one.output)


def test_an_output_is_a_sequence_of_pairs(made: str) -> None:
    with augtool.open(made) as output, h5py.File(made) as file:
        assert len(output) == 70
        image, label = output[-1]
        assert np.array_equal(image, file["images"][-1])
        assert np.array_equal(label, file["labels"][-1])
        images, labels = output[10:20]
        assert np.array_equal(images, file["images"][10:20])
        assert np.array_equal(labels, file["labels"][10:20])
        assert sum(1 for _ in output) == 70
        with pytest.raises(IndexError, match="70"):
            output[70]


def test_it_has_every_field_and_its_recipe(made: str) -> None:
    with augtool.open(made) as output:
        assert output.fields[:2] == ("images", "labels")
        assert {"label", "src", "weight", "cutmix_box", "cutmix_lam"} < set(output.fields)
        assert output.field("src").shape == (70, 2)
        assert output.recipe.steps[0].method == "cutmix"
        assert output.class_names is None
        with pytest.raises(KeyError):
            output.field("nonsense")


def test_it_survives_pickling_and_other_processes(made: str) -> None:
    output = augtool.open(made)
    first = output[0][0]
    assert np.array_equal(pickle.loads(pickle.dumps(output))[0][0], first)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(output.__getitem__, (0,))[0], first)


def test_class_names_come_along(job: Any) -> None:
    one = job("sample:?n=40&size=8&classes=3")
    augtool.run(one)
    assert augtool.open(one.output).class_names == ("circle", "square", "triangle")


def test_several_targets_and_masks_are_found_by_name(tmp_path: Path) -> None:
    masks = np.arange(30, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(9, 2)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["masks"] = np.zeros((30, 6, 9, 3), np.uint8), masks
        file["shape"], file["color"] = np.arange(30) % 4, np.linspace(0, 1, 30)
    recipe = Recipe((step("cutmix"),), reading=Reading(label_key=("shape", "color")))
    augtool.run(Job(str(tmp_path / "in.h5"), str(tmp_path / "out.h5"), recipe, workers=0))
    with augtool.open(tmp_path / "out.h5") as output, h5py.File(tmp_path / "out.h5") as file:
        assert output.targets == ("shape", "color")  # as they were asked for, not by name
        assert output.fields[:4] == ("images", "masks", "labels_shape", "labels_color")
        assert [output.kind_of(one) for one in output.targets] == ["classes", "values"]
        assert np.array_equal(output.labels, file["labels_shape"])
        assert np.array_equal(output.labels_of("color"), file["labels_color"])
        assert np.array_equal(output[-1][1], file["labels_shape"][-1])
        assert np.array_equal(output.masks, file["masks"])
        with pytest.raises(KeyError):
            output.labels_of("size")


def test_an_output_of_one_target_has_one_without_a_name(made: str) -> None:
    with augtool.open(made) as output:
        assert (output.targets, output.masks) == (("",), None)
        assert np.array_equal(output.labels_of(""), output.labels)
        assert output.kind_of("") == "classes"


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        augtool.open(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(SourceError, match="cannot be read"):
        augtool.open(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["images"] = [1]
    with pytest.raises(SourceError, match="not made by augtool"):
        augtool.open(tmp_path / "other.h5")


def test_a_file_that_crashes_its_library_is_tried_in_a_child_process_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crash_helper.py").write_text("import os\ndef crash(path): os.abort()\n")
    monkeypatch.syspath_prepend(tmp_path)
    crash = importlib.import_module("crash_helper").crash
    monkeypatch.setattr(outputs, "_open_and_close", crash)
    path = tmp_path / "a.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(SourceError, match="crashed") as caught:
        outputs.looked_at(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert not outputs.is_output(str(path))


def test_an_hdf5_file_that_leads_elsewhere_is_no_output(tmp_path: Path, made: str) -> None:
    def linked(file: h5py.File) -> None:
        del file["src"]
        file["src"] = h5py.ExternalLink("/etc/passwd", "/src")

    def virtual(file: h5py.File) -> None:
        rows, shape = len(file["src"]), file["src"].shape
        del file["src"]
        layout = h5py.VirtualLayout(shape, "i8")
        layout[:rows] = h5py.VirtualSource("/etc/passwd", "src", shape)
        file.create_virtual_dataset("src", layout)

    def outside(file: h5py.File) -> None:
        shape = file["src"].shape
        del file["src"]
        file.create_dataset("src", shape, "i8", external=[("/etc/passwd", 0, 1 << 20)])

    for change in (linked, virtual, outside):
        copy = tmp_path / f"{change.__name__}.h5"
        copy.write_bytes(Path(made).read_bytes())
        outputs.open(copy).close()
        with h5py.File(copy, "a") as file:
            change(file)
        with pytest.raises(SourceError, match=r"src.* not made by augtool"):
            outputs.open(copy)
