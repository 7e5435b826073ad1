"""The library in the hands of scripts: no guard, no words, no confusion of runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augtool

SCRIPT = """
import augtool

job = augtool.Job(
    "sample:?n=600&size=20", "m.h5", augtool.Recipe((augtool.step("cutmix"),), block_rows=64),
    workers=2,
)
summary = augtool.run(job)
assert summary.rows == 600
assert len(augtool.open("m.h5")) == 600
with open("started.txt", "a") as file:
    file.write("once")
"""


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_a_script_needs_no_main_guard(tmp_path: Path, how: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    program = [sys.executable, "-W", "error", "script.py" if how == "file" else "-"]
    given = SCRIPT if how == "stdin" else ""
    done = subprocess.run(
        program, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "started.txt").read_text() == "once"


def test_the_library_never_prints(
    job: Callable[..., Any], owners: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    augtool.run(job(owners(), workers=2))
    with pytest.raises(augtool.AugtoolError):
        augtool.run(job("nowhere", "other.h5"))
    assert capfd.readouterr() == ("", "")


def test_runs_of_one_name_in_one_process_are_told_apart(
    job: Callable[..., Any], owners: Callable[..., Path]
) -> None:
    first = augtool.run(job(owners()))
    second = augtool.run(job(owners(n=200), seed=1, overwrite=True))
    assert (first.rows, second.rows) == (330, 200)
    bases = np.sort(augtool.open(second.output).field("src")[:, 0])
    np.testing.assert_array_equal(bases, np.arange(200))
    pixels = augtool.open(second.output).images[:, 0, 0, 0]
    assert set(pixels.tolist()) <= set(range(200))
