"""A child process answers, or its death is one clear error; the caller's main module is not run."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from augtool.errors import BrokenInput, SourceError
from augtool.system.child import bare_main, isolated

HELPER = """
import os, signal, time
from pathlib import Path
from augtool.errors import BrokenInput
from augtool.system.child import limited

def add(a, b, c=0):
    return a + b + c

def pid():
    return os.getpid()

def break_row(row):
    raise BrokenInput(row, "cat/7.png", "ends early")

def divide(a):
    return a / 0

def big(n):
    return bytes(n)

def die(spec, how):
    os.kill(os.getpid(), how)

def loop(spec, seconds):
    with limited(1 << 30, seconds):
        while True:
            pass

def allocate(spec, allowed, size):
    with limited(allowed, 60):
        return len(bytes(size))

def complain(spec):
    os.write(2, b"terminate called after throwing an instance")
    os.abort()

def leave(spec, code):
    os._exit(code)

def tick(path):
    with Path(path).open("a") as file:
        while True:
            print(".", end="", file=file, flush=True)
            time.sleep(0.02)
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Functions that a child process can import, unlike those of a test module."""
    (tmp_path / "isolate_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "isolate_helper", raising=False)
    yield importlib.import_module("isolate_helper")
    del sys.modules["isolate_helper"]


def test_the_result_comes_back_from_another_process(helper) -> None:
    assert isolated(helper.add, 1, 2, c=3) == 6
    assert isolated(helper.pid) not in (os.getpid(), isolated(helper.pid))


def test_a_result_larger_than_a_pipe_comes_back(helper) -> None:
    assert len(isolated(helper.big, 1 << 22)) == 1 << 22


def test_a_library_that_complains_before_it_dies_is_not_heard(
    helper, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError):
        isolated(helper.complain, "x.h5")
    assert capfd.readouterr() == ("", "")


def test_the_childs_errors_are_raised_here_as_they_are(helper) -> None:
    with pytest.raises(BrokenInput) as caught:
        isolated(helper.break_row, 7)
    assert (caught.value.row, caught.value.reason) == (7, "ends early")


def test_an_unexpected_error_keeps_the_childs_traceback(helper) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        isolated(helper.divide, 1)
    assert "isolate_helper.py" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("function", "how", "cause"),
    [
        ("die", 11, "crashed (SIGSEGV)"),
        ("die", 6, "crashed (SIGABRT)"),
        ("die", 9, "was killed, perhaps because memory ran out"),
        ("loop", 1, "did not come to an end"),
        ("leave", 0, "ended with exit code 0"),
        ("leave", 3, "ended with exit code 3"),
    ],
)
def test_the_death_of_the_child_is_one_line_that_names_the_input(
    helper, function: str, how: int, cause: str
) -> None:
    with pytest.raises(SourceError) as caught:
        isolated(getattr(helper, function), "data/x.h5", how)
    message = str(caught.value)
    assert message.startswith("data/x.h5: ")
    assert cause in message
    assert "\n" not in message


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_memory_is_limited_to_what_is_allowed(helper) -> None:
    assert isolated(helper.allocate, "x.h5", 1 << 28, 1 << 27) == 1 << 27
    with pytest.raises(MemoryError):
        isolated(helper.allocate, "x.h5", 1 << 27, 1 << 28)


def test_the_main_module_is_back_after_a_child_was_started(helper) -> None:
    main = sys.modules["__main__"]
    isolated(helper.pid)
    with pytest.raises(RuntimeError), bare_main():
        assert sys.modules["__main__"] is not main
        raise RuntimeError
    assert sys.modules["__main__"] is main


UNGUARDED = """
import operator
from augtool.system.child import isolated
print("main runs")
print(isolated(operator.add, 1, 2))
"""


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    assert python([str(script)]) == "main runs\n3\n"


def test_code_that_is_in_no_file_can_use_it() -> None:
    assert python(["-"], UNGUARDED) == "main runs\n3\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_child_ends_when_its_parent_is_killed(helper, tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import isolate_helper
        from augtool.system.child import isolated
        isolated(isolate_helper.tick, {str(log)!r})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as parent:
        wait_until(lambda: log.exists() and log.stat().st_size > 0)
        parent.kill()
    wait_until(lambda: not grows(log))


def grows(path: Path) -> bool:
    before = path.stat().st_size
    time.sleep(0.2)
    return path.stat().st_size > before


def wait_until(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def python(args: list[str], stdin: str = "") -> str:
    """What Python prints, nothing being printed on stderr."""
    done = subprocess.run(
        [sys.executable, *args], input=stdin, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_the_start_of_a_process_is_not_split_by_a_signal_that_another_thread_takes() -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    main, done = sys.modules["__main__"], []
    try:
        with ThreadPoolExecutor(1) as other:
            other.submit(int).result()  # it has begun, so it does not inherit that the signal waits
            with pytest.raises(KeyboardInterrupt), bare_main():
                other.submit(signal.raise_signal, signal.SIGINT).result()
                done.append("all")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["all"]
    assert sys.modules["__main__"] is main
