"""``inspect`` on several targets, label images and unknown labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import h5py
import numpy as np
import pytest

Cli = Callable[..., tuple[int, str, str]]
TARGETS = ("--label-key", "color", "--label-key", "shape")


@pytest.fixture
def arrays(hdf5: Callable[..., str]) -> str:
    """40 rows with two targets and label images."""
    masks = np.zeros((40, 9, 14), np.uint8)
    masks[:, 2:6, 3:9] = (np.arange(40) % 3 + 1)[:, None, None]
    return hdf5("in", labels=None, masks=masks, color=np.arange(40) % 2, shape=np.arange(40) % 5)


@pytest.fixture
def made(cli: Cli, arrays: str) -> str:
    given = ("mix", "flip", "cutmix", "--in", arrays, *TARGETS, "--out", "m.h5", "-q")
    assert cli(*given)[0] == 0
    return "m.h5"


def printed(cli: Cli, *arguments: object) -> str:
    code, out, err = cli(*arguments)
    assert (code, err) == (0, "")
    return out


def test_the_mass_of_each_target_is_its_own(cli: Cli, made: str) -> None:
    found = json.loads(printed(cli, "inspect", made, "--json"))
    with h5py.File(made) as file:
        for field in ("labels_color", "labels_shape"):
            mass = list(found["label_mass"][field].values())
            assert mass == pytest.approx(file[field][:].sum(axis=0).tolist(), rel=1e-6)
    assert [one["name"] for one in found["fields"]][:4] == [
        "images",
        "masks",
        "labels_color",
        "labels_shape",
    ]
    out = printed(cli, "inspect", made)
    assert "\nlabel mass per class of color\n" in out
    assert "\nlabel mass per class of shape\n" in out


def test_a_row_has_its_labels_by_target_and_the_ids_of_its_mask(
    cli: Cli, made: str, arrays: str
) -> None:
    row = json.loads(printed(cli, "inspect", made, "--row", 7, "--in", arrays, "--json"))
    with h5py.File(made) as file:
        for field in ("labels_color", "labels_shape"):
            shares = {str(k): v for k, v in enumerate(file[field][7].tolist()) if v}
            assert row["labels"][field] == shares
        mask = file["masks"][7]
        assert row["masks"] == {str(one): float((mask == one).mean()) for one in np.unique(mask)}
    out = printed(cli, "inspect", made, "--row", 7)
    for heading in ("labels of color", "labels of shape", "masks (share of each id)"):
        assert f"\n{heading}\n" in out


def test_an_input_is_told_target_by_target(cli: Cli, arrays: str) -> None:
    found = json.loads(printed(cli, "inspect", arrays, *TARGETS, "--json"))
    assert found["targets"] == {"labels_color": "classes", "labels_shape": "classes"}
    assert list(found["images"]["labels_shape"].values()) == [8] * 5
    assert found["masks"] == "uint8"
    table = list(csv.reader(io.StringIO(printed(cli, "inspect", arrays, *TARGETS, "--list"))))
    assert table[0] == ["row", "label_color", "label_shape", "path"]
    assert [line[1:3] for line in table[1:4]] == [["0", "0"], ["1", "1"], ["0", "2"]]


def test_labels_that_are_not_known_count_for_no_class(cli: Cli, hdf5: Callable[..., str]) -> None:
    source = hdf5("in", labels=np.where(np.arange(40) < 10, -1, np.arange(40) % 3))
    given = ("--in", source, "--label-missing", -1, "--out", "m.h5", "-q")
    assert cli("flip", *given)[0] == 0
    mass = json.loads(printed(cli, "inspect", "m.h5", "--json"))["label_mass"]["labels"]
    assert mass == {"0": 10, "1": 10, "2": 10}
    listed = printed(cli, "inspect", source, "--label-missing", -1, "--list").splitlines()
    assert listed[1].startswith("0,nan,")


@pytest.mark.parametrize("option", ["--recipe", "--cite"])
def test_what_only_outputs_have_is_not_asked_of_inputs(
    refused: Callable[..., str], option: str
) -> None:
    assert refused("inspect", "sample:", option).startswith("sample:: is an input; --")
