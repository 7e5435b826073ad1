"""The distribution is what pyproject.toml says, and says what the code needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURS = {"augtool": "augtool", "cli": "augtool_cli"}
OF_DEVELOPERS = {
    "test",
    "lint",
    "readers",
    "browser",
    "benchmarks",
    "evidence",
}  # extras that no code of ours needs


def test_every_folder_of_code_is_a_listed_package() -> None:
    folders = set()
    for top, package in OURS.items():
        for file in (ROOT / top).rglob("*.py"):
            folders.add(".".join((package, *file.parent.relative_to(ROOT / top).parts)))
            assert (file.parent / "__init__.py").is_file(), file
    assert sorted(folders) == sorted(PYPROJECT["tool"]["setuptools"]["packages"])


def test_nothing_named_cli_is_installed(tmp_path: Path) -> None:
    names = (distribution("augtool").read_text("top_level.txt") or "").split()
    assert sorted(names) == sorted(OURS.values())
    code = "import importlib.util as u; print(u.find_spec('cli'), u.find_spec('augtool_cli'))"
    found = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.startswith("None ModuleSpec(")


def test_type_hints_are_shipped() -> None:
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"]["augtool"]
    assert (ROOT / "augtool" / "py.typed").is_file()
    assert "Typing :: Typed" in PYPROJECT["project"]["classifiers"]


def test_the_version_is_the_newest_in_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)[0]
    assert newest == PYPROJECT["project"]["version"] == version("augtool")


def test_the_dependencies_and_extras_are_the_packages_that_the_code_imports() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    of_users = (packages for name, packages in extras.items() if name not in OF_DEVELOPERS)
    listed = {
        re.split(r"[<>=!~\[; ]", one)[0].lower()
        for packages in (PYPROJECT["project"]["dependencies"], *of_users)
        for one in packages
    }
    distributions = packages_distributions()
    imported = {
        distributions.get(name, [name])[0].lower().replace("_", "-")
        for top in OURS
        for file in (ROOT / top).rglob("*.py")
        for name in _imports(file)
        if name not in {*sys.stdlib_module_names, *OURS.values()}
    }
    assert imported == listed


def test_the_licence_is_shipped() -> None:
    assert PYPROJECT["project"]["license-files"] == ["LICENSE"]
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def _imports(file: Path) -> Iterator[str]:
    """The top-level names of all absolute imports in a file, inside functions too."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                one.value.split(".")[0] for one in node.args if isinstance(one, ast.Constant)
            )
