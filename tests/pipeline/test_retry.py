"""A worker that dies: its task is done again, and an input that does it each time is named."""

from __future__ import annotations

import dataclasses
import hashlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import augtool
from augtool.errors import BrokenInput, InputChanged, WorkerDied
from augtool.job import Job
from augtool.pipeline import retry
from augtool.pipeline.worker import Task
from augtool.sources import sample
from augtool.system.child import ChildDied

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

Make = Callable[..., Job]
ROW, N = 417, 640

DEADLY = """
import os
from pathlib import Path
from augtool.sources.sample import Sample

class Deadly(Sample):
    "Row {row} ends the process that reads it, as a bug in a library does; only once with a flag."

    def read(self, rows, out):
        if {row} in rows.tolist() and not Path({flag!r}).exists():
            if {once}:
                Path({flag!r}).touch()
            os.kill(os.getpid(), {signal})
        super().read(rows, out)
"""


@pytest.fixture
def deadly(job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """A job by two workers over a source that kills one of them."""

    def make(number: int, *, once: bool = False, **given: Any) -> Job:
        folder, flag = tmp_path / "lib", tmp_path / "flag"
        folder.mkdir()
        text = DEADLY.format(row=ROW, flag=str(flag), once=once, signal=int(number))
        (folder / "deadly.py").write_text(text)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "deadly", raising=False)
        from deadly import Deadly  # type: ignore[import-not-found]

        def opened(_spec: Any, *rest: Any) -> Any:
            found = sample.open(f"sample:?n={N}&size=16", *rest[:2])
            fields = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
            return Deadly(**fields)

        monkeypatch.setattr("augtool.mixing.inputs.open_source", opened)
        return job("sample:", f"{number}.h5", workers=2, **given)

    return make


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_the_work_of_a_worker_that_died_once_is_done_again(
    deadly: Make, job: Make, number: int
) -> None:
    one = deadly(number, once=True)
    summary = augtool.run(one)
    whole = job(f"sample:?n={N}&size=16", "whole.h5")
    assert augtool.run(whole).digests == summary.digests
    assert digest(one) == digest(whole)


def digest(one: Job) -> str:
    return hashlib.sha256(Path(one.output).read_bytes()).hexdigest()


def test_an_input_that_ends_every_process_that_reads_it_is_named(deadly: Make) -> None:
    with pytest.raises(BrokenInput, match=r"the process that read it crashed \(SIGSEGV\)") as found:
        augtool.run(deadly(signal.SIGSEGV))
    assert found.value.row == ROW


def test_such_an_input_can_be_gone_without(deadly: Make) -> None:
    summary = augtool.run(deadly(signal.SIGSEGV, on_error="skip"))
    assert [(one.row, one.reason) for one in summary.skipped] == [
        (ROW, "the process that read it crashed (SIGSEGV)")
    ]
    assert summary.rows == N - 1


@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_an_input_is_not_blamed_for_a_process_that_was_killed(deadly: Make, on_error: str) -> None:
    with pytest.raises(WorkerDied, match=r"was killed, perhaps because memory ran out, while it"):
        augtool.run(deadly(signal.SIGKILL, on_error=on_error))


class Shrunk:
    """A source whose file has become shorter."""

    @property
    def pixels(self) -> None:
        raise InputChanged("x.npy: the file changed")


def test_no_image_is_blamed_for_a_file_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any) -> None:
        raise ChildDied(-signal.SIGBUS)

    monkeypatch.setattr(retry, "in_child", dies)
    source: Any = Shrunk()
    with pytest.raises(InputChanged):
        retry.scanned(Path("context"), 0, 5, source)
    with pytest.raises(InputChanged):
        retry.rendered(Path("context"), Task(()), source)
