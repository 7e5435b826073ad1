"""What the README says is true: it runs from top to bottom."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a reader tries things, with the inputs that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    colours = np.random.default_rng(0).integers(0, 256, (8, 3))
    for number, colour in enumerate(colours.tolist()):
        for folder, size in (("data", (40, 30)), ("photos", (300 + number, 260))):
            file = tmp_path / folder / ("cat", "dog")[number % 2] / f"{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, tuple(colour)).save(file)
    with h5py.File(tmp_path / "arrays.h5", "w") as file:
        file["images"] = np.zeros((8, 9, 14, 3), np.uint8)
        file["labels"] = np.arange(8) % 3
    return tmp_path


def test_the_readme_runs_from_top_to_bottom(workplace: Path, cli: Cli) -> None:
    for language, code in BLOCKS:
        if language == "sh":
            for line in _augtool_lines(code):
                _run(cli, line)
        elif language == "console":
            asked, _, answer = code.partition("\n")
            assert _run(cli, asked.removeprefix("$ ")) == answer, asked
        elif language == "toml":
            name = code.split("\n", 1)[0].removeprefix("# ")
            (workplace / name).write_text(code, encoding="utf-8")
        elif language == "python":
            _execute(code)
        else:
            assert language == "text"
    assert {"mixed.h5", "grid.png"} <= {file.name for file in workplace.iterdir()}


def test_the_first_command_installs_and_makes_a_mixed_file_with_a_preview() -> None:
    parts = _parts_of_the_line_with(".venv/bin/augtool")
    assert parts[:2] == ["python3 -m venv .venv", ".venv/bin/pip install ."]
    assert parts[2:] == [
        ".venv/bin/augtool cutmix --in sample: --out mixed.h5 --alpha 1.0 --preview grid.png"
    ]


def test_the_second_command_installs_the_test_extra_and_runs_the_tests() -> None:
    parts = _parts_of_the_line_with("pytest")
    assert parts[0] == "python3 -m venv .venv-test"
    assert parts[1] == '.venv-test/bin/pip install -e ".[test]"'
    assert parts[2:] == [".venv-test/bin/python -m pytest"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(one.startswith("pytest") for one in project["optional-dependencies"]["test"])


def test_ci_takes_the_test_command_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -- '(.*?)' README.md", script)
    (line,) = re.findall(f"^.*{pattern}", TEXT, re.MULTILINE)
    assert _parts_of_the_line_with("pytest") == line.split(" && ")
    assert set(re.findall(r"^ *([.]venv\S*)/bin/", script, re.MULTILINE)) == {".venv-test"}


def test_the_readme_needs_the_python_that_the_package_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = project["requires-python"].removeprefix(">=")
    assert f"Python {needed} or newer" in TEXT


def _parts_of_the_line_with(word: str) -> list[str]:
    lines = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    (line,) = [line for line in lines if word in line]
    return line.split(" && ")


def _augtool_lines(code: str) -> Iterator[str]:
    """The commands of augtool in a block of shell, without the way to the virtual environment."""
    for line in code.splitlines():
        for part in line.split(" && "):
            command = part.strip().removeprefix(".venv/bin/")
            if command.startswith("augtool "):
                yield command


def _run(cli: Cli, line: str) -> str:
    """What a command prints on stdout."""
    code, out, err = cli(*shlex.split(line)[1:])
    assert code == 0, f"{line}\n{err}"
    return out


def _execute(code: str) -> None:
    """Run a snippet; compile it at least when it is for a library that is not installed."""
    compiled = compile(code, "README.md", "exec")
    imported = re.findall(r"^import (\w+)", code, re.MULTILINE)
    if all(map(find_spec, imported)):
        exec(compiled, {"__name__": "readme"})
