"""Inputs and helpers for tests of the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short names in arguments, and nothing that a test writes by mistake stays."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``data/`` with cat, dog and emu, eight images each, 9 × 14, PNG and JPEG."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog", "emu"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(8):
            pixels = rng.integers(0, 256, (9, 14, 3), dtype=np.uint8)
            suffix = "png" if index % 2 else "jpg"
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.{suffix}")
    return tmp_path / "data"


@pytest.fixture
def hdf5(tmp_path: Path) -> Callable[..., str]:
    """Make ``NAME.h5`` from data sets; images and labels of 40 rows unless they are given."""

    def make(name: str = "a", **data_sets: Any) -> str:
        rng = np.random.default_rng(1)
        usual = {
            "images": rng.integers(0, 256, (40, 9, 14, 3), dtype=np.uint8),
            "labels": np.arange(40) % 4,
        }
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for key, values in {**usual, **data_sets}.items():
                if values is not None:
                    file[key] = values
        return f"{name}.h5"

    return make


@pytest.fixture
def refused(cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> Refused:
    """Run what must fail: its one line, after checking that nothing else happened."""

    def run(*arguments: object, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        got, out, err = cli(*arguments)
        lines = [line for line in err.splitlines() if not line.startswith("making ")]
        assert out == ""
        assert len(lines) == 1, err
        assert lines[0].startswith("augtool: ")
        assert "bug" not in lines[0]
        assert got == code, err
        assert sorted(tmp_path.rglob("*")) == before
        return lines[0].removeprefix("augtool: ")

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command as a process of its own, leader of its own session.

    ``before`` is a statement that it executes first.
    """
    program = (  # a background job is born with Ctrl-C ignored
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "{before}; from augtool_cli.main import main; main()"
    )
    started = []

    def begin(*arguments: object, before: str = "pass", **given: Any) -> subprocess.Popen[str]:
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        run = subprocess.Popen(
            [sys.executable, "-c", program.format(before=before), *map(str, arguments)],
            cwd=tmp_path,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            **given,
        )
        started.append(run)
        return run

    yield begin
    for run in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        for stream in (run.stdout, run.stderr):
            if stream is not None:
                stream.close()
