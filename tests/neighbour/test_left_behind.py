"""What a killed run leaves: the next run of its user clears it away, and nothing else."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MARK_TEXT = "augtool keeps the files of an unfinished run here.\n"
LONG = ("cutmix", "--in", "sample:?n=4000&size=96", "--workers", 1)
SHORT = ("cutmix", "--in", "sample:?n=40&size=16")


def killed_when(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """kill -9 to the whole group, as soon as it is ready."""
    while not ready():
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def temporary(victim) -> list[Path]:
    return sorted((victim.home / "tmp").glob("augtool-*"))


def leave_temporary(victim) -> Path:
    """A temporary folder of a run that was killed while it wrote to stdout."""
    process = victim.start(*LONG, "--format", "tar", "--out", "-", stdout=subprocess.PIPE)
    killed_when(process, lambda: any((one / "source").exists() for one in temporary(victim)))
    return temporary(victim)[0]  # a run has one for each output that it could have


@pytest.mark.parametrize(
    "next_run",
    [
        (*SHORT, "--out", "-", "--format", "tar"),
        (*SHORT, "--out", "b.h5"),
        (*SHORT, "--out", "b.h5", "--dry-run"),
        ("check", "--in", "sample:?n=40&size=16"),
    ],
    ids=["stream", "file", "dry run", "check"],
)
def test_a_temporary_folder_goes_with_the_next_run_of_any_kind(victim, next_run) -> None:
    left = leave_temporary(victim)
    assert stat.S_IMODE(left.lstat().st_mode) == 0o700
    ended = victim.augtool(*next_run)
    assert ended.code == 0, ended.err
    assert temporary(victim) == []


def test_a_run_that_lives_keeps_its_temporary_folder(victim) -> None:
    process = victim.start(*LONG, "--format", "tar", "--out", "-", stdout=subprocess.PIPE)
    # a run has one for its output, and one for what is held out
    while sum((folder / "source").exists() for folder in temporary(victim)) < 2:
        assert process.poll() is None
    alive = temporary(victim)
    assert victim.augtool(*SHORT, "--out", "b.h5").code == 0
    assert temporary(victim) == alive
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_scratch_of_a_killed_run_goes_too(victim) -> None:
    (victim.home / "scratch").mkdir()
    victim.owns(victim.home / "scratch", 0o755)
    process = victim.start(*LONG, "--out", "a.h5", "--scratch", "scratch")
    folder = victim.home / "scratch"
    killed_when(process, lambda: bool(list(folder.glob(".augtool-scratch-*/source"))))
    assert victim.augtool(*SHORT, "--out", "b.h5", "--scratch", "scratch").code == 0
    assert list(folder.iterdir()) == []


def left_work(victim, name: str, **files: str) -> Path:
    """A work folder as a killed run leaves it."""
    folder = victim.home / f".{name}.augtool"
    folder.mkdir()
    (folder / "augtool-work").write_text(MARK_TEXT)
    (folder / "lock").write_text("0000000007")
    for file, text in files.items():
        (folder / file).write_text(text)
    return victim.owns(folder, 0o700)


def test_a_work_folder_beside_a_complete_output_goes_with_the_next_run(victim) -> None:
    assert victim.augtool(*SHORT, "--out", "a.h5").code == 0
    left = left_work(victim, "a.h5", journal="of a run that was killed when it had its name")
    assert victim.augtool(*SHORT, "--out", "b.h5").code == 0
    assert not left.exists()


def test_a_run_that_is_refused_clears_it_as_well(victim) -> None:
    assert victim.augtool(*SHORT, "--out", "a.h5").code == 0
    left = left_work(victim, "a.h5", journal="of a run that was killed when it had its name")
    ended = victim.augtool(*SHORT, "--out", "a.h5")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert not left.exists()


def test_work_that_can_be_gone_on_with_stays(victim) -> None:
    process = victim.start(*LONG, "--out", "a.h5")
    journal = victim.home / ".a.h5.augtool" / "journal"
    killed_when(process, lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1)
    before = {path.name: path.stat().st_size for path in journal.parent.iterdir()}
    assert victim.augtool(*SHORT, "--out", "b.h5").code == 0
    assert {path.name: path.stat().st_size for path in journal.parent.iterdir()} == before


def kinds(victim) -> dict[str, Callable[[Path], object]]:
    """What bears such a name, and is not ours to remove."""
    text = victim.home / "thesis.txt"

    def without_mark(path: Path) -> None:
        path.mkdir()
        (path / "thesis.txt").write_text("five years")

    def with_another(path: Path) -> None:
        path.mkdir()
        (path / "augtool-work").write_text("my own notes")

    def loose(path: Path) -> None:
        path.mkdir()
        (path / "augtool-work").write_text(MARK_TEXT)
        path.chmod(0o777)

    def with_linked_mark(path: Path) -> None:
        path.mkdir()
        (path / "augtool-work").symlink_to(text)

    return {
        "no mark": without_mark,
        "another mark": with_another,
        "writable by all": loose,
        "linked mark": with_linked_mark,
        "file": lambda path: path.write_text("x"),
        "link": lambda path: path.symlink_to(victim.home / "data"),
        "fifo": os.mkfifo,
    }


NAMES = ("tmp/augtool-0123456789abcdef", ".z.h5.augtool", "scratch/.augtool-scratch-" + "0" * 16)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "kind",
    ["no mark", "another mark", "writable by all", "linked mark", "file", "link", "fifo"],
)
def test_what_is_not_ours_for_certain_stays(victim, name: str, kind: str) -> None:
    (victim.home / "thesis.txt").write_text(MARK_TEXT)
    (victim.home / "scratch").mkdir()
    (victim.home / "data").mkdir()
    (victim.home / "data" / "augtool-work").write_text(MARK_TEXT)
    path = victim.home / name
    kinds(victim)[kind](path)
    mode = path.lstat().st_mode
    victim.owns(victim.home)
    assert victim.augtool(*SHORT, "--out", "b.h5", "--scratch", "scratch").code == 0
    assert victim.augtool(*SHORT, "--out", "-", "--format", "tar").code == 0
    assert path.lstat().st_mode == mode
    if kind in ("no mark", "another mark"):
        assert len(list(path.iterdir())) == 1
    assert (victim.home / "data" / "augtool-work").read_text() == MARK_TEXT


def test_what_belongs_to_another_user_stays(victim, neighbour, shared: Path) -> None:
    left = shared / "augtool-0123456789abcdef"
    left.mkdir()
    (left / "augtool-work").write_text(MARK_TEXT)
    neighbour.owns(left, 0o700)
    ended = victim.augtool(*SHORT, "--out", "b.h5", env={"TMPDIR": str(shared)})
    assert ended.code == 0, ended.err
    assert (left / "augtool-work").exists()


def test_what_is_locked_stays(victim) -> None:
    left = left_work(victim, "z.h5")
    with (left / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert victim.augtool(*SHORT, "--out", "b.h5").code == 0
        assert left.exists()
    assert victim.augtool(*SHORT, "--out", "c.h5").code == 0
    assert not left.exists()


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_scratch_folder_that_everybody_may_write_to_is_refused(victim, mode: int) -> None:
    (victim.home / "scratch").mkdir()
    victim.owns(victim.home / "scratch", mode)
    ended = victim.augtool(*SHORT, "--out", "a.h5", "--scratch", "scratch")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--scratch scratch: may be written to by everybody" in ended.err
    assert list((victim.home / "scratch").iterdir()) == []


def test_a_scratch_folder_of_another_user_is_refused(victim, neighbour, shared: Path) -> None:
    (shared / "theirs").mkdir()
    neighbour.owns(shared / "theirs", 0o775)
    ended = victim.augtool(*SHORT, "--out", "a.h5", "--scratch", shared / "theirs")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "belongs to another user" in ended.err


def test_a_tmpdir_that_everybody_may_write_to_is_not_used(victim) -> None:
    loose = victim.home / "loose"
    loose.mkdir()
    victim.owns(loose, 0o777)
    ended = victim.augtool(*SHORT, "--out", "-", "--format", "tar", env={"TMPDIR": str(loose)})
    assert ended.code == 0, ended.err
    assert not list(loose.glob("augtool-*"))


def test_private_inputs_are_unpacked_where_nobody_else_can_read(victim, neighbour) -> None:
    process = victim.start(*LONG, "--out", "a.h5")
    folder = victim.home / ".a.h5.augtool"
    while not (folder / "source").exists():
        assert process.poll() is None

    def look() -> None:
        with pytest.raises(PermissionError):
            list((folder / "source").iterdir())
        with pytest.raises(PermissionError):
            (folder / "output").read_bytes()

    neighbour.act(look)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
