"""The books: everything unfinished in one folder, one run at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from augtool.errors import OutputExists, UsageError
from augtool.pipeline import workdir as books
from augtool.pipeline.workdir import open_books
from augtool.system import signals
from augtool.system.handover import kept


def test_the_output_has_its_name_only_when_it_is_published(tmp_path: Path) -> None:
    output = tmp_path / "o.h5"
    with open_books(output) as books:
        books.unfinished.write_text("whole")
        assert not output.exists()
        books.publish()
        assert output.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [output]


def test_nothing_is_left_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_books(tmp_path / "o.h5") as books:
        books.unfinished.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_of_the_same_output_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    output = tmp_path / "o.h5"
    with open_books(output) as books:
        books.unfinished.write_text("first")
        with pytest.raises(OutputExists, match="another run"), open_books(output):
            pass
        assert books.unfinished.read_text() == "first"


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / ".o.h5.augtool"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "names.npy").write_text("old")
    (folder / "output").write_text("old")
    (folder / "lock").touch()
    (folder / "augtool-work").write_text("augtool keeps the files of an unfinished run here.\n")
    folder.chmod(0o700)
    with open_books(tmp_path / "o.h5") as books:
        assert list(books.scratch.iterdir()) == []
        assert not books.unfinished.exists()


def test_a_folder_that_is_missing_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"), open_books(tmp_path / "no" / "o.h5"):
        pass
    (tmp_path / ".o.h5.augtool").write_text("in the way")
    with pytest.raises(OutputExists, match="is not a folder"), open_books(tmp_path / "o.h5"):
        pass


class Stopped(BaseException):
    """What a signal's handler raises."""


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT and SIGTERM raise `Stopped`."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def signalled_at(step: int, action: Callable[[], object]) -> tuple[int, bool]:
    """Do the action, with SIGINT before the given bytecode of it, of the books and of what they
    use to wait and to tidy: (bytecodes until the end or until it stopped, whether it stopped)."""
    files = {module.__file__ for module in (books, signals, contextlib)} | {__file__}
    passed = 0

    def trace(frame: FrameType, event: str, _value: Any) -> Any:
        nonlocal passed
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            passed += 1
            if passed == step:
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except Stopped:
        return passed, True
    finally:
        sys.settrace(before)
    return passed, False


@pytest.mark.usefixtures("heeded")
def test_a_signal_at_any_moment_leaves_no_folder_no_lock_and_no_open_file(tmp_path: Path) -> None:
    output = tmp_path / "o.h5"

    def run() -> None:
        with open_books(output) as opened:
            opened.unfinished.write_text("whole")

    def free_file_number() -> int:
        number = os.open(os.devnull, os.O_RDONLY)
        os.close(number)
        return number

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    number = free_file_number()
    bytecodes, stopped = signalled_at(0, run)
    assert not stopped
    assert bytecodes > 100
    stops = 0
    for step in range(1, bytecodes + 1):
        stops += signalled_at(step, run)[1]
        assert list(tmp_path.iterdir()) == [], step
        assert free_file_number() == number, step
        assert [signal.getsignal(number) for number in signal.valid_signals()] == handlers, step
    assert stops >= bytecodes - 1


def test_large_arrays_are_mapped_and_not_copied_into_each_process(tmp_path: Path) -> None:
    small, large = np.arange(10), np.arange(100_000)
    with open_books(tmp_path / "o.h5") as opened:
        given = opened.keep({"small": small, "large": large, "again": large})
        assert len(given.data) < 2000
        found = kept(given)
        assert np.array_equal(found["small"], small)
        assert np.array_equal(found["large"], large)
        assert isinstance(found["large"].base, np.memmap)
        assert not found["large"].flags.writeable
        assert found["large"].base.filename == found["again"].base.filename
        del found


@pytest.mark.usefixtures("heeded")
def test_a_signal_at_any_moment_leaves_a_replaced_folder_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "flush", lambda _path: None)  # takes long, and moves nothing
    output = tmp_path / "mixed"
    manifest = output / ".augtool" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"files": {"rows": {}}}')
    step, stopped = 0, True
    with open_books(output) as opened:
        while stopped:  # a signal comes a bytecode later each time, at last not at all
            step += 1
            (output / "rows").write_text("old")
            opened.unfinished.mkdir(exist_ok=True)
            (opened.unfinished / "rows").write_text("new")
            shutil.copytree(manifest.parent, opened.unfinished / ".augtool", dirs_exist_ok=True)
            _, stopped = signalled_at(step, lambda: opened.publish(overwrite=True))
            assert (output / "rows").read_text() in ("old", "new")
            shutil.rmtree(opened.folder / "replaced", ignore_errors=True)
    assert list(tmp_path.iterdir()) == [output]
    assert step > 100
    assert (output / "rows").read_text() == "new"


def test_a_folder_that_a_killed_run_was_about_to_replace_is_put_back(tmp_path: Path) -> None:
    left = tmp_path / ".mixed.augtool"
    (left / "replaced").mkdir(parents=True)
    (left / "replaced" / "rows").write_text("old")
    (left / "augtool-work").write_text("augtool keeps the files of an unfinished run here.\n")
    left.chmod(0o700)
    with open_books(tmp_path / "mixed"):
        pass
    assert (tmp_path / "mixed" / "rows").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["mixed"]
