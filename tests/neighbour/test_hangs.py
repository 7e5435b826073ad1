"""What would take for ever, or end as a bug, ends soon and in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PATTERNS = ("^(a+)+$", "(a|a)*$b", "^((a*)*)*x", "(.*)(.*)(.*)(.*)(.*)(.*)(.*)x{2}")


@pytest.fixture
def photos(victim) -> Path:
    folder = victim.home / "photos"
    folder.mkdir()
    victim.owns(folder)
    program = (
        "import sys; from PIL import Image\n"
        "for name in sys.argv[1:]: Image.new('RGB', (8, 8)).save(name)\n"
    )
    names = ["cat.1.png", "dog.2.png", "a" * 200 + ".png"]
    ended = victim.python(program, *(folder / name for name in names))
    assert ended.code == 0, ended.err
    return folder


def one_line(ended, *parts: str) -> None:
    assert ended.code in (1, 2), ended
    assert ended.err.count("\n") == 1
    assert "bug" not in ended.err
    assert all(part in ended.err for part in parts), ended.err


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_takes_for_ever_is_refused(pattern: str, photos: Path, victim) -> None:
    ended = victim.augtool(
        *("cutmix", "--in", photos, "--out", "a.h5", "--label-from-name", pattern), timeout=90
    )
    one_line(ended, "--label-from-name", pattern)
    assert ended.code == 2


@pytest.mark.parametrize(
    "pattern", ["(a{99999999999})", "(" * 100 + ")" * 100, "(" * 150, "(a)" * 67]
)
def test_a_pattern_that_no_machine_takes_is_one_line(pattern: str, photos: Path, victim) -> None:
    ended = victim.augtool(
        *("cutmix", "--in", photos, "--out", "a.h5", "--label-from-name", pattern), timeout=90
    )
    one_line(ended, "label-from-name")
    assert ended.code == 2


def test_ordinary_patterns_find_the_classes(photos: Path, victim) -> None:
    ended = victim.augtool(
        "cutmix", "--in", photos, "--out", "a.h5", "--label-from-name", "^([a-z]{3})"
    )
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("steps", [11, 26, 500, 20_000])
def test_a_plan_of_too_many_steps_is_refused_at_once(steps: int, victim) -> None:
    recipe = {"steps": [{"method": "cutmix", "prob": 1.0}] * steps}
    facts = {
        "rows": [0, 4],
        "total": 4,
        "recipe": json.dumps(recipe),
        "images": [[8, 8, 3], "|u1"],
        "source_rows": 4,
        "source_fingerprint": "x",
        "pass_rows": 4,
        "measured": True,
    }
    plan = victim.home / "plan.csv"
    plan.write_text(f"# augtool-plan {json.dumps(facts)}\nrow,src_0\n")
    ended = victim.augtool(
        "render", plan, "--in", "sample:?n=4&size=8", "--out", "a.h5", timeout=90
    )
    one_line(ended, "at most 1,0")


@pytest.mark.parametrize("option", ["--recipe", "--config"])
def test_toml_without_end_is_one_line(option: str, victim) -> None:
    file = victim.home / "deep.toml"
    file.write_text(f"x = {'[' * 20_000}{']' * 20_000}\n")
    command = ["mix"] if option == "--recipe" else ["cutmix"]
    ended = victim.augtool(*command, option, file, "--in", "sample:", "--out", "a.h5", timeout=90)
    one_line(ended, "deep.toml")
