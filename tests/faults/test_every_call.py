"""Killed before any call by which the parent changes the disk: the same bytes, by every sink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fault_jobs import FORMS

HERE = Path(__file__).parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("form", FORMS)
def test_a_run_killed_before_any_call_has_the_same_bytes_in_the_end(
    form: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    most = -(-int(request.config.getoption("--runs")) // len(FORMS))
    seed = request.config.getoption("--fault-seed")
    done = subprocess.run(
        [sys.executable, HERE / "every_call.py", tmp_path, form, str(most), str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] >= most
