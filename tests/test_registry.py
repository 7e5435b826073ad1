"""Discovery: by file name, and by entry points that may be broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import augtool
from augtool import registry
from augtool.errors import UsageError


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(**points: str) -> None:
        found = {name: EntryPoint(name, value, "augtool.methods") for name, value in points.items()}
        monkeypatch.setattr(registry, "_plugins", lambda _kind: found)
        registry.names.cache_clear()
        registry.load.cache_clear()

    yield install
    registry.names.cache_clear()
    registry.load.cache_clear()


@pytest.mark.parametrize("kind", ["methods", "sources", "sinks"])
def test_every_file_of_a_folder_is_found_and_loads(kind: str) -> None:
    files = {p.stem for p in (Path(augtool.__file__).parent / kind).glob("[!_]*.py")}
    assert files == set(registry.names(kind))
    for name in files:
        assert registry.load(kind, name).__name__ == f"augtool.{kind}.{name}"


def test_private_modules_are_not_methods() -> None:
    with pytest.raises(UsageError, match="no method '_contract'"):
        registry.load("methods", "_contract")


def test_a_plug_in_is_a_method_like_any_other(plugins: Any) -> None:
    plugins(twin="augtool.methods.cutmix")
    assert "twin" in registry.names("methods")
    assert augtool.step("twin", alpha=2.0).method == "twin"


def test_a_plug_in_is_found_among_installed_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "twin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: twin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[augtool.methods]\ntwin = augtool.methods.cutmix\n")
    monkeypatch.syspath_prepend(tmp_path)
    for cached in (registry.names, registry.load, registry._plugins):
        cached.cache_clear()
    try:
        assert "twin" in registry.names("methods")
        assert registry.load("methods", "twin").__name__ == "augtool.methods.cutmix"
    finally:
        for cached in (registry.names, registry.load, registry._plugins):
            cached.cache_clear()


def test_a_broken_plug_in_explains_itself_and_breaks_nothing(plugins: Any) -> None:
    plugins(broken="no_such_module_anywhere")
    assert augtool.step("cutmix").method == "cutmix"
    with pytest.raises(UsageError, match=r"plug-in 'broken' .* cannot be loaded"):
        augtool.step("broken")
