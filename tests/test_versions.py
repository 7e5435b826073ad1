"""The versions that are stored are those of what is installed."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from augtool import versions


def test_versions_are_what_the_installers_say() -> None:
    found = versions.report()
    packages = found.keys() - {"python", "implementation", "system", "machine"}
    assert packages >= {"augtool", "numpy", "numba", "pillow"}
    assert all(found[name] == importlib.metadata.version(name) for name in packages)


def test_what_was_installed_in_another_way_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Old_Thing.egg-info").write_text(
        "Metadata-Version: 1.0\nName: old-thing\nVersion: 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert versions.of("old-thing") == "3"


def test_a_description_that_speaks_of_versions_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "thing-2.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.4\nVersion: 2.1\n\nVersion: 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert versions.of("thing") == "2.1"


def test_a_package_that_is_missing_is_absent() -> None:
    assert versions.of("no-such-package") == "absent"


def test_versions_of_what_is_installed_need_no_parser() -> None:
    script = "import sys; from augtool import versions; versions.recorded(); print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"importlib.metadata", "email.parser"} & set(said.stdout.split())
