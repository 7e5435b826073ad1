"""The stream on stdout: what a trainer that reads ``pipe:augtool … --out -`` may count on."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
import pytest

from augtool.job import Job
from augtool.recipe.recipe import Recipe, step
from augtool.run import run as do

Start = Callable[..., subprocess.Popen[str]]
Stream = Callable[..., bytes]
ROWS = 330
END = bytes(1024)  # the two empty blocks after the last member of an archive
ENDLESS = ("--out", "-", "--format", "tar", "--copies", "inf")


@pytest.fixture
def source(tmp_path: Path) -> str:
    """``in.h5``: an image and class for each of 330 rows, which are five blocks of 64."""
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 9, 14, 3), dtype=np.uint8)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["labels"] = pixels, np.arange(ROWS) % 7
    return "in.h5"


@pytest.fixture
def stream(source: str, capfdbinary: pytest.CaptureFixture[bytes]) -> Stream:
    """What a run writes to stdout: ``stream(copies=2, task_index=1, num_tasks=3)``."""

    def make(copies: int = 1, block_rows: int = 64, workers: int = 0, **given: Any) -> bytes:
        recipe = Recipe((step("cutmix"),), copies=copies, block_rows=block_rows)
        do(Job(source, "-", recipe, format="tar", workers=workers, **given))
        return capfdbinary.readouterr().out

    return make


@pytest.fixture
def endless(start: Start, source: str) -> Iterator[Callable[..., tuple[Any, BinaryIO]]]:
    """Start an endless stream: the process, and what it writes."""
    opened = []

    def begin(*options: object) -> tuple[subprocess.Popen[str], BinaryIO]:
        ours, theirs = os.pipe()
        run = start("cutmix", "--in", source, *ENDLESS, *options, stdout=theirs)
        os.close(theirs)
        opened.append(os.fdopen(ours, "rb"))
        return run, opened[-1]

    yield begin
    for one in opened:
        one.close()


def members(archive: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getmembers()


def rows_of(archive: bytes) -> bytes:
    """The bytes of an archive up to the member that describes it, which is the last."""
    last = members(archive)[-1]
    assert last.name == ".augtool.json"
    assert archive.endswith(END)
    return archive[: last.offset]


def test_a_reader_that_goes_away_ends_it_quietly_with_141(endless: Any) -> None:
    run, pipe = endless("-j", 2, "--quiet")
    assert pipe.read(100_000)
    pipe.close()
    assert run.stderr.read() == ""  # it ends when the run and all its workers have
    assert run.wait(timeout=60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_one_line_and_exit_1(start: Start, source: str) -> None:
    with Path("/dev/full").open("w") as full:
        run = start("cutmix", "--in", source, "--out", "-", "--format", "tar", "-q", stdout=full)
        _, err = run.communicate(timeout=60)
    assert err.count("\n") == 1
    assert err.startswith("augtool: stdout: ")
    assert "No space left on device" in err
    assert run.returncode == 1


def test_stdout_has_the_bytes_of_the_file_and_nothing_else(
    start: Start, source: str, tmp_path: Path
) -> None:
    with (tmp_path / "streamed.tar").open("wb") as file:
        options = ("--format", "tar", "-j", 2, "--verbose")
        streamed = start("cutmix", "--in", source, "--out", "-", *options, stdout=file)
    do(Job(source, "written.tar", Recipe((step("cutmix"),)), workers=0))
    _, err = streamed.communicate(timeout=60)
    assert streamed.returncode == 0, err
    made = (tmp_path / "streamed.tar").read_bytes()
    assert made == (tmp_path / "written.tar").read_bytes()
    assert made.endswith(END)


def test_an_endless_stream_begins_as_a_longer_run_does(endless: Any, stream: Stream) -> None:
    two = rows_of(stream(copies=2, block_rows=None))
    _, pipe = endless()
    assert pipe.read(len(two)) == two
    assert pipe.read(512)[:9] == b"%09d" % (2 * ROWS)  # and goes on


def test_a_copy_alone_has_the_rows_that_it_has_in_a_longer_run(stream: Stream) -> None:
    long = stream(copies=3)
    copies = [rows_of(stream(copy=number)) for number in range(3)]
    assert b"".join(copies) == rows_of(long)
    assert len(set(copies)) == 3  # each with draws of its own


def test_shares_of_several_tasks_hold_every_row_once(stream: Stream) -> None:
    whole = stream(copies=2)
    shares = [stream(copies=2, task_index=index, num_tasks=3) for index in range(3)]
    files = {}
    for share in shares:
        for one in members(share)[:-1]:
            assert one.name not in files
            files[one.name] = share[one.offset : one.offset_data + one.size]
    assert files == {
        one.name: whole[one.offset : one.offset_data + one.size] for one in members(whole)[:-1]
    }
    sizes = [len(members(share)) for share in shares]
    assert max(sizes) < 2.5 * min(sizes)  # five blocks, the last of which has the remainder


def test_a_share_without_rows_is_an_archive_without_rows(stream: Stream) -> None:
    shares = [stream(block_rows=None, task_index=index, num_tasks=2) for index in range(2)]
    assert sorted(len(members(share)) for share in shares) == [1, 4 * ROWS + 1]
    assert all(share.endswith(END) for share in shares)


def test_an_endless_share_without_rows_is_refused(refused: Any, source: str) -> None:
    said = refused("cutmix", "--in", source, *ENDLESS, "--task-index", 0, "--num-tasks", 9)
    assert said.startswith("num_tasks 9: ")


def test_a_killed_worker_costs_a_stream_nothing(endless: Any, stream: Stream) -> None:
    four = rows_of(stream(copies=4, block_rows=None))
    run, pipe = endless("-j", 1, "--quiet")
    data = pipe.read(1)
    for pid in workers_of(run.pid):
        os.kill(pid, signal.SIGKILL)
    assert data + pipe.read(len(four) - 1) == four
    pipe.close()
    assert run.wait(timeout=60) == 141
    assert run.stderr.read() == ""


@pytest.mark.parametrize("option", [("--json",), ("--preview", "grid.png")], ids=" ".join)
def test_what_else_would_use_stdout_or_a_file_is_refused(
    refused: Any, source: str, option: tuple[str, ...]
) -> None:
    said = refused("cutmix", "--in", source, "--out", "-", "--format", "tar", *option)
    assert said.startswith(option[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_what_has_been_written(
    endless: Any, tmp_path: Path, source: str
) -> None:
    with h5py.File(tmp_path / source, "w") as file:
        file["images"], file["labels"] = np.zeros((64, 64, 64, 3), np.uint8), np.arange(64) % 7
    run, pipe = endless("--encode", "npy", "-j", 1)
    pipe.read(8_000_000)
    before = anonymous(run.pid)
    for _ in range(50):
        pipe.read(1_000_000)
    assert anonymous(run.pid) - before < 10_000_000


def anonymous(pid: int) -> int:
    """Bytes of memory of a process that no file holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (one for one in lines if one.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def workers_of(parent: int) -> list[int]:
    """The grandchildren of a process: the fork server's own."""
    return [pid for child in _children(parent) for pid in _children(child)]


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text().split()]
