"""Stdout and stderr: data and talk apart, pipes that close, devices that are full, terminals."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., subprocess.Popen[str]]
SAMPLE = "sample:?n=9000&size=8"


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "cutmix", "--in", SAMPLE],
        ["inspect", SAMPLE, "--list"],
        ["inspect", SAMPLE, "--list", "--json"],
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_ends_it_quietly_with_141(
    start: Start, arguments: list[str]
) -> None:
    run = start(*arguments)
    assert run.stdout is not None
    assert run.stdout.readline()
    run.stdout.close()
    assert run.stderr is not None
    assert run.stderr.read() == ""
    assert run.wait(timeout=60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "cutmix", "--in", SAMPLE],
        ["inspect", SAMPLE, "--list"],
        ["inspect", SAMPLE],
        ["--version"],
    ],
    ids=" ".join,
)
def test_a_full_device_is_one_line(start: Start, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        run = start(*arguments, stdout=full)
        _, err = run.communicate(timeout=60)
    assert err == ("augtool: stdout: No space left on device; free some space or write elsewhere\n")
    assert run.returncode == 1


def test_closed_streams_do_no_harm(start: Start, tmp_path: Path) -> None:
    closed = "import os, sys; os.close(0); os.close(1); os.close(2)"
    closed += "; sys.stdin = sys.stdout = sys.stderr = None"
    run = start("cutmix", "--in", "sample:?n=9", "--out", "m.h5", before=closed)
    run.communicate(timeout=60)
    assert run.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m.h5"]


def test_a_narrow_encoding_escapes_what_it_lacks(
    start: Start, cli: Callable[..., tuple[int, str, str]]
) -> None:
    assert cli("cutmix", "--in", "sample:?n=9", "--out", "m.h5")[0] == 0
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = start("inspect", "m.h5", env=environment)
    out, err = shown.communicate(timeout=60)
    assert (shown.returncode, err) == (0, "")
    assert "weight of the base image (\\u03bb)" in out


@pytest.mark.parametrize("columns", [100, 0])  # none are known behind some remote shells
def test_a_terminal_sees_a_bar_and_a_pipe_does_not(start: Start, columns: int) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    run = start("cutmix", "--in", "sample:?n=900", "--out", "m.h5", "-j", 1, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    out, _ = run.communicate(timeout=60)
    text = seen.decode()
    assert (run.returncode, out) == (0, "")
    assert "0/900" in text
    assert "img/s" in text
    assert "making" not in text
    assert text.splitlines()[-1].lstrip("\r ").startswith("m.h5: 900 rows, ")
