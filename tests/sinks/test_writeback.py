"""Writing out early changes nothing but when the disk is busy."""

from __future__ import annotations

from pathlib import Path

import pytest

from augtool.sinks import _writeback


@pytest.mark.parametrize("supported", [True, False])
def test_a_file_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    if not supported:
        monkeypatch.setattr(_writeback, "_sync_file_range", lambda: None)
    path = tmp_path / "some"
    path.write_bytes(b"some rows" * 9999)
    before = path.stat()
    _writeback.begin(path)
    assert path.read_bytes() == b"some rows" * 9999
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_errors_are_left_to_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def failing(handle: int, *rest: int) -> int:
        asked.append(rest)
        return -1

    monkeypatch.setattr(_writeback, "_sync_file_range", lambda: failing)
    (tmp_path / "some").write_bytes(b"")
    _writeback.begin(tmp_path / "some")
    assert asked == [(0, 0, 2)]
