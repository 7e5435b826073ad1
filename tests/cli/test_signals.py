"""Signals: one line, the right code, no file and no process left behind.

Workers and their server hold the stderr of the run: when that ends, all of them have.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from augtool.system.signals import SignalsWait

Start = Callable[..., subprocess.Popen[str]]
LONG = ("cutmix", "--in", "sample:?n=4000", "--out", "m.h5", "--copies", "200")


def begun(run: subprocess.Popen[str], first: str = "making ") -> None:
    """Wait until the run says that it makes rows."""
    assert run.stderr is not None
    assert run.stderr.readline().startswith(first)


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """(exit code, what it said) once the run and all that it started are gone."""
    _, err = run.communicate(timeout=60)
    return run.returncode, err


@pytest.mark.parametrize(
    ("number", "workers", "code", "said"),
    [
        (signal.SIGINT, "2", 130, "stopped by SIGINT (Ctrl-C)"),
        (signal.SIGINT, "inline", 130, "stopped by SIGINT (Ctrl-C)"),
        (signal.SIGTERM, "2", 143, "stopped by SIGTERM"),
        (signal.SIGHUP, "2", 129, "stopped by SIGHUP"),
    ],
    ids=["INT", "INT-inline", "TERM", "HUP"],
)
def test_a_signal_ends_a_run_and_leaves_nothing(
    start: Start, tmp_path: Path, number: int, workers: str, code: int, said: str
) -> None:
    inline = "import importlib; importlib.import_module('augtool.run').workers_of = lambda *_: 0"
    options, before = ([], inline) if workers == "inline" else (["-j", workers], "pass")
    run = start(*LONG, *options, before=before)
    begun(run)
    if number == signal.SIGINT:  # a terminal sends it to all
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    assert ended(run) == (code, f"augtool: {said}; nothing was left behind\n")
    assert not list(tmp_path.iterdir())


def test_an_impatient_second_ctrl_c_does_not_disturb_the_tidying(
    start: Start, tmp_path: Path
) -> None:
    run = start(*LONG, "-j", 2)
    begun(run)
    for _ in range(20):
        os.killpg(run.pid, signal.SIGINT)
    assert ended(run)[0] == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [(), ("--holdout", 0.2), ("--scratch", "elsewhere")], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_ends_a_run_whose_tidying_hangs(
    start: Start, tmp_path: Path, number: int, more: tuple[object, ...]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    hangs = (
        "import sys; from augtool.pipeline import workdir as books; books._leave = lambda *_: "
        "(print('tidying', file=sys.stderr, flush=True), [signal.pause() for _ in iter(int, 1)])"
    )
    run = start(*LONG, "-j", 2, *more, before=hangs)
    begun(run)
    run.send_signal(number)
    begun(run, "tidying")
    for _ in range(100):  # half a second is enough; 10 are too long
        run.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(0.1)
            break
    assert ended(run) == (128 + number, "")
    again = start("cutmix", "--in", "sample:?n=9", "--out", "m.h5", "--overwrite")
    assert ended(again)[0] == 0
    assert "m.h5" in [path.name for path in tmp_path.iterdir()]


def test_two_at_once_while_signals_wait_long_are_one_press(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from augtool_cli import main

    clock = iter([0.0, 0.05, 9.0, 9.0])  # both are noted, and heeded much later
    monkeypatch.setattr(main.time, "monotonic", lambda: next(clock, 9.0))
    ended_with: list[int] = []
    monkeypatch.setattr(main.os, "_exit", ended_with.append)
    before = signal.signal(signal.SIGUSR1, main._Stop())
    try:
        with pytest.raises(main.Stopped), SignalsWait():
            for _ in range(2):
                signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert next(clock, None) is None
    assert not ended_with


def test_ctrl_c_is_one_line_also_while_workers_start(start: Start, tmp_path: Path) -> None:
    started = (
        "import importlib, sys; run = importlib.import_module('augtool.run'); old = run.warm_up; "
        "run.warm_up = lambda names: (old(names), print('started', file=sys.stderr, flush=True))"
    )
    run = start(*LONG, "-j", 2, before=started)
    begun(run, "started")
    os.killpg(run.pid, signal.SIGINT)
    code, err = ended(run)
    assert code == 130
    assert err == "augtool: stopped by SIGINT (Ctrl-C); nothing was left behind\n"
    assert not list(tmp_path.iterdir())


def test_nohup_is_respected(start: Start, tmp_path: Path) -> None:
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    run = start("cutmix", "--in", "sample:?n=4000", "--out", "m.h5", "-j", 1, before=ignored)
    begun(run)
    run.send_signal(signal.SIGHUP)
    code, err = ended(run)
    assert code == 0
    assert err.startswith("m.h5: 4,000 rows")


def test_a_killed_run_takes_its_workers_along_and_the_next_one_clears_up(
    start: Start, tmp_path: Path
) -> None:
    run = start(*LONG, "-j", 2)
    begun(run)
    run.kill()
    assert ended(run)[0] == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".m.h5.augtool"]
    again = start("cutmix", "--in", "sample:?n=9", "--out", "m.h5")
    assert ended(again)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m.h5"]


def test_the_work_of_a_killed_worker_is_done_by_another(start: Start, tmp_path: Path) -> None:
    job = ("cutmix", "--in", "sample:?n=14000&size=32", "--copies", 3, "--out")
    run = start(*job, "killed.h5", "-j", 1)
    begun(run)
    for process in _of_session(run.pid):
        if "multiprocessing.forkserver" in process.read_text(errors="replace"):
            pid = int(process.parent.name)
            if pid != run.pid and _parent(pid) != run.pid:
                os.kill(pid, signal.SIGKILL)
    code, err = ended(run)
    assert code == 0
    assert err.startswith("killed.h5: 42,000 rows")
    assert ended(start(*job, "whole.h5", "-j", 2))[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.h5", "whole.h5"]
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_second_run_of_one_output_is_refused(start: Start, tmp_path: Path) -> None:
    first = start(*LONG, "-j", 1)
    begun(first)
    second = start(*LONG, "-j", 1, "--overwrite")
    assert ended(second) == (
        2,
        f"augtool: m.h5: another run (process {first.pid}) is writing it; "
        "wait for it or choose another --out\n",
    )
    first.terminate()
    assert ended(first)[0] == 143
    left = [path.name for path in tmp_path.iterdir()]
    assert left in ([], [".m.h5.augtool"])  # the second when a task was finished meanwhile


def _of_session(leader: int) -> list[Path]:
    """The command lines of all processes of a session."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if _field(path, 3) == leader]


def _parent(pid: int) -> int:
    return _field(Path(f"/proc/{pid}/cmdline"), 1)


def _field(cmdline: Path, index: int) -> int:
    try:
        return int((cmdline.parent / "stat").read_text().rpartition(")")[2].split()[index])
    except OSError:  # it has ended meanwhile
        return -1
