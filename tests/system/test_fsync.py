"""Flushing: every file of an output, one by one or all at once, and no error goes unheard."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from augtool.system import fsync


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was flushed one by one."""
    paths: list[Path] = []
    monkeypatch.setattr(fsync, "flush", paths.append)
    return paths


def folder_of(tmp_path: Path, files: int) -> Path:
    (tmp_path / "out" / "train").mkdir(parents=True)
    for number in range(files):
        (tmp_path / "out" / "train" / str(number)).write_text("some")
    return tmp_path / "out"


def answering(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the system answer a request for the whole file system with an error number, or 0."""
    monkeypatch.setattr(fsync, "_syncfs", lambda: lambda _handle: -1 if number else 0)
    monkeypatch.setattr(fsync.ctypes, "get_errno", lambda: number)


def test_a_few_files_and_their_folders_are_flushed_one_by_one(
    tmp_path: Path, asked: list[Path]
) -> None:
    out = folder_of(tmp_path, 3)
    fsync.flush_all(out)
    assert set(asked) == {out, out / "train", *(out / "train").iterdir()}


def test_many_files_are_flushed_at_once(
    tmp_path: Path, asked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 0)
    fsync.flush_all(folder_of(tmp_path, 99))
    assert asked == []


@pytest.mark.parametrize("number", [errno.ENOSYS, None])
def test_where_the_system_cannot_each_is_flushed(
    tmp_path: Path, asked: list[Path], monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    if number is None:
        monkeypatch.setattr(fsync, "_syncfs", lambda: None)
    else:
        answering(monkeypatch, number)
    fsync.flush_all(folder_of(tmp_path, 99))
    assert len(asked) == 99 + 2


def test_a_failing_disk_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        fsync.flush_all(folder_of(tmp_path, 99))


def test_the_system_itself_flushes_a_folder(tmp_path: Path) -> None:
    fsync.flush_all(folder_of(tmp_path, 99))
    fsync.flush(tmp_path / "out" / "train" / "0")
