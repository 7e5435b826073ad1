"""Every file of a source is used, or listed with a reason; low memory is no bad image."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.codecs import decode as images
from augtool.codecs.decode import BadImage
from augtool.errors import SourceError, UsageError
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.sources import open_source
from augtool.sources._encoded import EncodedSource

Cli = Callable[..., tuple[int, str, str]]
ODD = os.fsdecode(b"b/\xff odd\n.png")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Seventy good images, and much that is none."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    for name in ("a", "b", "b/deep"):
        (folder / name).mkdir(parents=True)
    for row in range(70):
        picture = Image.fromarray(rng.integers(0, 256, (8, 9, 3), np.uint8))
        picture.save(folder / "ab"[row % 2] / f"{row:03}.png")
    good = (folder / "a" / "000.png").read_bytes()
    (folder / ODD).write_bytes(good)
    (folder / "b" / "deep" / f"{'x' * 251}.png").write_bytes(good)
    (folder / "a" / "empty.png").write_bytes(b"")
    (folder / "a" / "cut.png").write_bytes(good[:90])
    (folder / "a" / "text.jpg").write_text("no image")
    (folder / os.fsdecode(b"a/\xe9\n.png")).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
    (folder / "a" / ".DS_Store").write_bytes(b"")
    (folder / "a" / "notes.txt").write_text("")
    (folder / "top.png").write_bytes(good)
    os.mkfifo(folder / "b" / "pipe.png")
    (folder / "b" / "nowhere.png").symlink_to("nothing")
    (folder / "b" / "up").symlink_to("..")
    return folder


def report(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def job_of(data: Path, tmp_path: Path, **given: Any) -> Job:
    recipe = Recipe((step("cutmix"),), block_rows=32, reading=Reading(size=(8, 9)))
    usual = {"on_error": "skip", "errors": str(tmp_path / "e.jsonl"), "workers": 0}
    return Job(str(data), str(tmp_path / "out.h5"), recipe, **{**usual, **given})


def test_every_file_is_used_or_listed(data: Path, tmp_path: Path) -> None:
    summary = augtool.run(job_of(data, tmp_path))
    assert (summary.rows, len(summary.skipped)) == (72, 4)
    said = {one["path"]: one["reason"] for one in report(tmp_path / "e.jsonl")}
    top = os.fsencode(data)
    there = {
        os.path.relpath(folder + b"/" + name, top).decode("utf-8", "surrogateescape")
        for folder, folders, files in os.walk(top)
        for name in (*files, *(one for one in folders if one == b"up"))
    }
    (tmp_path / "s").mkdir()
    source = open_source(str(data), Reading(size=(8, 9)), tmp_path / "s")
    assert isinstance(source, EncodedSource)
    bad = {one.row for one in summary.skipped}
    used = {
        name.decode("utf-8", "surrogateescape")
        for row, name in enumerate(source.store.names())
        if row not in bad
    }
    assert ODD in used
    assert used.isdisjoint(said)
    assert used | set(said) == there
    assert said["a/empty.png"] == "the file is empty"
    assert said["a/\udce9\n.png"]
    assert said["a/.DS_Store"] == "hidden, or left behind by a system"
    assert said["a/notes.txt"] == "not an image by its name (.txt)"
    assert said["top.png"] == "an image outside the class folders"
    assert said["b/pipe.png"] == "not a regular file"
    assert said["b/nowhere.png"] == "a link that leads nowhere"
    assert said["b/up"] == "a linked folder, which is not followed"


def test_the_report_is_the_same_for_any_number_of_workers(data: Path, tmp_path: Path) -> None:
    reports = set()
    for workers in (0, 2):
        augtool.run(job_of(data, tmp_path, workers=workers, overwrite=True))
        reports.add((tmp_path / "e.jsonl").read_bytes())
    assert len(reports) == 1


def test_too_many_errors_fail_after_the_report(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="4 images cannot be read, more than max-errors 3 allows"):
        augtool.run(job_of(data, tmp_path, max_errors=3))
    assert len(report(tmp_path / "e.jsonl")) == 10
    assert not (tmp_path / "out.h5").exists()
    assert augtool.run(job_of(data, tmp_path, max_errors=4)).rows == 72


def test_what_an_archive_has_left_out_is_listed(data: Path, tmp_path: Path) -> None:
    good = (data / "a" / "000.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for row in range(40):
            archive.writestr(f"top/{'ab'[row % 2]}/{row:03}.png", good)
        archive.writestr("top/a/notes.txt", "")
        archive.writestr("top/a/cut.png", good[:80])
        archive.writestr("__MACOSX/x.png", good)
    augtool.run(job_of(tmp_path / "in.zip", tmp_path))
    said = {one["path"]: one["row"] for one in report(tmp_path / "e.jsonl")}
    assert said == {"top/a/notes.txt": None, "a/cut.png": 20, "__MACOSX/x.png": None}
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        for name in (*(f"{row:03}.png" for row in range(40)), "late.txt"):
            for part, data_ in ((name, good), (f"{name[:-3]}cls", b"%d" % (name < "020"))):
                member = tarfile.TarInfo(part)
                member.size = len(data_)
                tar.addfile(member, io.BytesIO(data_))
    augtool.run(job_of(tmp_path / "in.tar", tmp_path, overwrite=True))
    assert [one["path"] for one in report(tmp_path / "e.jsonl")] == ["late.cls", "late.txt"]


def test_of_several_inputs_each_is_named(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "more"
    (data / "b" / "pipe.png").unlink()
    shutil.copytree(data, copy, symlinks=True)
    augtool.run(job_of(data, tmp_path, more_inputs=(str(copy),)))
    found = report(tmp_path / "e.jsonl")
    assert {one["input"] for one in found} == {str(data), str(copy)}
    first = [(one["path"], one["reason"]) for one in found[: len(found) // 2]]
    assert first == [(one["path"], one["reason"]) for one in found[len(found) // 2 :]]


def test_of_several_archives_each_is_named(data: Path, tmp_path: Path) -> None:
    good = (data / "a" / "000.png").read_bytes()
    for name, damaged in (("one", 90), ("two", 91)):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for row in range(40):
                picture = good[:damaged] if row == 7 else good
                for part, content in ((f"{row:03}.png", picture), (f"{row:03}.cls", b"%d" % row)):
                    member = tarfile.TarInfo(part)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    job = job_of(tmp_path / "one.tar", tmp_path, more_inputs=(str(tmp_path / "two.tar"),))
    augtool.run(job)
    found = [(one["input"], one["path"], one["row"]) for one in report(tmp_path / "e.jsonl")]
    first, second = str(tmp_path / "one.tar"), str(tmp_path / "two.tar")
    assert found == [(first, "007.png", 7), (second, "007.png", 47)]


def test_low_memory_is_not_mistaken_for_a_bad_image(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails the first time, by whatever error, is read again alone."""
    tries: dict[bytes, int] = {}
    decode = images.decode_into

    def short(content: bytes, *given: Any) -> bool:
        tries[content] = tries.get(content, 0) + 1
        if tries[content] == 1 and len(tries) % 7 == 0:
            raise MemoryError if len(tries) % 2 else BadImage("image file is truncated")
        return decode(content, *given)

    monkeypatch.setattr(images, "decode_into", short)
    summary = augtool.run(job_of(data, tmp_path))
    assert sorted(tries.values())[-1] > 1
    assert len(summary.skipped) == 4


def test_memory_that_is_never_enough_fails_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> bool:
        raise MemoryError

    monkeypatch.setattr("augtool.codecs.decode.decode_into", full)
    with pytest.raises(MemoryError, match=r"000\.png: there is not enough memory"):
        augtool.run(job_of(data, tmp_path))
    assert not (tmp_path / "e.jsonl").exists()


@pytest.mark.parametrize("place", ["data/e.jsonl", "out.h5", "none/e.jsonl", "data"])
def test_a_report_is_never_written_over_something_else(
    place: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="errors"):
        augtool.run(job_of(data, tmp_path, errors=str(tmp_path / place)))


def test_the_command_takes_both_options(cli: Cli, data: Path, tmp_path: Path) -> None:
    asked = ("cutmix", "--in", data, "--out", tmp_path / "o.h5", "--size", "8x9", "-q")
    errors = ("--errors", tmp_path / "e.jsonl", "--max-errors", 2)
    assert cli(*asked, *errors)[0] == 2
    code, _, err = cli(*asked, "--on-error", "skip", *errors)
    assert (code, err.count("\n")) == (1, 1)
    assert "more than max-errors 2 allows" in err
    assert cli(*asked, "--on-error", "skip", *errors[:3], 9)[0] == 3
    assert len(report(tmp_path / "e.jsonl")) == 10
