"""Rows made again from a stored plan: the same bytes, without a draw; damaged plans are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool import rng
from augtool.errors import SourceError, UsageError
from augtool.job import Job
from augtool.pipeline.render_job import render_job
from augtool.pipeline.summary import Summary
from augtool.recipe.recipe import Choice, Recipe, Step, one_of, step
from augtool.recipe.sampling import Sampling

N, SIZE = 150, (9, 14)
CHAINS: dict[str, tuple[Step | Choice, ...]] = {
    "one": (step("cutmix", prob=0.7),),
    "four": (step("mosaic"),),
    "looks": (step("cutmix"), step("saliencymix", prob=0.5), step("flip")),
    "choice": (one_of((0.5, step("cutmix")), (0.3, step("mixup")), (0.2, None)),),
    "twice": (step("flip"), step("cutmix"), step("shift"), step("fmix"), step("erase")),
    "rest": (step("gridmask"), step("rotate"), step("jigsaw"), step("smoothmix"), step("crop")),
    "holes": (step("cutout", holes=2), step("resizemix"), step("cutmix", num_mix=2)),
}
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that these tests make kill nobody, and a process for each would take long."""
    if "cli" not in request.fixturenames:
        monkeypatch.setattr(
            "augtool.outputs.stored_plan.isolated", lambda function, *args: function(*args)
        )


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plan") / "in.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(0).integers(0, 256, (N, *SIZE, 3), np.uint8)
        file["labels"] = np.arange(N) % 3
    return str(path)


def made(arrays: str, path: Path, *steps: Step | Choice, **given: Any) -> Path:
    augtool.run(Job(arrays, str(path), Recipe(steps, block_rows=32, **given), workers=0))
    return path


def again(plan: Path, arrays: str, output: Path, **given: Any) -> Summary:
    job = render_job(str(plan), [arrays], str(output), **{"workers": 0, **given})
    return augtool.run(job)


@pytest.mark.parametrize("cut", [{}, {"num": 71, "keep_originals": True}])
@pytest.mark.parametrize("name", CHAINS)
def test_a_plan_makes_the_bytes_of_its_run(
    name: str, cut: dict[str, Any], arrays: str, tmp_path: Path
) -> None:
    """Also where partners are rows that were cut off."""
    first = made(arrays, tmp_path / "a.h5", *CHAINS[name], label_smoothing=0.1, **cut)
    again(first, arrays, tmp_path / "b.h5")
    assert (tmp_path / "b.h5").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("given", [{"order": "source"}, {"sampling": Sampling(holdout=0.3)}])
def test_rows_in_source_order_and_those_held_out_are_made_again(
    given: dict[str, Any], arrays: str, tmp_path: Path
) -> None:
    recipe = {"copies": 2, "label_smoothing": 0.1, **given}
    made(arrays, tmp_path / "a.h5", *CHAINS["one"], **recipe)
    for path in tmp_path.glob("a*.h5"):
        again(path, arrays, tmp_path / f"again-{path.name}")
        assert (tmp_path / f"again-{path.name}").read_bytes() == path.read_bytes()
    assert len(list(tmp_path.iterdir())) == (4 if "sampling" in given else 2)


def test_any_format_and_number_of_workers_does(arrays: str, tmp_path: Path) -> None:
    first = made(arrays, tmp_path / "a.h5", *CHAINS["twice"])
    again(first, arrays, tmp_path / "t", format="tar", shards=3, encode="png")
    again(tmp_path / "t", arrays, tmp_path / "n", format="npy")
    again(tmp_path / "n", arrays, tmp_path / "b.h5", workers=2)
    assert (tmp_path / "b.h5").read_bytes() == first.read_bytes()


def test_nothing_is_drawn(arrays: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what another version has drawn stays what it is."""
    first = made(arrays, tmp_path / "a.h5", *CHAINS["twice"], *CHAINS["choice"])
    monkeypatch.setattr(rng, "stream", lambda *_given: pytest.fail("not this one"))
    again(first, arrays, tmp_path / "b.h5")
    assert (tmp_path / "b.h5").read_bytes() == first.read_bytes()


def test_an_edited_plan_is_what_counts(arrays: str, tmp_path: Path) -> None:
    first = made(arrays, tmp_path / "a.h5", step("cutmix"))
    with h5py.File(first, "r+") as file:
        file["cutmix_box"][5] = [0, 0, *SIZE]
        file["weight"][5] = [0, 1]
        partner = int(file["src"][5, 1])
    again(first, arrays, tmp_path / "b.h5")
    with augtool.open(tmp_path / "b.h5") as output, h5py.File(arrays) as source:
        assert np.array_equal(output[5][0], source["images"][partner])
        assert output.field("weight")[5].tolist() == [0, 1]


DAMAGE: dict[str, tuple[str, Any, str]] = {
    "a source that is not there": ("src", N, "src of row 7 .* the source has rows 0…149"),
    "no base": ("src", -1, "src of row 7"),
    "a box beyond the image": ("cutmix_box", 1 << 20, "cutmix_box of row 7 is .* 9×14×3"),
    "a negative box": ("cutmix_box", -9, "cutmix_box of row 7"),
    "no number": ("mixup_lam", np.nan, "mixup_lam of row 7"),
    "a share of two": ("mixup_lam", 2, "mixup_lam of row 7"),
    "an option that is not there": ("choice_option", 2, "choice_option of row 7"),
    "a partner that is not there": ("erase_box", 77, "erase_box of row 7"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_values_that_no_plan_can_have_are_refused_by_name(
    name: str, arrays: str, tmp_path: Path
) -> None:
    choice = one_of((0.5, step("cutmix")), (0.5, step("mixup")))
    first = made(arrays, tmp_path / "a.h5", choice, step("erase"))
    field, value, words = DAMAGE[name]
    with h5py.File(first, "r+") as file:
        file[field][7] = value
    with pytest.raises(SourceError, match=words):
        again(first, arrays, tmp_path / "b.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_partners_beyond_the_last_pass_are_refused(arrays: str, tmp_path: Path) -> None:
    first = made(arrays, tmp_path / "a.h5", step("cutmix"), step("mixup"))
    with h5py.File(first, "r+") as file:
        file["mixup_partner"][7] = N
    with pytest.raises(SourceError, match=r"mixup_partner of row 7 is .*150 rows"):
        again(first, arrays, tmp_path / "b.h5")


def test_what_is_no_whole_plan_of_this_source_is_refused(arrays: str, tmp_path: Path) -> None:
    first = made(arrays, tmp_path / "a.h5", step("cutmix"))
    shards = Job(arrays, str(tmp_path / "s"), augtool.open(first).recipe, format="h5", shards=2)
    augtool.run(replace(shards, workers=0))
    with pytest.raises(UsageError, match="75 rows of the 150"):
        again(tmp_path / "s" / "train-00000-of-00002.h5", arrays, tmp_path / "b.h5")
    other = str(tmp_path / "other.h5")
    with h5py.File(arrays) as file, h5py.File(other, "w") as copy:
        copy["images"], copy["labels"] = file["images"][:140], file["labels"][:140]
    with pytest.raises(UsageError, match="that had 150 rows, and --in has 140"):
        again(first, other, tmp_path / "b.h5")
    with pytest.raises(SourceError, match=r"src of row \d+"):
        again(first, other, tmp_path / "b.h5", other_source=True)
    with pytest.raises(UsageError, match="reads it; choose another --out"):
        again(first, arrays, first, overwrite=True)
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(UsageError, match="no regular file"):
        again(tmp_path / "pipe.h5", arrays, tmp_path / "b.h5")
    (tmp_path / "text.h5").write_text("no plan")
    with pytest.raises(SourceError, match="text"):
        again(tmp_path / "text.h5", arrays, tmp_path / "b.h5")


STEPS = ("flip", "0.5 cutmix | 0.3 mixup | 0.2 none", "erase")


@pytest.fixture
def saved(cli: Cli, arrays: str, tmp_path: Path) -> Path:
    """A plan as CSV, beside the output that it makes."""
    asked = ("mix", *STEPS, "--in", arrays, "--seed", 3)
    assert cli("plan", *asked, "--out", tmp_path / "plan.csv")[0] == 0
    assert cli(*asked, "--out", tmp_path / "a.h5", "-q")[0] == 0
    return tmp_path / "plan.csv"


def test_a_saved_plan_makes_the_bytes_of_the_run(
    cli: Cli, saved: Path, arrays: str, tmp_path: Path
) -> None:
    assert cli("render", saved, "--in", arrays, "--out", tmp_path / "b.h5", "-q")[0] == 0
    assert (tmp_path / "b.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()


def test_a_saved_plan_that_was_damaged_is_refused_with_the_row(
    saved: Path, arrays: str, tmp_path: Path
) -> None:
    text = saved.read_text()
    lines = text.splitlines(keepends=True)
    name, place = "mixup_lam", lines[1].split(",").index("mixup_lam")

    def with_lam(value: str) -> str:
        cells = lines[9].split(",")
        return "".join([*lines[:9], ",".join([*cells[:place], value, *cells[place + 1 :]])])

    for damaged, words in (
        ("".join(lines[:-1]), "has 149 of the 150 rows"),
        ("".join([*lines, lines[-1]]), "has more rows"),
        ("".join(lines[1:]), "does not say what it is a plan of"),
        ("".join([*lines[:5], *lines[6:], lines[5]]), "line 6 is not row 3"),
        (text.replace(name, "mixup_lom"), "has no column mixup_lam"),
        (with_lam("nan") + "".join(lines[10:]), f"{name} of row 7 is nan"),
        (with_lam("x"), f"{name} of row 7 is no float32"),
        (text.replace('"total": 150', '"total": 151'), "save the whole plan"),
        (text.replace("{", "", 1), "cannot be read as a plan"),
        (text.replace('"measured": true', '"measured": false'), "looks at pixels"),
        ("\0" * 99, "does not say what it is a plan of"),
    ):
        saved.write_text(damaged)
        with pytest.raises((SourceError, UsageError), match=words):
            again(saved, arrays, tmp_path / "b.h5")


def test_every_cut_of_a_plan_is_one_line(cli: Cli, arrays: str, tmp_path: Path) -> None:
    first = made(arrays, tmp_path / "a.h5", step("cutmix"))
    data = first.read_bytes()
    for length in (0, 7, 600, len(data) // 2, len(data) - 1):
        first.write_bytes(data[:length])
        code, _, err = cli("render", first, "--in", arrays, "--out", tmp_path / "b.h5", "-q")
        assert (code, err.count("\n")) == (1, 1)
        assert "a.h5" in err
