"""Kernels are cached for the user, and work where nothing can be cached."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import augtool.kernels

PASTED = """
import numpy as np
from augtool.kernels.paste import paste
pixels = np.arange(2 * 6, dtype=np.uint8).reshape(2, 2, 3, 1)
out = np.empty((1, 2, 3, 1), np.uint8)
paste(pixels, np.array([0]), np.array([1]), np.array([[0, 1, 1, 3]], np.int32), out)
print(out.ravel().tolist())
"""
SMALL = """
from augtool.kernels._compile import compiled

@compiled("i8(i8)")
def double(number):
    return 2 * number

print(double(21))
"""
OTHERS = """
import numba
print(numba.config.CACHE_DIR)  # for others who use numba
"""


def script(folder: Path) -> Path:
    file = folder / "script.py"
    file.write_text(SMALL + OTHERS)
    return file


def printed(program: str | Path, **environment: str) -> list[str]:
    """What a script, or code without a file, prints."""
    without = {key: one for key, one in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-B", *(["-c"] if isinstance(program, str) else []), program],
        env={**without, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="the folder has another name elsewhere")
def test_compiled_kernels_lie_in_the_users_cache_and_nowhere_else(tmp_path: Path) -> None:
    before = set(Path(augtool.kernels.__path__[0]).rglob("*.nbi"))
    out, others = printed(PASTED + OTHERS, XDG_CACHE_HOME=str(tmp_path))
    assert out == "[0, 7, 8, 3, 4, 5]"
    assert others == ""
    assert list((tmp_path / "augtool").rglob("*.nbi"))
    assert set(Path(augtool.kernels.__path__[0]).rglob("*.nbi")) == before


def test_a_cache_folder_of_ones_own_is_respected(tmp_path: Path) -> None:
    out, others = printed(script(tmp_path), NUMBA_CACHE_DIR=str(tmp_path / "own"))
    assert out == "42"
    assert others == str(tmp_path / "own")
    assert list((tmp_path / "own").rglob("*.nbi"))


def test_kernels_work_where_the_users_cache_cannot_be_written(tmp_path: Path) -> None:
    assert printed(script(tmp_path), XDG_CACHE_HOME="/dev/null/nowhere")[0] == "42"


def test_kernels_work_where_nothing_can_be_cached() -> None:
    assert printed(SMALL)[0] == "42"  # numba caches no function that is in no file
