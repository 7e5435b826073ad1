"""The npy sink: arrays that NumPy maps, by the names that people look for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augtool.errors import OutputError, UsageError
from augtool.fields import Field
from augtool.pipeline.summary import Summary
from augtool.recipe.recipe import Reading
from augtool.sinks import _positional_writer
from augtool.sinks._contract import Order
from augtool.sinks.npy import lay_out

Make = Callable[..., tuple[Path, Summary]]
PLAN = {"src", "weight", "cutmix_box", "cutmix_lam"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, {"x_train", "y_train", "label"}),
        ({"labels_as": "sparse"}, {"x_train", "classes", "label"}),
        (
            {"reading": Reading(label_key=("labels", "age"), mask_key="ids")},
            {"x_train", "masks", "y_train_labels", "label_labels", "y_train_age"},
        ),
    ],
    ids=["plain", "sparse", "two targets and masks"],
)
def test_each_field_is_a_file_that_can_be_mapped(
    make: Make, given: dict[str, Any], names: set[str]
) -> None:
    folder, _ = make("out", format="npy", **given)
    files = {path.stem: path for path in folder.glob("*.npy")}
    assert set(files) == names | PLAN
    assert {path.name for path in folder.iterdir()} - {path.name for path in files.values()} == {
        ".augtool"
    }
    for path in files.values():
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        assert len(mapped) == 330
        assert mapped.offset % 64 == 0
        assert mapped.offset + mapped.nbytes == path.stat().st_size
        with path.open("rb") as file:
            assert np.lib.format.read_magic(file) == (1, 0)


def test_images_have_their_channels_first_on_request(make: Make) -> None:
    folder, _ = make("out", format="npy")
    other, _ = make("other", format="npy", out_layout="NCHW")
    last, first = (np.load(one / "x_train.npy") for one in (folder, other))
    assert first.shape == (330, 3, 9, 14)
    assert np.array_equal(first.transpose(0, 2, 3, 1), last)


def order(path: Path) -> Order:
    path.mkdir()
    return Order(path, (Field("images", "|u1", (40, 60, 3)),), (0, 1000), {})


def test_the_space_is_reserved_when_the_files_are_laid_out(tmp_path: Path) -> None:
    lay_out(order(tmp_path / "out"))
    assert (tmp_path / "out" / "x_train.npy").stat().st_blocks * 512 >= 1000 * 40 * 60 * 3


def test_too_little_space_is_said_before_there_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _positional_writer.shutil, "disk_usage", lambda _: type("", (), {"free": 5})()
    )
    with pytest.raises(OutputError, match="needs 7,200,000 bytes and 5 are free"):
        lay_out(order(tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())


def test_a_file_is_no_folder(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file, where a folder is to be"):
        make("out", format="npy")
