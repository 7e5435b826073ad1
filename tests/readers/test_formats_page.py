"""What docs/formats.md tells people to type works, from top to bottom."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
LANGUAGES = {"python", "sh"}
BY_HAND = {"grain", "jax", "timm"}  # not installed where this runs


def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, capfd: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for number in range(140):
        file = Path("data", f"class {number % 10}", f"{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 12, 3), np.uint8)).save(file)
    names: dict[str, Any] = {"__name__": "page"}
    skipped = set()
    for language, code in sorted(BLOCKS, key=lambda block: block[0] != "sh"):
        imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
        missing = {name for name in imported if find_spec(name) is None}
        if language == "sh":
            subprocess.run(["bash", "-euc", code], check=True)
        elif language == "python" and not missing:
            exec(compile(code, f"{PAGE.name}: {code[:40]}", "exec"), names)
        skipped |= missing
    assert skipped <= BY_HAND
    assert "140 (" in capfd.readouterr().out  # rows and class names
    assert Path("folder/train/dataset.json").is_file()
    assert len(names["tars"]) == len(names["arrays"]) == len(names["x"]) == 140
    assert names["table"].features == {**names["folder"].features}
    assert float(names["loss"]) > 0
