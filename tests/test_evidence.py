"""The list of training runs, and the page that is made of their results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import evidence, evidence_page

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_what_the_results_say() -> None:
    written = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert written == evidence_page.page(), "run: python docs/make.py"


def test_every_result_is_of_a_run_in_the_list() -> None:
    names = {run.result.name for run in evidence.runs()}
    assert {path.name for path in evidence.RESULTS.iterdir()} <= names
    assert len(names) == len(list(evidence.runs()))


def test_a_seed_is_a_whole_comparison_before_the_next_begins() -> None:
    first = [(run.arm.name, run.seed) for run in evidence.runs((1,))]
    arms = [arm.name for arm in evidence.TABLES[0].arms]
    assert first == [(arm, seed) for seed in range(3) for arm in arms]


def test_what_has_a_result_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = (sys.executable, "-m", "benchmarks.evidence", "--list", "--table", "6")
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    waiting = [run for run in evidence.runs((6,)) if not run.result.exists()]
    assert len(done.stdout.splitlines()) == len(waiting)
    monkeypatch.setattr(evidence, "RESULTS", tmp_path)
    assert not any(run.result.exists() for run in evidence.runs())


@pytest.mark.parametrize(
    ("paired", "said"),
    [
        ([1.0, 1.5, 2.0], "+1.50 ± 0.29"),
        ([-1.0, 1.5, 2.0], "none (+0.83 ± 0.93)"),
        ([-0.4], "-0.40, one seed"),
    ],
)
def test_a_difference_below_two_errors_is_called_none(paired: list[float], said: str) -> None:
    assert evidence_page.difference(paired) == said


def test_accuracies_are_those_of_the_last_best_and_late_epochs() -> None:
    lines = [{"test_accuracy": str(one)} for one in (0.5, 0.9, 0.6, 0.7, 0.8)]
    assert evidence_page.last(lines) == pytest.approx(80)
    assert evidence_page.best(lines) == pytest.approx(90)
    assert evidence_page.late(lines) == pytest.approx(70)
