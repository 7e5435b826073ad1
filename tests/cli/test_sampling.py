"""Choosing, drawing, pairing and holding out rows from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.errors import OutputExists
from augtool.pipeline import workdir

Cli = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
Hdf5 = Callable[..., str]


def contents(path: str) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: data_set[()] for name, data_set in file.items()}


def made(cli: Cli, source: object, *options: object, out: str = "m.h5") -> dict[str, np.ndarray]:
    code, _, err = cli("cutmix", "--in", source, "--out", out, *options)
    assert code == 0, err
    return contents(out)


@pytest.fixture
def uneven(hdf5: Hdf5) -> str:
    """90 rows of 60, 20, 8 and 2 of a class; each has a patient, a weight and a name."""
    rows = np.arange(90)
    return hdf5(
        images=np.random.default_rng(0).integers(0, 256, (90, 9, 14, 3), dtype=np.uint8),
        labels=np.repeat([0, 1, 2, 3], [60, 20, 8, 2]),
        patient=rows // 3,
        w=rows % 4,
        words=np.array([f"é{row}".encode() for row in rows]),
        place=np.stack([rows, -rows], axis=1).astype(">f8"),
    )


def test_classes_are_drawn_equally_often(cli: Cli, uneven: str) -> None:
    rows = made(cli, uneven, "--balance", "classes", "--copies", 2)
    classes = np.repeat([0, 1, 2, 3], [60, 20, 8, 2])
    assert np.array_equal(np.bincount(classes[rows["src"][:, 0]]), [45, 45, 45, 45])
    assert np.array_equal(np.bincount(classes[rows["src"][:, 1]]), [45, 45, 45, 45])
    assert (rows["src"][:, 0] != rows["src"][:, 1]).all()


def test_rows_are_drawn_in_proportion_to_a_column_or_a_file(cli: Cli, uneven: str) -> None:
    Path("w.txt").write_text("\n".join(str(row % 4) for row in range(90)))
    by_key = made(cli, uneven, "--row-weights", "w")
    by_file = made(cli, uneven, "--row-weights", "w.txt", out="f.h5")
    assert np.array_equal(by_key["src"], by_file["src"])
    counts = np.bincount(by_key["src"][:, 0], minlength=90)
    weights = np.arange(90) % 4
    assert counts.sum() == (weights > 0).sum()  # a row that is never drawn takes no part
    assert (np.abs(counts - weights * counts.sum() / weights.sum()) < 1).all()


def test_a_recipe_has_no_path_and_knows_the_file_again(
    cli: Cli, refused: Refused, uneven: str, tmp_path: Path
) -> None:
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "w.txt").write_text("\n".join(str(row % 4) for row in range(90)))
    rows = made(cli, uneven, "--row-weights", folder / "w.txt")
    stored = augtool.open("m.h5").recipe.sampling.row_weights
    assert stored is not None
    assert stored.startswith("w.txt#")
    assert "far" not in augtool.open("m.h5").attributes["recipe"]
    code, out, _ = cli("inspect", "--recipe", "m.h5")
    assert code == 0
    Path("r.toml").write_text(out, encoding="utf-8")
    (tmp_path / "w.txt").write_text((folder / "w.txt").read_text())
    code, _, err = cli("mix", "--recipe", "r.toml", "--in", uneven, "--out", "again.h5")
    assert code == 0, err
    assert np.array_equal(contents("again.h5")["images"], rows["images"])
    (tmp_path / "w.txt").write_text("1\n" * 90)
    said = refused("mix", "--recipe", "r.toml", "--in", uneven, "--out", "other.h5")
    assert said.startswith("row-weights: w.txt does not say what it said")


def test_pairs_are_of_another_group(cli: Cli, uneven: str) -> None:
    rows = made(cli, uneven, "--pair", "other-group", "--group-by", "patient")
    assert (rows["src"][:, 0] // 3 != rows["src"][:, 1] // 3).all()


def test_pairs_are_of_the_same_group_and_singles_are_told(cli: Cli, hdf5: Hdf5) -> None:
    source = hdf5(scene=[0] * 39 + [7])
    code, out, _ = cli(
        *("cutmix", "--in", source, "--out", "m.h5", "--json"),
        *("--pair", "same-group", "--group-by", "scene"),
    )
    assert code == 0
    (said,) = json.loads(out)["warnings"]
    assert said == (
        "pair same-group: 1 of 40 rows are not mixed: no other row of their group is in their block"
    )
    assert contents("m.h5")["src"][:, 1].min() == -1
    _, out, _ = cli(
        *("cutmix", "--in", source, "--out", "n.h5", "--json", "--dry-run"),
        *("--pair", "same-group", "--group-by", "scene"),
    )
    assert said in json.loads(out)["warnings"]


def test_pairs_within_a_class_that_cannot_be_avoided_are_told(cli: Cli, uneven: str) -> None:
    code, _, err = cli("cutmix", "--in", uneven, "--out", "m.h5", "--pair", "other-class")
    assert code == 0
    assert (
        "warning: pair other-class: 30 of 90 rows are mixed within their own class: most of their "
        "block is of it"
    ) in err.splitlines()


def test_classes_rows_and_numbers_of_them_are_chosen(cli: Cli, folder: Path) -> None:
    listed = sorted(f"{one.parent.name}/{one.name}" for one in folder.rglob("*.*"))
    Path("rows.txt").write_text("\n".join(listed[:20]))
    rows = made(cli, folder, "--rows", "rows.txt", "--only-classes", "cat,2", "--per-class", 3)
    assert len(rows["src"]) == 6
    assert set(rows["label"]) <= {0, 2}
    assert rows["src"].max() < 20
    code, out, err = cli("plan", "cutmix", "--in", folder, "--only-rows", "rows.txt", "--rows", "2")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 3


def test_what_is_held_out_is_written_beside_the_output_and_not_mixed(cli: Cli, uneven: str) -> None:
    train = made(
        cli, uneven, "--holdout", 0.2, "--group-by", "patient", "--copies", 3,
        *("--label-smoothing", 0.1, "--carry", "patient"),
    )  # fmt: skip
    held = contents("m-validation.h5")
    with h5py.File(uneven) as file:
        images, labels = file["images"][()], file["labels"][()]
    own = held["src"][:, 0]
    assert list(held) == list(train)
    assert {name: values.dtype for name, values in held.items()} == {
        name: values.dtype for name, values in train.items()
    }
    assert (np.diff(own) > 0).all()
    assert np.array_equal(held["images"], images[own])
    assert np.array_equal(held["labels"], np.eye(4)[labels[own]])
    assert (held["weight"] == [1, 0]).all()
    assert not set(held["carry_patient"]) & set(train["carry_patient"])
    assert len(own) + len(train["src"]) // 3 == 90
    assert abs(len(own) - 18) <= 3
    for name, split in (("m", "train"), ("m-validation", "validation")):
        assert augtool.open(f"{name}.h5").attributes["split"] == split


@pytest.mark.parametrize("options", [["--compression", "gzip"], ["--workers", "2"]])
def test_the_validation_output_has_the_same_bytes_however_it_was_made(
    cli: Cli, uneven: str, options: list[str]
) -> None:
    given = ("--holdout", 0.3, "--holdout-out", "held.h5")
    made(cli, uneven, *given)
    plain = contents("held.h5")
    made(cli, uneven, *given, *options, "--overwrite")
    other = contents("held.h5")
    assert all(np.array_equal(plain[name], other[name]) for name in plain)


def test_a_stream_holds_out_too(cli: Cli, uneven: str) -> None:
    code, _, err = cli(
        *("cutmix", "--in", uneven, "--out", "n.tar", "--holdout", 0.2, "--carry", "words"),
        *("--holdout-out", "held.h5"),
    )
    assert code == 0, err
    assert len(contents("held.h5")["src"]) == 18


@pytest.mark.parametrize("there", ["m.h5", "m-validation.h5"])
def test_neither_output_is_overwritten_unasked(
    refused: Refused, cli: Cli, uneven: str, there: str
) -> None:
    Path(there).write_text("mine")
    run = ("cutmix", "--in", uneven, "--out", "m.h5", "--holdout", 0.2)
    assert refused(*run) == f"{there}: exists already; use --overwrite or choose another --out"
    assert Path(there).read_text() == "mine"
    assert cli(*run, "--overwrite")[0] == 0


def test_there_are_both_outputs_or_none(tmp_path: Path) -> None:
    with workdir.open_books(tmp_path / "a") as one, workdir.open_books(tmp_path / "b") as other:
        one.unfinished.write_text("one")
        other.unfinished.write_text("other")
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "mine").write_text("mine")  # comes after the check of all
        with pytest.MonkeyPatch.context() as patch:
            checks: list[Path] = []

            def check(output: Path, overwrite: bool) -> None:
                checks.append(output)
                if checks.count(output) > 1 and output.name == "b":
                    raise OutputExists("b")

            patch.setattr(workdir, "check_free", check)
            with pytest.raises(OutputExists):
                workdir.publish_all([one, other])
    assert [one.name for one in tmp_path.iterdir()] == ["b"]


def test_columns_of_the_base_are_carried(cli: Cli, uneven: str) -> None:
    rows = made(cli, uneven, "--carry", "words", "--carry", "place", "--carry", "w")
    base = rows["src"][:, 0]
    assert [word.decode() for word in rows["carry_words"]] == [f"é{row}" for row in base]
    assert np.array_equal(rows["carry_place"], np.stack([base, -base], axis=1))
    assert rows["carry_place"].dtype == "<f8"
    assert np.array_equal(rows["carry_w"], base % 4)
    with h5py.File("m.h5") as file:
        assert file["carry_words"].asstr()[0] == f"é{base[0]}"
        assert "crc32_sha256" in file["carry_words"].attrs
    code, out, _ = cli("inspect", "m.h5", "--row", 0, "--json")
    assert code == 0
    assert json.loads(out)["carried"]["carry_words"] == f"é{base[0]}"


def test_options_stand_in_a_file_too(cli: Cli, uneven: str) -> None:
    Path("c.toml").write_text(
        'pair = "other-class"\nbalance = "sqrt"\nonly-classes = ["0", "1", "2"]\nper-class = 10\n'
        'holdout = 0.1\ncarry = ["w"]\nseed = 3\n'
    )
    rows = made(cli, uneven, "--config", "c.toml", "--balance", "none")
    assert np.array_equal(
        np.bincount(np.repeat([0, 1, 2, 3], [60, 20, 8, 2])[rows["src"][:, 0]]), [9, 9, 7]
    )
    sampling = augtool.open("m.h5").recipe.sampling
    assert (sampling.pair, sampling.balance, sampling.holdout) == ("other-class", "none", 0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pair", "same-group"], "pair same-group: say what a group is, with group-by"),
        (["--group-by", "patient"], "group-by: nothing uses it"),
        (["--pair", "other-group", "--group-by", "patent"], "group-by: "),
        (["--balance", "classes", "--row-weights", "w"], "balance and row-weights both say"),
        (["--row-weights", "words"], "row-weights: these are words; weights are numbers from 0"),
        (["--row-weights", "place"], "row-weights: "),
        (["--row-weights", "no.csv"], "row-weights: no.csv: cannot be read"),
        (["--only-classes", "7"], "only-classes: there is no class '7'; choose from 0, 1, 2, 3"),
        (["--only-classes", ""], "'': use names, such as cat,dog"),
        (["--rows", "no.txt"], "rows: no.txt: cannot be read"),
        (["--per-class", "0"], "use a whole number from 1"),
        (["--holdout", "1"], "holdout 1: must be above 0 and below 1"),
        (["--holdout", "0.001"], "holdout 0.001: nothing of 90 rows can be held out so"),
        (["--holdout-out", "v.h5"], "holdout-out: nothing is held out; add holdout"),
        (["--holdout", "0.2", "--holdout-out", "./m.h5"], "--holdout-out m.h5: is --out m.h5 too"),
        (["--holdout", "0.2", "--holdout-out", "v.xyz"], "v.xyz: the name does not say"),
        (["--carry", "colour"], "carry: "),
        (["--order", "source", "--balance", "sqrt"], "order source: balance and row-weights"),
        (["--only-classes", "3", "--pair", "other-class"], "all 2 rows are of one class"),
        (["--per-class", "1", "--pair", "same-class"], "no class has two rows"),
        (["--balance", "sqrt", "--pair", "same-group", "--group-by", "patient"], "use row-weights"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_met_is_one_line(
    refused: Refused, uneven: str, options: list[str], said: str
) -> None:
    line = refused("cutmix", "--in", uneven, "--out", "m.h5", *options)
    assert said in line


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.eye(4)[np.arange(40) % 4] + 0.5, "values to regress"),
        (np.ones((40, 3)), "are multi-hot, not classes"),
    ],
)
@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--balance", "classes"], "row-weights KEY"),
        (["--pair", "same-class"], "with group-by KEY"),
    ],
)
def test_targets_that_are_no_classes_are_refused_with_a_hint(
    refused: Refused, hdf5: Hdf5, labels: Any, what: str, options: list[str], hint: str
) -> None:
    line = refused("cutmix", "--in", hdf5(labels=labels), "--out", "m.h5", *options)
    assert what in line
    assert line.endswith(hint)


def test_a_method_that_mixes_nothing_has_no_pairs(refused: Refused, uneven: str) -> None:
    line = refused("flip", "--in", uneven, "--out", "m.h5", "--pair", "other-class")
    assert line == "pair other-class: flip mixes no rows; leave it out"


def test_one_hot_labels_are_classes(cli: Cli, hdf5: Hdf5) -> None:
    source = hdf5(labels=np.eye(4)[np.repeat(np.arange(4), [30, 6, 3, 1])])
    rows = made(cli, source, "--balance", "classes")
    classes = np.repeat(np.arange(4), [30, 6, 3, 1])
    assert np.array_equal(np.bincount(classes[rows["src"][:, 0]]), [10, 10, 10, 10])
