"""``python -m benchmarks`` measures what it says, at a size that takes a moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import augtool
from benchmarks.rivals import read_rows

TOP_LEVEL = Path(__file__).resolve().parent.parent


def measured(*options: str) -> dict[str, Any]:
    """The JSON of one race in one run."""
    command = (sys.executable, "-m", "benchmarks", "--json", "--runs", "1", *options)
    done = subprocess.run(command, cwd=TOP_LEVEL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(("name", "format"), [("m.h5", None), ("arrays", "npy")])
def test_a_trainers_loop_sees_every_label(tmp_path: Path, name: str, format: str | None) -> None:
    recipe = augtool.Recipe((augtool.step("cutmix"),))
    output = str(tmp_path / name)
    augtool.run(augtool.Job("sample:?n=150&size=8", output, recipe, format=format, workers=0))
    told = CliRunner().invoke(read_rows.main, [output, "0"], catch_exceptions=False)
    first_pixels = 255 * 2  # at most, of two batches
    assert 150 <= json.loads(told.stdout)["seen"] <= 150 + first_pixels


@pytest.mark.parametrize("row", ["arrays-32", "folder-32"])
def test_a_row_has_samples_of_augtool_and_of_its_bound(row: str, tmp_path: Path) -> None:
    result = measured("--only", row, "--images", "300", "--scratch", str(tmp_path))
    (only,) = result["rows"]
    assert (only["name"], only["images"], result["runs"]) == (row, 300, 1)
    augtool, bound, *peers = only["contestants"]
    assert (augtool["kind"], bound["kind"]) == ("augtool", "bound")
    for one in (augtool, bound):
        (sample,) = one["samples"]
        assert 0 < sample["passed"] < sample["whole"]
        assert one["pass"] == dict.fromkeys(("median", "low", "high"), sample["passed"])
        assert one["images_per_second"] == pytest.approx(300 / sample["passed"])
    own, copied = augtool["samples"][0], bound["samples"][0]
    assert bound["pass_ratio"]["median"] == pytest.approx(copied["passed"] / own["passed"])
    assert bound["whole_ratio"]["median"] == pytest.approx(copied["whole"] / own["whole"])
    assert peers
    assert {one["absent"] for one in peers} == {"not asked for (--peers)"}
    assert list(tmp_path.iterdir()) == []
