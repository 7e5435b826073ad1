"""Whoever waits for a long listing hears how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from augtool_cli import progress

from augtool.sources import _listing
from augtool.system import progress as listening


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word after every third file."""
    monkeypatch.setattr(listening, "_EVERY", 3)


def listed(folder: Path) -> int:
    """How many files a listing of two class folders finds; they need not be images for it."""
    for label, count in ((b"a", 4), (b"b", 3)):
        (folder / label.decode()).mkdir(exist_ok=True)
        for number in range(count):
            (folder / label.decode() / f"{number}.jpg").touch()
    (folder / "scratch").mkdir(exist_ok=True)
    _, counts, _ = _listing.write_listing(
        bytes(folder), (b"a", b"b"), folder / "scratch", _listing.walked
    )
    return int(counts.sum())


@pytest.mark.usefixtures("often")
def test_a_listener_hears_the_files_of_all_classes_together(tmp_path: Path) -> None:
    heard: list[int] = []
    with listening.to(heard.append):
        assert listed(tmp_path) == 7
    assert heard == [3, 6]


@pytest.mark.usefixtures("often")
def test_nobody_hears_of_a_listing_after_it_is_over(tmp_path: Path) -> None:
    heard: list[int] = []
    with listening.to(heard.append):
        pass
    listed(tmp_path)
    assert heard == []


def test_a_listing_of_a_moment_is_not_mentioned_and_a_longer_one_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    meter, silent = progress.Meter(quiet=False), progress.Meter(quiet=True)
    for clock[0], files in ((100.5, 4096), (103.0, 8192), (104.0, 12_288), (164.0, 16_384)):
        meter.found(files)
        silent.found(files)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["listing: 8,192 files so far", "listing: 16,384 files so far"]
