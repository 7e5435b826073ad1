"""What a third party needs to add to augtool, and that it is enough."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import augtool
from augtool import plugin

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def example() -> str:
    """The method that CONTRIBUTING.md shows."""
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = (block for block in blocks if "def draw(" in block)
    return code


@pytest.fixture
def installed(example: str, tmp_path: Path) -> dict[str, str]:
    """The example as an installed distribution; the environment that finds it."""
    site = tmp_path / "site"
    (site / "halves_for_augtool").mkdir(parents=True)
    (site / "halves_for_augtool" / "__init__.py").write_text(example, encoding="utf-8")
    info = site / "halves_for_augtool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: halves-for-augtool\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text("[augtool.methods]\nhalves = halves_for_augtool\n")
    return {**os.environ, "PYTHONPATH": str(site)}


def test_the_example_imports_nothing_of_augtool_but_the_plugin_module(
    example: str,
) -> None:
    modules = {
        node.module
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("augtool")
    }
    assert modules == {"augtool.plugin"}


@pytest.mark.parametrize("workers", ["2", "auto"])
def test_an_installed_plugin_is_a_command_like_any_other(
    installed: dict[str, str], tmp_path: Path, workers: str
) -> None:
    command = [str(Path(sys.executable).with_name("augtool")), "halves", "--in", "sample:?n=60"]
    run = subprocess.run(
        [*command, "--out", "halves.h5", "--cut-range", "0.5,0.5", "-j", workers],
        cwd=tmp_path,
        env=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    with augtool.open(tmp_path / "halves.h5") as opened:
        assert len(opened) == 60
        assert np.array_equal(opened.field("weight"), np.full((60, 2), 0.5, np.float32))


def test_every_name_that_is_offered_is_there() -> None:
    assert sorted(plugin.__all__) == sorted(set(plugin.__all__))
    assert all(hasattr(plugin, name) for name in plugin.__all__)
