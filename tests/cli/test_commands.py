"""``plan``, ``preview``, ``inspect``, ``--version``: they agree with the run and each other."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool

Cli = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
SAMPLE = "sample:?n=30&size=12&classes=3"


def printed(cli: Cli, *arguments: object) -> str:
    code, out, err = cli(*arguments)
    assert (code, err) == (0, "")
    return out


def test_the_plan_is_that_of_the_run(cli: Cli, folder: Path) -> None:
    options = ("cutmix", "--in", folder, "--seed", 4, "--copies", 2, "--prob", 0.7)
    table = list(csv.DictReader(io.StringIO(printed(cli, "plan", *options))))
    assert cli(*options, "--out", "m.h5")[0] == 0
    assert len(table) == 48
    with h5py.File("m.h5") as file:
        for row, line in enumerate(table):
            assert int(line["row"]) == row
            for name in ("src", "weight", "cutmix_box"):
                stored = file[name][row]
                written = [type(one)(line[f"{name}_{i}"]) for i, one in enumerate(stored.tolist())]
                assert written == stored.tolist()
            assert np.float32(line["cutmix_lam"]) == file["cutmix_lam"][row]


def test_a_range_of_plan_rows_is_cut_from_the_whole(cli: Cli) -> None:
    options = ("plan", "cutmix", "--in", SAMPLE)
    lines = printed(cli, *options).splitlines()
    assert printed(cli, *options, "--rows", 3).splitlines() == lines[:4]
    assert printed(cli, *options, "--rows", "7:9").splitlines() == [lines[0], *lines[8:10]]
    assert printed(cli, *options, "--rows", "29:99").splitlines() == [lines[0], lines[30]]


def test_reading_options_change_the_plan(cli: Cli) -> None:
    small = printed(cli, "plan", "cutmix", "--in", SAMPLE, "--size", 6)
    large = printed(cli, "plan", "cutmix", "--in", SAMPLE, "--size", 60)
    assert small != large


def test_a_plan_is_saved_whole_and_not_over_a_file(
    cli: Cli, refused: Refused, tmp_path: Path
) -> None:
    options = ("plan", "cutmix", "--in", SAMPLE)
    assert cli(*options, "--out", "plan.csv") == (0, "", "")
    first, _, rest = Path("plan.csv").read_text().partition("\n")
    assert first.startswith('# augtool-plan {"rows": [0, 30]')
    assert rest == printed(cli, *options)
    assert "exists already" in refused(*options, "--out", "plan.csv")
    assert cli(*options, "--out", "plan.csv", "--overwrite", "--rows", 1) == (0, "", "")
    assert Path("plan.csv").read_text().count("\n") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["plan.csv"]


def test_plan_alone_says_how_it_is_used(cli: Cli) -> None:
    code, out, err = cli("plan")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: augtool plan")


def test_a_preview_shows_inputs_of_several_sizes(cli: Cli, folder: Path) -> None:
    Image.new("RGB", (50, 20)).save(folder / "cat" / "wide.png")
    code, out, err = cli("preview", folder)
    assert (code, out) == (0, "")
    with Image.open("preview.png") as grid:
        assert err == f"preview.png: {grid.width}×{grid.height}\n"


def test_preview_options_change_the_picture(cli: Cli, folder: Path) -> None:
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "-q")[0] == 0
    pictures = set()
    for options in (
        [],
        ["--rows", 1, "--cols", 2],
        ["--pick", "3,1"],
        ["--seed", 1],
        ["--scale", 3],
        ["--outline"],
    ):
        assert cli("preview", "m.h5", "--out", "p.png", *options)[0] == 0
        pictures.add(Path("p.png").read_bytes())
    assert len(pictures) == 6


def test_preview_reads_as_a_run_reads(cli: Cli, folder: Path) -> None:
    assert cli("preview", folder, "--out", "rgb.png")[0] == 0
    assert cli("preview", folder, "--out", "grey.png", "--mode", "L")[0] == 0
    with Image.open("grey.png") as grey, Image.open("rgb.png") as rgb:
        pixels = np.asarray(grey.convert("RGB"), int)
        assert np.ptp(pixels, axis=2).max() < np.ptp(np.asarray(rgb, int), axis=2).max()


def test_inspect_says_what_an_output_holds(cli: Cli, folder: Path) -> None:
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "-q")[0] == 0
    out = printed(cli, "inspect", "m.h5")
    assert out.splitlines()[0] == "m.h5: 24 rows"
    assert "  images           uint8    24×9×14×3\n" in out
    assert re.search("^  cutmix alpha=1.0 box_sampler=clip .*prob=1.0$", out, re.MULTILINE)
    assert all(line == line.rstrip() for line in out.splitlines())
    found = json.loads(printed(cli, "inspect", "m.h5", "--json"))
    assert found["rows"] == 24
    assert sum(found["label_mass"]["labels"].values()) == pytest.approx(24, rel=1e-6)
    weight = augtool.open("m.h5").field("weight")[:, 0]
    assert found["base_weight"]["mean"] == pytest.approx(float(weight.mean()), rel=1e-6)


def test_inspect_says_what_an_input_holds(cli: Cli, folder: Path) -> None:
    out = printed(cli, "inspect", folder)
    assert f"{folder}: 24 rows of shape 9×14×3, uint8\n" in out
    found = json.loads(printed(cli, "inspect", folder, "--json"))
    assert found["images"]["labels"] == {"cat": 8, "dog": 8, "emu": 8}
    sized = json.loads(printed(cli, "inspect", folder, "--json", "--size", "5x6", "--mode", "L"))
    assert sized["shape"] == [5, 6, 1]


def test_inspect_explains_a_row_with_its_files(cli: Cli, folder: Path) -> None:
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "--size", 12, "-q")[0] == 0
    names = [line.split(",")[2] for line in printed(cli, "inspect", folder, "--list").splitlines()]
    row = json.loads(printed(cli, "inspect", "m.h5", "--row", 5, "--in", folder, "--json"))
    with h5py.File("m.h5") as file:
        assert [one["row"] for one in row["sources"]] == file["src"][5].tolist()
        assert [one["weight"] for one in row["sources"]] == file["weight"][5].tolist()
        assert row["columns"]["cutmix_box"] == file["cutmix_box"][5].tolist()
    assert [one["name"] for one in row["sources"]] == [
        names[1 + one["row"]] for one in row["sources"]
    ]
    out = printed(cli, "inspect", "m.h5", "--row", 5)
    assert out.startswith("row 5\n  source row ")
    assert "\n  cutmix_box [" in out


def test_inspect_lists_an_input_as_csv_and_as_json_lines(cli: Cli, folder: Path) -> None:
    (folder / "cat" / 'a,"b".png').write_bytes((folder / "cat" / "1.png").read_bytes())
    table = list(csv.reader(io.StringIO(printed(cli, "inspect", folder, "--list"))))
    assert table[0] == ["row", "label", "path"]
    assert ["8", "0", 'cat/a,"b".png'] in table
    lines = printed(cli, "inspect", folder, "--list", "--json").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == [
        [int(row), label, path] for row, label, path in table[1:]
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["data", "--row", "1"], "data: is an input; --row explains a row of an output"),
        (["sample:", "--row", "1"], "sample:: is an input"),
        (["nope.h5", "--row", "1"], "nope.h5: there is no such file"),
        (["m.h5", "--row", "24"], "row 24: m.h5 has rows 0…23"),
        (["m.h5", "--row", "-1"], "use a whole number from 0"),
        (["m.h5", "--in", "data"], "give --row too"),
        (["data", "--list", "--row", "1"], "give one"),
        (["m.h5", "--row", "1", "--in", "sample:"], "was made from another source"),
        (["nope"], "nope: there is no such file or folder"),
        (["m.h5", "more"], "unexpected argument 'more'"),
        ([], "argument 'PATH'"),
    ],
)
def test_inspect_says_what_it_cannot_do(
    cli: Cli, refused: Refused, folder: Path, arguments: list[str], said: str
) -> None:
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "-q")[0] == 0
    assert said in refused("inspect", *arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["m.h5", "--pick", "24"], 2, "row 24: there are only rows 0…23"),
        (["m.h5", "--pick", "a"], 2, "use row numbers"),
        (["m.h5", "--cols", "0"], 2, "use a whole number from 1"),
        (["m.h5", "--out", "p.jpg"], 2, "end its name in .png"),
        (["m.h5", "--out", "no/p.png"], 2, "its folder does not exist"),
        (["m.h5", "--out", "/proc/p.png"], 1, "/proc/p.png: cannot be written"),
        (["data", "--out", "data/p.png"], 2, "lies inside PATH data"),
        (["nope"], 2, "nope: there is no such file or folder"),
        (["text.png"], 2, "text.png: not an input that augtool reads"),
        (["pipe"], 2, "pipe: not an input that augtool reads"),
        (["m.h5", "--scale", "9999"], 2, "scale 9999: an image would be 139,986 pixels long"),
        (["sample:", "--cols", "99", "--rows", "99"], 2, "2,000 images: a grid shows at most"),
    ],
)
def test_preview_says_what_it_cannot_do(
    cli: Cli, refused: Refused, folder: Path, arguments: list[str], code: int, said: str
) -> None:
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "-q")[0] == 0
    Path("text.png").write_text("no image")
    os.mkfifo("pipe")  # to open it would be to wait for ever
    assert said in refused("preview", *arguments, code=code)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--rows", "30:31"], 2, "--rows 30:31: there are only rows 0…29"),
        (["--rows", "9:3"], 2, "is not a range of rows"),
        (["--out", "plan"], 2, "end its name in .csv"),
        (["--out", "no/plan.csv"], 2, "its folder does not exist"),
        (["--out", "/proc/plan.csv"], 1, "/proc/plan.csv: "),
    ],
)
def test_plan_says_what_it_cannot_do(
    refused: Refused, arguments: list[str], code: int, said: str
) -> None:
    assert said in refused("plan", "cutmix", "--in", SAMPLE, *arguments, code=code)


def test_the_version_is_one_line_or_all_that_a_report_needs(cli: Cli) -> None:
    version = printed(cli, "--version")
    report = json.loads(printed(cli, "--version", "--json"))
    assert version == f"{report['augtool']}\n"
    assert {"numpy", "numba", "h5py", "pillow", "python", "system", "machine"} <= set(report)


def test_the_package_runs_as_a_module(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    version = printed(cli, "--version")
    monkeypatch.setattr(sys, "argv", ["augtool", "--version"])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("augtool", run_name="__main__")
    assert exit_.value.code == 0
    assert capfd.readouterr().out == version
