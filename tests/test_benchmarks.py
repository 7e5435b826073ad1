"""``python -m benchmarks`` measures what it says, at a size that takes a moment."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import augtool
from benchmarks import measure, report, rows, written
from benchmarks._contract import Contestant, Race, Setting, Target
from benchmarks.measure import Measured
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
    (data,) = tmp_path.iterdir()
    assert data.name == "augtool-benchmark-data", "made data stay, outputs do not"


def race() -> tuple[Race, list[Measured]]:
    """One of 100 images that two of ours take part in, and a peer that is absent."""
    names = ("augtool", "copy", "half"), ("augtool", "bound", "augtool")
    there = [Contestant(*one, ()) for one in zip(*names, strict=True)]
    there[2] = dataclasses.replace(there[2], images=50)
    peer = Contestant("peer", "peer", (), absent="not installed")
    targets = (
        Target("augtool", against=("copy", "half"), at_least=1.4),
        Target("augtool", "whole", against=("copy",), at_least=1.1),
        Target("augtool", "whole", at_most=2.5, unit="s"),
        Target("augtool", "memory", ("copy",), at_most=2),
        Target("augtool", against=("peer",), at_least=1),
    )
    times = ((2.0, 2.0), (3.0, 2.0), (2.5, 2.5))
    measured = [
        Measured(one, ({"passed": passed, "whole": whole, "memory": passed},) * 3)
        for one, (passed, whole) in zip(there, times, strict=True)
    ]
    measured.append(Measured(peer, ()))
    return Race("a job", 100, (*there, peer), targets), measured


def test_a_target_says_whether_the_best_of_the_others_is_beaten_by_enough() -> None:
    judged = [(one.measured and one.measured.median, one.met) for one in measure.verdicts(*race())]
    fastest = 1.5  # the copy does 100 images in 3 s, the half only 50 in 2.5
    assert judged == [
        (fastest, True),
        (1.0, False),
        (2.0, True),
        (pytest.approx(2 / 3), True),
        (None, None),
    ]


def test_results_are_written_into_a_page_and_those_of_other_rows_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Before\n\n<!-- results -->\n<!-- end of results -->\n\nAfter\n")
    setup = {
        "cpu": "a processor",
        "cores": 2,
        "free_memory_gb": 1.0,
        "system": "Linux",
        "versions": {"augtool": "1"},
        "runs": 3,
        "load": [0.1],
    }
    for name in ("first", "second"):
        written.write(page, [{**report.as_data(name, *race()), "setup": setup}])
    failed = {"name": "third", "failed": "exit 1", "table": "third: failed: exit 1"}
    written.write(page, [{**failed, "setup": setup}])
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("\nAfter\n")
    assert text.count("SHORT") == 2 * 2, "in the list of targets and in the row's own table"
    assert [name for name in ("first", "second", "third") if f"### `{name}`" in text] == [
        "first",
        "second",
        "third",
    ]
    rows = json.loads(page.with_suffix(".json").read_text())["rows"]
    assert rows[0]["contestants"][0]["samples"] == [{"passed": 2, "whole": 2, "memory": 2}] * 3


def test_the_rows_have_data_targets_and_contestants(tmp_path: Path) -> None:
    for name in set(rows.names()) - {"reading-224", "listing", "folder-12mp"}:
        setting = Setting(tmp_path, tmp_path / "out", quick=True, images=8)
        one = rows.load(name)(setting)
        named = {each.name for each in one.contestants}
        assert len(named) == len(one.contestants)
        for target in one.targets:
            assert named.issuperset({target.ours, *target.against})
            assert (target.at_least is None) != (target.at_most is None)
