"""``mix``: the same chain from a file, from arguments, and from the recipe of an output."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import augtool
from augtool.recipe.recipe import Reading, Recipe, one_of, step
from augtool.recipe.toml import recipe_from_toml

Cli = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
SAMPLE = "sample:?n=60&size=12&classes=3"

CHAIN = """
seed = 4
copies = 2
order = "source"
label_smoothing = 0.1

[[steps]]
method = "flip"

[[steps]]
one_of = [
  { weight = 0.5, method = "cutmix", ratio_range = [0.2, 0.8] },
  { weight = 0.3, method = "mixup", alpha = 0.2, prob = 0.5 },
  { weight = 0.2, method = "none" },
]

[[steps]]
method = "erase"
prob = 0.25
fill = "125,123,114"

[reading]
size = [12, 10]
"""
STEPS = (
    "flip",
    "0.5 cutmix ratio-range=0.2,0.8 | 0.3 mixup alpha=0.2 prob=0.5 | 0.2 none",
    "erase prob=0.25 fill=125,123,114",
)


@pytest.fixture
def chain() -> str:
    Path("chain.toml").write_text(CHAIN, encoding="utf-8")
    return "chain.toml"


def made(cli: Cli, *arguments: object, source: str = SAMPLE, output: str = "m.h5") -> Recipe:
    code, _, err = cli("mix", *arguments, "--in", source, "--out", output, "-q", "--overwrite")
    assert (code, err) == (0, "")
    return augtool.open(output).recipe


def test_a_file_and_arguments_make_the_same_bytes(cli: Cli, chain: str) -> None:
    made(cli, "--recipe", chain, output="file.h5")
    rows = ("--seed", 4, "--copies", 2, "--order", "source", "--label-smoothing", 0.1)
    made(cli, *STEPS, *rows, "--size", "12x10", output="shell.h5")
    assert Path("file.h5").read_bytes() == Path("shell.h5").read_bytes()


def test_the_recipe_is_what_the_file_says(cli: Cli, chain: str) -> None:
    assert made(cli, "--recipe", chain) == Recipe(
        steps=(
            step("flip"),
            one_of(
                (0.5, step("cutmix", ratio_range=(0.2, 0.8))),
                (0.3, step("mixup", alpha=0.2, prob=0.5)),
                (0.2, None),
            ),
            step("erase", prob=0.25, fill="125,123,114"),
        ),
        seed=4,
        copies=2,
        order="source",
        label_smoothing=0.1,
        reading=Reading(size=(12, 10)),
    )


def test_options_that_are_given_beat_the_file_and_no_others_do(cli: Cli, chain: str) -> None:
    recipe = made(cli, "--recipe", chain, "--seed", 0, "--order", "shuffled")
    assert (recipe.seed, recipe.order) == (0, "shuffled")  # though these are the defaults
    assert (recipe.copies, recipe.reading.size, recipe.label_smoothing) == (2, (12, 10), 0.1)
    assert made(cli, "--recipe", chain, "--size", 9).reading.size == (9, 9)
    assert made(cli, "--recipe", chain, "--num", 60).num == 60
    assert len(augtool.open("m.h5")) == 60


def test_copies_take_the_place_of_the_num_of_a_file(cli: Cli) -> None:
    Path("r.toml").write_text('num = 7\n[[steps]]\nmethod = "flip"\n', encoding="utf-8")
    assert made(cli, "--recipe", "r.toml").num == 7
    recipe = made(cli, "--recipe", "r.toml", "--copies", 2)
    assert (recipe.num, recipe.copies, len(augtool.open("m.h5"))) == (None, 2, 120)


def test_options_of_a_config_file_beat_the_recipe(cli: Cli, chain: str) -> None:
    Path("c.toml").write_text(f'recipe = "{chain}"\nseed = 9\n', encoding="utf-8")
    recipe = made(cli, "--config", "c.toml")
    assert (recipe.seed, recipe.copies) == (9, 2)
    assert made(cli, "--config", "c.toml", "--seed", 1).seed == 1


def test_options_in_one_of_without_weights_are_equal(cli: Cli) -> None:
    (choice,) = made(cli, "cutmix | mixup | none").steps
    assert choice == one_of((1 / 3, step("cutmix")), (1 / 3, step("mixup")), (1 / 3, None))


def test_values_get_the_types_of_the_parameters(cli: Cli) -> None:
    steps = made(
        cli,
        "cutout holes=2 length=5 fill=7",
        "jigsaw grid=2 alpha=1e-1",
        "resizemix tau-range=.2,1",
    ).steps
    assert steps == (
        step("cutout", holes=2, length=5, fill="7"),
        step("jigsaw", grid=2, alpha=0.1),
        step("resizemix", tau_range=(0.2, 1.0)),
    )


@pytest.mark.parametrize("step", ["cutmix num_mix=3", "cutmix num-mix=3"])
def test_several_partners_are_the_same_as_an_option_a_step_and_in_a_file(
    cli: Cli, step: str
) -> None:
    assert cli("cutmix", "--num-mix", 3, "--in", SAMPLE, "--out", "option.h5", "-q")[0] == 0
    made(cli, step, output="step.h5")
    Path("r.toml").write_text('[[steps]]\nmethod = "cutmix"\nnum_mix = 3\n', encoding="utf-8")
    made(cli, "--recipe", "r.toml", output="file.h5")
    bytes_of = {Path(f"{name}.h5").read_bytes() for name in ("option", "step", "file")}
    assert len(bytes_of) == 1
    assert augtool.open("file.h5").field("src").shape == (60, 4)


def test_inspect_prints_a_recipe_that_makes_the_same_bytes(cli: Cli, chain: str) -> None:
    made(cli, "--recipe", chain, output="a.h5")
    code, out, err = cli("inspect", "a.h5", "--recipe")
    assert (code, err) == (0, "")
    assert recipe_from_toml(out) == augtool.open("a.h5").recipe
    Path("again.toml").write_text(out, encoding="utf-8")
    made(cli, "--recipe", "again.toml", output="b.h5")
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()
    code, out, err = cli("inspect", "a.h5", "--recipe", "--json")
    assert augtool.recipe.recipe.recipe_from_json(out) == augtool.open("a.h5").recipe


def test_inspect_prints_the_recipe_of_a_single_method_too(cli: Cli) -> None:
    assert cli("cutmix", "--in", SAMPLE, "--out", "a.h5", "-q")[0] == 0
    Path("r.toml").write_text(cli("inspect", "a.h5", "--recipe")[1], encoding="utf-8")
    made(cli, "--recipe", "r.toml", output="b.h5")
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()


def test_the_plan_is_that_of_the_run(cli: Cli, chain: str) -> None:
    made(cli, "--recipe", chain)
    code, out, err = cli("plan", "mix", "--recipe", chain, "--in", SAMPLE)
    assert (code, err) == (0, "")
    table = list(csv.DictReader(io.StringIO(out)))
    with h5py.File("m.h5") as file:
        for name in ("src", "weight", "cutmix_box", "mixup_partner", "choice_option"):
            stored = file[name][:].reshape(120, -1)
            names = (
                [f"{name}_{i}" for i in range(stored.shape[1])] if file[name].ndim > 1 else [name]
            )
            written = [[float(line[one]) for one in names] for line in table]
            assert np.array_equal(np.asarray(written, stored.dtype), stored), name
    assert cli("plan", "mix", *STEPS, "--in", SAMPLE, "--rows", 3)[0] == 0


def test_a_dry_run_a_preview_and_json_work_as_with_one_method(cli: Cli) -> None:
    code, out, _ = cli("mix", *STEPS, "--in", SAMPLE, "--out", "m.h5", "--dry-run", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 60)
    assert not Path("m.h5").exists()
    code, out, _ = cli(
        "mix", *STEPS, "--in", SAMPLE, "--out", "m.h5", "--preview", "p.png", "--json"
    )
    assert (code, json.loads(out)["rows"]) == (0, 60)
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_explains_a_chain_step_by_step(cli: Cli, chain: str) -> None:
    made(cli, "--recipe", chain)
    out = cli("inspect", "m.h5")[1]
    for line in (
        "  flip prob=0.5\n",
        "  one of\n    0.5 cutmix ",
        "\n    0.3 mixup alpha=0.2 prob=0.5\n",
        "\n    0.2 none\n",
        "\n  erase ",
    ):
        assert line in out
    took = augtool.open("m.h5").field("choice_option")
    names = ("cutmix", "mixup", "")
    for option, name in enumerate(names):
        row = int(np.flatnonzero(took[:] == option)[0])
        told = json.loads(cli("inspect", "m.h5", "--row", row, "--json", "--in", SAMPLE)[1])
        assert [one["name"] for one in told["steps"]] == ["flip", "choice", "erase"]
        choice = told["steps"][1]
        assert choice["took"] == name
        others = [other for other in names if other and other != name]
        assert not [key for key in choice["columns"] if key.startswith(tuple(others))]
        with h5py.File("m.h5") as file:
            assert [one["row"] for one in told["sources"]] == [
                one for one in file["src"][row].tolist() if one >= 0
            ]
            assert choice["partners"] == (file[f"{name}_partner"][row].tolist() if name else [])
            labels = {
                key: value
                for key, value in zip(
                    ("circle", "square", "triangle"), file["labels"][row].tolist(), strict=True
                )
                if value
            }
        assert told["labels"] == {"labels": labels}
        text = cli("inspect", "m.h5", "--row", row)[1]
        assert f"\n  choice → {name or 'none'}" in text


def test_a_step_that_left_a_row_alone_is_said_to(cli: Cli) -> None:
    made(cli, "flip", "cutmix prob=0.5")
    output = augtool.open("m.h5")
    for row in range(10):
        told = json.loads(cli("inspect", "m.h5", "--row", row, "--json")[1])
        flip, cutmix = (one["idle"] for one in told["steps"])
        assert flip == (output.field("flip_flipped")[row] == 0)
        assert cutmix == (
            output.field("weight")[row, 0] == 1 and not output.field("cutmix_box")[row].any()
        )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["flip", "cutmixx"], "step 2: there is no method 'cutmixx'; did you mean 'cutmix'?"),
        (["cutmix alfa=1"], "step 1: cutmix: unknown parameter 'alfa'; did you mean 'alpha'?"),
        (["flip", "cutmix alpha=x"], "step 2: cutmix: alpha 'x' is not a number"),
        (["cutmix alpha=-1"], "step 1: cutmix: alpha -1: must be above 0"),
        (["cutmix prob=2"], "step 1: cutmix: prob 2: must be in 0…1"),
        (["cutmix ratio-range=0.8"], "step 1: cutmix: ratio-range '0.8' is not a range"),
        (["cutmix alpha"], "step 1: cutmix: 'alpha': write parameters as name=value"),
        (["cutmix alpha=1 alpha=2"], "step 1: cutmix: alpha is given twice"),
        (["cutmix", "alpha=1"], "step 2: 'alpha=1' has no method: put a step in quotes, as in"),
        (["0.5 cutmix"], "step 1: '0.5 cutmix': a weight is for one of several, as in"),
        (["0.5 cutmix | 0.4 mixup"], "step 1: one_of: the weights sum to 0.9, not to 1"),
        (["0.5 cutmix | mixup"], "step 1: '0.5 cutmix | mixup': give each of them a weight"),
        (["cutmix | "], "step 1: option 2: there is no method: put a step in"),
        (["flip", "none | cutmix alfa=1"], "step 2: option 2: cutmix: unknown parameter 'alfa'"),
        (["flip", "none | cutmix alpha=x"], "step 2: option 2: cutmix: alpha 'x' is not a number"),
        (['cutmix fill="'], "no closing quotation"),
        (["flip", "cutmix", "--alpha", 1], "--alpha is of a step: write it there, in quotes, as"),
        (["flip", "cutmix", "--num-mix=3"], "as in 'cutmix num-mix=…'"),
        (["flip", "erase", "--prob", 0.5], "as in 'flip prob=…'"),
        (["flip", "--alfa", 1], "there is no option --alfa"),
        ([], 'there is no step: give some, as in augtool mix flip "cutmix alpha=1"'),
        (["cutmix", "--num", 3, "--copies", 2], "--num says how many rows to make"),
    ],
)  # fmt: skip
def test_bad_steps_are_one_line_that_names_the_place_the_method_and_the_parameter(
    refused: Refused, steps: list[object], said: str
) -> None:
    assert said in refused("mix", *steps, "--in", SAMPLE, "--out", "m.h5")


def test_a_bad_recipe_file_is_one_line(refused: Refused) -> None:
    Path("r.toml").write_text('[[steps]]\nmethod = "cutmix"\nalfa = 1\n', encoding="utf-8")
    arguments = ("mix", "--recipe", "r.toml", "--in", SAMPLE, "--out", "m.h5")
    assert refused(*arguments) == (
        "r.toml: step 1: cutmix: unknown parameter 'alfa'; did you mean 'alpha'?"
    )
    assert "give steps in one way" in refused(*arguments, "flip")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["flip", "erase fill=1,2"], "step 2: erase: fill has 2 values and images here have 3"),
        (
            ["flip", "cutmix", "none | cutout mean=1,2"],
            "step 3: option 2: cutout: mean has 2 values",
        ),
        (["flip", "none | mixup"], "step 2: option 2: mixup blends images, and there is nothing"),
        (
            ["mixup", "flip", "--weight-by", "masks", "--masks", "seen"],
            "step 1: mixup with weight_by masks: a blend shows every object faintly",
        ),
        (
            ["flip", "cutmix num-mix=3", "--limit", 2],
            "the source has 2 usable images; step 2: cutmix mixes 4 different ones",
        ),
        (["flip", "erase", "--pair", "same-class"], "same-class: flip, erase mix no rows"),
        (["erase fill=1,2"], "erase: fill has 2 values"),  # one step needs no place
    ],
)
def test_what_rows_do_not_fit_names_its_step_and_its_place(
    refused: Refused, hdf5: Callable[..., str], steps: list[object], said: str
) -> None:
    maps = np.zeros((40, 9, 14), np.uint8)
    source = hdf5(masks=maps, seen=maps.astype(np.float32))
    code = 1 if "usable" in said else 2  # the fault is the source's
    told = refused("mix", *steps, "--in", source, "--out", "m.h5", code=code)
    assert said in told
    assert ("step" in told) == ("step" in said)


def test_rows_that_are_no_images_name_the_step_that_needs_some(refused: Refused) -> None:
    np.savez("table.npz", images=np.zeros((30, 5), np.float32), labels=np.arange(30) % 3)
    said = refused("mix", "mixup", "none | flip", "--in", "table.npz", "--out", "m.h5")
    assert said.startswith("step 2: option 2: flip needs images")


def test_help_shows_a_recipe_that_is_one_and_lists_the_methods(cli: Cli) -> None:
    code, out, _ = cli("mix", "--help")
    assert code == 0
    shown = out[out.index("    seed = 1") : out.index("  Options that are given")]
    recipe = recipe_from_toml(shown)
    assert [type(one).__name__ for one in recipe.steps] == ["Step", "Choice"]
    words = out.replace("\n  ", " ")
    assert all(name in words for name in ("cutmix,", "mixup,", "smoothmix:"))
