"""The weights of a stored plan are read, and must be those that its geometry implies."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

SOURCE = "sample:?n=40&size=16"
STEPS = {
    "cutmix": ("cutmix",),
    "mixup": ("mixup",),
    "a chain": ("mix", "cutmix", "rotate degrees=20", "cutmix prob=0.5"),
}


def _plan(victim: Any, folder: Path, steps: tuple[str, ...]) -> Path:
    plan = folder / "plan.csv"
    ended = victim.augtool("plan", *steps, "--in", SOURCE, "--out", plan, cwd=folder)
    assert ended.code == 0, ended.err
    return plan


def _edited(plan: Path, row: int, column: str, value: str) -> None:
    first, *lines = plan.read_text(encoding="utf-8").splitlines()
    table = list(csv.reader(lines))
    table[row + 1][table[0].index(column)] = value
    plan.write_text(
        "\n".join([first, *(",".join(line) for line in table)]) + "\n", encoding="utf-8"
    )


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_plan_as_it_was_saved_is_rendered(victim, steps: tuple[str, ...]) -> None:
    plan = _plan(victim, victim.home, steps)
    ended = victim.augtool("render", plan, "--in", SOURCE, "--out", victim.home / "rows.h5")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "0.123"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_weight_that_the_geometry_does_not_give_is_named(
    victim, steps: tuple[str, ...], value: str
) -> None:
    plan = _plan(victim, victim.home, steps)
    _edited(plan, 7, "weight_1", value)
    ended = victim.augtool("render", plan, "--in", SOURCE, "--out", victim.home / "rows.h5")
    assert ended.code == 1
    assert f"{plan}: weight 1 of row 7 is {float(value):g}" in ended.err
    assert not (victim.home / "rows.h5").exists()


def test_a_plan_without_weights_is_refused(victim) -> None:
    plan = _plan(victim, victim.home, ("cutmix",))
    plan.write_text(plan.read_text(encoding="utf-8").replace("weight_1", "height_1"), "utf-8")
    ended = victim.augtool("render", plan, "--in", SOURCE, "--out", victim.home / "rows.h5")
    assert ended.code == 1
    assert "has no column weight_1" in ended.err
