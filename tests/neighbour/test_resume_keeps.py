"""What a resumed run keeps is what was written: each kept row is read again first."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

ROWS, SIZE = 6000, 48
FORMS = {
    "hdf5": ("--out", "a.h5"),
    "hdf5 gzip": ("--out", "a.h5", "--compression", "gzip"),
    "hdf5 gzip shards": (
        *("--out", "a", "--format", "hdf5", "--shards", 6, "--compression", "gzip"),
    ),
    "npy": ("--out", "a", "--format", "npy"),
    "npz": ("--out", "a.npz"),
    "tar": ("--out", "a.tar"),
    "tar shards": ("--out", "a", "--format", "tar", "--shards", 6),
    "parquet": ("--out", "a.parquet"),
    "parquet shards": ("--out", "a", "--format", "parquet", "--shards", 6),
    "folder": ("--out", "a", "--format", "folder"),
    "source order": ("--out", "a.h5", "--order", "source"),
}


@pytest.fixture
def victim(victim):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (ROWS, SIZE, SIZE, 3), np.uint8)
    np.savez(victim.home / "in.npz", x=images, y=np.arange(ROWS) % 5)
    victim.owns(victim.home / "in.npz")
    return victim


def command(form: str, *more: object) -> tuple[object, ...]:
    return ("cutmix", "--in", "in.npz", "--copies", 2, "--workers", 1, *FORMS[form], *more)


def output(victim, form: str) -> Path:
    return victim.home / str(FORMS[form][1])


def work_of(victim, form: str) -> Path:
    return victim.home / f".{FORMS[form][1]}.augtool"


# The command, ended with its workers by SIGKILL once so many tasks are in the journal.
KILLED = """
import os, signal, sys
from augtool.pipeline.journal import Journal
add, tasks = Journal.add, int(sys.argv[1])

def count(journal, done):
    add(journal, done)
    if journal.tasks == tasks:
        os.killpg(0, signal.SIGKILL)

Journal.add = count
from augtool_cli.main import main
main(sys.argv[2:])
"""


@pytest.fixture
def stopped(victim):
    """Stops a run, by kill -9, when it has some tasks: of shards, when the first is whole."""

    def stop(form: str) -> Path:
        ended = victim.python(KILLED, 6 if "shards" in form else 2, *command(form))
        assert ended.code == -signal.SIGKILL, ended.err
        return work_of(victim, form)

    return stop


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_whole_is_gone_on_with(victim, stopped, form: str) -> None:
    assert victim.augtool(*command(form)).code == 0
    whole = content(output(victim, form))
    target = output(victim, form)
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    stopped(form)
    ended = victim.augtool(*command(form, "--resume"))
    assert ended.code == 0, ended.err
    assert "of an earlier run" in ended.err
    assert content(target) == whole


def places(work: Path, form: str) -> list[Path]:
    """The files in which rows are that are kept."""
    pieces = sorted(work.glob("pieces-*"))
    if form in ("hdf5 gzip", "parquet"):
        return pieces
    if form in ("folder",):
        return [*pieces, *sorted(work.glob("output/train/*/*"))[:1]]
    if form == "npy":
        return [work / "output" / "x_train.npy"]
    if (work / "output").is_dir():
        return [*sorted(one for one in (work / "output").rglob("*") if one.is_file())[:1], *pieces]
    return [work / "output"]


def refused(victim, form: str) -> None:
    """One line, nothing published, and what is left stays until it is given up."""
    ended = victim.augtool(*command(form, "--resume"))
    assert ended.code == 1, ended.err
    lines = [line for line in ended.err.splitlines() if line.startswith("augtool: ")]
    assert len(lines) == 1
    assert "what an earlier run has left is damaged" in lines[0]
    assert lines[0].endswith("start over with --overwrite, without --resume")
    assert not output(victim, form).exists()
    assert work_of(victim, form).exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_byte_is_found(victim, stopped, form: str) -> None:
    work = stopped(form)
    saved = victim.home / "saved"
    shutil.copytree(work, saved)
    for path in places(work, form):
        data = bytearray(path.read_bytes())
        at = len(data) // 2 if path.parent.name != "output" or form != "npy" else 4096
        at = 40_000 if path.name == "output" else at
        data[at] ^= 0x10
        path.write_bytes(data)
        refused(victim, form)
        shutil.rmtree(work)
        shutil.copytree(saved, work)
        victim.owns(work)
    ended = victim.augtool(*command(form, "--overwrite"))
    assert ended.code == 0, ended.err
    assert victim.augtool("verify", output(victim, form)).code == 0


@pytest.mark.parametrize("form", ["hdf5", "npz", "tar", "parquet", "parquet shards"])
def test_what_is_cut_is_found(victim, stopped, form: str) -> None:
    work = stopped(form)
    for path in places(work, form)[:1]:
        os.truncate(path, 20_000 if path.stat().st_size > 40_000 else path.stat().st_size // 2)
    refused(victim, form)


@pytest.mark.parametrize("form", ["hdf5", "tar", "hdf5 gzip", "folder"])
def test_what_is_missing_is_found(victim, stopped, form: str) -> None:
    work = stopped(form)
    places(work, form)[-1].unlink()
    ended = victim.augtool(*command(form, "--resume"))
    assert ended.code != 0
    assert "Traceback" not in ended.err
    assert "bug" not in ended.err
    assert not output(victim, form).exists()


def test_any_changed_byte_of_kept_rows_is_found(victim, stopped) -> None:
    """Resumed from random damage, a run ends with the right bytes, or says that it cannot."""
    form = "hdf5"
    assert victim.augtool(*command(form)).code == 0
    whole = output(victim, form).read_bytes()
    output(victim, form).unlink()
    work = stopped(form)
    saved = victim.home / "saved"
    shutil.copytree(work, saved)
    rng = random.Random(5)
    for _ in range(12):
        data = bytearray((saved / "output").read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (work / "output").write_bytes(data)
        ended = victim.augtool(*command(form, "--resume"))
        assert ended.code in (0, 1)
        if ended.code == 0:
            assert output(victim, form).read_bytes() == whole
            output(victim, form).unlink()
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(saved, work)
        victim.owns(work)


def folder_input(victim, seed: int) -> Path:
    """A folder of images whose sizes do not depend on what is in them."""
    place = victim.home / "data"
    shutil.rmtree(place, ignore_errors=True)
    rng = random.Random(seed)
    for number in range(12):
        path = place / "ab"[number % 2] / f"{number}.ppm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"P6 8 8 255\n" + rng.randbytes(192))
    return victim.owns(place)


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_an_output_of_another_input_of_equal_size_is_not_complete(victim, kind: str) -> None:
    def write(seed: int) -> Path:
        if kind == "folder":
            return folder_input(victim, seed)
        rng, path = np.random.default_rng(seed), victim.home / "data.npz"
        images = rng.integers(0, 256, (12, 8, 8, 3), np.uint8)
        np.savez(path, x=images, y=np.arange(12) % 3)
        return victim.owns(path)

    data = write(1)
    job = ("cutmix", "--in", data, "--out", "a.h5", "--resume")
    first = victim.augtool(*job)
    assert first.code == 0, first.err
    assert victim.augtool(*job).code == 0
    made = (victim.home / "a.h5").read_bytes()
    write(2)
    for path in [data, *data.rglob("*")] if data.is_dir() else [data]:
        os.utime(path, (1, 1))  # as a copy that keeps old times
    ended = victim.augtool(*job)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert (victim.home / "a.h5").read_bytes() == made


def test_a_work_folder_that_says_complete_is_not_believed_of_another_output(victim) -> None:
    job = ("cutmix", "--in", "sample:?n=40&size=16", "--out", "a.h5")
    process = victim.start(*job, "--workers", 1)
    process.communicate(timeout=60)
    other = ("cutmix", "--in", "sample:?n=40&size=16", "--seed", 9, "--out", "a.h5")
    assert victim.augtool(*other, "--overwrite").code == 0
    made = (victim.home / "a.h5").read_bytes()
    ended = victim.augtool(*job, "--resume")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert (victim.home / "a.h5").read_bytes() == made
