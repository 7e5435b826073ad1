"""Worker processes: they give what functions give, and end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import augtool
from augtool.engines import open_engine
from augtool.engines.inline import InlineExecutor
from augtool.engines.processes import ProcessExecutor
from augtool.errors import WorkerDied
from augtool.pipeline import build


def test_engines_give_results_and_errors_alike() -> None:
    with InlineExecutor() as inline, ProcessExecutor(1) as processes:
        for engine in (inline, processes):
            assert engine.submit(divmod, 7, 2).result() == (3, 1)
            with pytest.raises(ZeroDivisionError):
                engine.submit(divmod, 7, 0).result()


def test_tasks_run_in_other_processes() -> None:
    with ProcessExecutor(1) as engine:
        assert engine.submit(os.getpid).result() != os.getpid()


def test_a_worker_that_dies_is_an_error_at_once_and_leaves_no_other_behind() -> None:
    with pytest.raises(WorkerDied, match="worker process died"), open_engine(2) as engine:
        engine.submit(os._exit, 9).result()
    with pytest.raises((BrokenProcessPool, RuntimeError)):
        engine.submit(os.getpid).result()


def test_each_worker_prepares_before_its_first_task() -> None:
    with ProcessExecutor(2) as engine:
        engine.prepare(os.umask, 0o123)
        masks = {engine.submit(os.umask, 0o123) for _ in range(40)}
        assert {one.result() for one in masks} == {0o123}


def test_what_kills_workers_while_they_prepare_costs_only_these() -> None:
    def survives(engine: ProcessExecutor) -> bool:
        try:
            return engine.submit(os.getpid).result() != os.getpid()
        except BrokenProcessPool:
            return False

    with ProcessExecutor(2) as engine:
        engine.prepare(os._exit, 3)
        deaths = list(iter(lambda: survives(engine), True))
        assert 1 <= len(deaths) <= 4  # each of the two has at most two calls
        assert survives(engine)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal\n"
        "from augtool.engines.processes import ProcessExecutor\n"
        "engine = ProcessExecutor(1)\n"
        "print(engine.submit(os.getpid).result(), flush=True)\n"
        "engine.submit(os.read, *os.pipe()[:1], 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The worker inherits stdout, whose end comes only when the last process is gone: an orphan
    # would keep this waiting until the timeout, which is an error.
    done = subprocess.run([sys.executable, script], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9
    assert int(done.stdout) != os.getpid()


@pytest.mark.parametrize("kind", ["hdf5", "folder"])
def test_a_workers_first_task_waits_for_no_import_of_ours(
    kind: str,
    owners: Callable[..., Path],
    job: Callable[..., augtool.Job],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = owners(n=64) if kind == "hdf5" else folder(tmp_path / "data")
    found: list[set[str]] = []
    reports = build._reports

    def watched(tasks: Any, engine: Any, *rest: Any) -> Iterator[Any]:
        found.append(set(engine.submit(eval, _MODULES).result()))
        yield from reports(tasks, engine, *rest)
        found.append(set(engine.submit(eval, _MODULES).result()))

    monkeypatch.setattr(build, "_reports", watched)
    augtool.run(job(source, workers=1))
    before, after = found
    new = {name for name in after - before if name.startswith(_DEAR)}
    # The server of this session was told of kernels; one that knows the method has that, too.
    assert {name for name in new if not name.startswith("augtool.methods.")} == set()


_MODULES = "[*__import__('sys').modules]"
_DEAR = ("augtool", "numpy", "simplejpeg", "PIL", "h5py")


def folder(path: Path) -> Path:
    """Two classes of two JPEGs."""
    for label, number in ((label, number) for label in "ab" for number in range(2)):
        (path / label).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (14, 9)).save(path / label / f"{number}.jpg")
    return path
