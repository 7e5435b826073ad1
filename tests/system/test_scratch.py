"""``--scratch DIR``: where a run unpacks what it reads, and leaves nothing."""

from __future__ import annotations

import gzip
import io
import logging
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import OutputError, SourceError, UsageError
from augtool.job import Job
from augtool.recipe.recipe import Recipe, step
from augtool.sources import _decompress, _telling
from augtool.system.child import isolated
from augtool.system.scratch import scratch_in

Cli = Callable[..., tuple[int, str, str]]

HOLDER = """
import sys
from pathlib import Path
from augtool.system.scratch import scratch_in
with scratch_in(sys.argv[1], Path("unused")) as folder:
    (folder / "much").write_bytes(b"data")
    print(folder.resolve(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A compressed tar of twelve images."""
    path = tmp_path / "in.tar.gz"
    random = np.random.default_rng(1)
    with tarfile.open(path, "w:gz") as file:
        for row in range(12):
            image = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).save(image, "png")
            for name, data in ((f"{row}.png", image.getvalue()), (f"{row}.cls", b"%d" % (row % 3))):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
    return path


def job_of(archive: Path, place: Path) -> Job:
    recipe = Recipe((step("cutmix"),))
    out = str(archive.with_name("out.h5"))
    return Job(str(archive), out, recipe, scratch=str(place), workers=0)


def test_a_run_unpacks_in_the_folder_and_leaves_nothing(
    archive: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, unpacked = [], _decompress.unpacked

    def noted(path: Path, decompressed: Any, copy: Path, *rest: Any) -> Path:
        seen.append(copy.resolve())
        return unpacked(path, decompressed, copy, *rest)

    monkeypatch.setattr(_decompress, "unpacked", noted)
    assert augtool.run(job_of(archive, place)).rows == 12
    assert [place in copy.parents for copy in seen] == [True]
    assert list(place.iterdir()) == []


def test_a_run_that_fails_leaves_nothing(archive: Path, place: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(SourceError, match="cannot be decompressed"):
        augtool.run(job_of(archive, place))
    assert list(place.iterdir()) == []


def test_what_a_killed_run_has_left_is_cleared_and_what_is_in_use_stays(place: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(place)]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = [Path(run.stdout.readline().strip()) for run in runs if run.stdout]
    (place / ".augtool-scratch-mine").write_text("a file of the user's")
    runs[0].kill()
    runs[0].communicate()
    assert folders[0].exists()
    with scratch_in(str(place), place) as own:
        assert own.exists()
        assert not folders[0].parent.exists()
        assert (folders[1] / "much").read_bytes() == b"data"
    runs[1].communicate()
    assert [path.name for path in place.iterdir()] == [".augtool-scratch-mine"]


def test_a_folder_that_is_cleared_while_it_begins_is_not_used(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, mkdir = [], Path.mkdir

    def slow(path: Path, *given: Any, **named: Any) -> None:
        mkdir(path, *given, **named)
        made.append(path)
        if len(made) == 1:  # another run comes between this and the lock
            shutil.rmtree(path)

    monkeypatch.setattr(Path, "mkdir", slow)
    with scratch_in(str(place), place) as own:
        assert own.is_dir()
        assert made[0] not in own.resolve().parents


def test_a_place_that_is_none_is_one_line(archive: Path, place: Path) -> None:
    with pytest.raises(UsageError, match=r"--scratch .*: is no folder; create it first"):
        augtool.run(job_of(archive, place / "none"))
    with pytest.raises(OutputError, match="--scratch /proc: cannot be written"):
        augtool.run(job_of(archive, Path("/proc")))


def test_too_little_space_is_known_before_anything_is_written(
    archive: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(gzip.decompress(archive.read_bytes()))
    usage = shutil._ntuple_diskusage(10**6, 10**6 - size + 1, size - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(_decompress, "unpacked", None)
    with pytest.raises(SourceError, match=rf"needs {size:,} bytes and {size - 1:,} are free"):
        augtool.run(job_of(archive, place))


def test_what_will_be_unpacked_is_said_unless_quiet(
    archive: Path, place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_telling, "_WORTH_SAYING", 1000)
    run = ("cutmix", "--in", archive, "--scratch", place, "--overwrite", "--out")
    code, _, said = cli(*run, archive.with_name("a.h5"))
    size = len(gzip.decompress(archive.read_bytes()))
    assert (code, said.splitlines()[0].partition(str(place))[0]) == (
        0,
        f"unpacking {archive}: at least {size:,} bytes in ",
    )
    assert cli(*run, archive.with_name("a.h5"), "--quiet") == (0, "", "")


def test_what_a_child_process_says_arrives(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "augtool"):
        assert isolated(_telling.tell, "in.h5", 70_000_000, Path("here")) is None
    assert caplog.messages == [f"unpacking in.h5: 70,000,000 bytes in {Path('here').resolve()}"]
