"""``--config``: an option beats the file, which beats the default, and the file is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augtool

Cli = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
SAMPLE = "sample:?n=20&size=12"


def recipe(cli: Cli, toml: str, *arguments: object) -> dict:
    Path("mix.toml").write_text(toml, encoding="utf-8")
    code, _, err = cli("cutmix", "--config", "mix.toml", "--overwrite", *arguments)
    assert code == 0, err
    stored = json.loads(augtool.open("m.h5").attributes["recipe"])
    return {**stored, **stored.pop("reading"), **stored.pop("steps")[0]}


def test_an_option_beats_the_file_beats_the_default(cli: Cli) -> None:
    given = ("--in", SAMPLE, "--out", "m.h5")
    assert recipe(cli, "", *given)["seed"] == 0
    assert recipe(cli, "seed = 5\ncopies = 2", *given)["seed"] == 5
    both = recipe(cli, "seed = 5\ncopies = 2", *given, "--seed", 7)
    assert (both["seed"], both["copies"]) == (7, 2)


def test_required_options_may_stand_in_the_file(cli: Cli) -> None:
    assert recipe(cli, f'in = "{SAMPLE}"', "--out", "m.h5")["seed"] == 0
    recipe(cli, 'in = "nowhere"\nout = "x.h5"\nquiet = true', "--in", SAMPLE, "--out", "m.h5")


@pytest.mark.parametrize(
    ("toml", "name", "value"),
    [
        ("size = 24", "size", [24, 24]),
        ("size = [8, 14]", "size", [8, 14]),
        ('size = "8x14"', "size", [8, 14]),
        ("background = [1, 2, 3]", "background", [1, 2, 3]),
        ('background = "#010203"', "background", [1, 2, 3]),
        ("label-smoothing = 0.25", "label_smoothing", 0.25),
        ("label_smoothing = 0.25", "label_smoothing", 0.25),
        ("keep-originals = true", "keep_originals", True),
        ("keep-originals = false", "keep_originals", False),
        ("num = 7", "num", 7),
        ("prob = 1", "prob", 1.0),
        ('fit = "pad"', "fit", "pad"),
    ],
)
def test_values_are_written_as_toml_writes_them(
    cli: Cli, toml: str, name: str, value: object
) -> None:
    for label in "ab":
        Path("data", label).mkdir(parents=True)
        Image.fromarray(np.full((6, 9, 3), 50, np.uint8)).save(f"data/{label}/1.png")
    assert recipe(cli, toml, "--in", "data", "--out", "m.h5")[name] == value


def test_the_methods_own_options_may_stand_in_the_file(cli: Cli) -> None:
    given = ("--in", SAMPLE, "--out", "m.h5")
    assert recipe(cli, "alpha = 2", *given)["alpha"] == 2.0
    ranged = recipe(cli, "ratio-range = [0.2, 0.8]", *given)["ratio_range"]
    assert ranged == [0.2, 0.8]


def test_run_options_take_their_types_from_the_file(cli: Cli) -> None:
    toml = 'workers = 1\ncompression = "gzip:1"\npreview = "grid.png"\nverbose = true'
    recipe(cli, toml, "--in", SAMPLE, "--out", "m.h5")
    assert Path("grid.png").is_file()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("seeed = 1", "unknown key 'seeed'; did you mean 'seed'?"),
        ("label_smothing = 1", "unknown key 'label_smothing'; did you mean 'label-smoothing'?"),
        ("[cutmix]\nseed = 1", "[cutmix] is a table; options stand at the top"),
        ('config = "other.toml"', "unknown key 'config'"),
        ("seed = 2.5", "seed = 2.5: 2.5: use a whole number from 0"),
        ("seed = true", "seed = True: True: use a whole number from 0"),
        ("copies = [1]", "copies = [1]: "),
        ("seed = {a = 1}", "seed = {'a': 1}: "),
        ("alpha = true", "alpha = True: True is not a number"),
        ('alpha = "big"', "alpha = 'big': 'big' is not a number"),
        ("size = 0", "size = 0: 0 is not a size"),
        ("size = 2.5", "size = 2.5: 2.5 is not a size"),
        ("ratio-range = [0.2]", "ratio-range = [0.2]: [0.2] is not a range"),
        ("ratio-range = [true, false]", "is not a range"),
        ('keep-originals = "false"', "keep-originals = 'false': use true or false"),
        ("overwrite = 1", "overwrite = 1: use true or false"),
        ("in = 5", "in = 5: use text in quotes"),
        ("fit = 5", "fit = 5: use text in quotes"),
        ('fit = "fill"', "fit = 'fill': 'fill' is not one of"),
        ('workers = "many"', "workers = 'many': "),
        ("workers = 0", "workers = 0: "),
        ("seed = ", "Invalid value"),
    ],
)
def test_a_wrong_file_is_named_with_key_and_reason(
    refused: Refused, tmp_path: Path, toml: str, said: str
) -> None:
    (tmp_path / "mix.toml").write_text(toml)
    message = refused("cutmix", "--config", "mix.toml", "--in", SAMPLE, "--out", "m.h5")
    assert message.startswith("--config mix.toml: ")
    assert said in message


def test_a_missing_or_unreadable_file_is_named(refused: Refused, tmp_path: Path) -> None:
    assert "'mix.toml' does not exist" in refused("cutmix", "--config", "mix.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    assert "--config bad.toml: " in refused("cutmix", "--config", "bad.toml")


def test_the_other_commands_take_it_too(cli: Cli) -> None:
    Path("read.toml").write_text('size = "9x14"\n')
    code, out, _ = cli("inspect", SAMPLE, "--config", "read.toml")
    assert code == 0
    assert "of shape 9×14×3" in out
    Path("plan.toml").write_text("seed = 3\nrows = 2\n")
    options = ("plan", "cutmix", "--in", SAMPLE)
    from_file = cli(*options, "--config", "plan.toml")
    assert from_file == cli(*options, "--seed", 3, "--rows", 2)
    assert from_file[0] == 0


def test_an_output_in_the_file_is_not_made_a_plan(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "mix.toml").write_text('out = "m.h5"\noverwrite = true')
    (tmp_path / "m.h5").write_text("precious")
    said = refused("plan", "cutmix", "--in", SAMPLE, "--config", "mix.toml")
    assert "does not say --out m.h5; give it on the command line" in said
