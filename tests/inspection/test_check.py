"""`augtool check`: what is unusable or odd about a source is found, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from augtool.codecs.decode import BadImage
from augtool.errors import UsageError
from augtool.inspection.check import KINDS, Report, check
from augtool.recipe.recipe import Reading

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of good images of their own, in one size."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    for row in range(140):
        place = folder / "ab"[row % 2] / f"{row:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 9, 3), np.uint8)).save(place)
    return folder


def said(report: Report) -> set[tuple[str, str]]:
    return {(one.kind, one.path) for one in report.found}


def test_good_images_are_usable_and_nothing_is_odd(data: Path) -> None:
    report = check([str(data)], workers=0)
    assert (report.found, report.usable) == ((), True)
    assert (report.rows, report.classes, report.sizes) == (140, 2, ((8, 9, 140),))
    assert set(report.counts) == set(KINDS)


def test_each_kind_of_fault_is_found(data: Path) -> None:
    good = (data / "a" / "000.png").read_bytes()
    picture = Image.open(data / "b" / "001.png")
    (data / "a" / "empty.png").write_bytes(b"")
    (data / "a" / "cut.png").write_bytes(good[: len(good) // 2])
    (data / "a" / "text.jpg").write_text("no image")
    shutil.copy(data / "a" / "000.png", data / "a" / "twice.png")
    shutil.copy(data / "a" / "002.png", data / "b" / "other.png")
    picture.resize((9, 90)).save(data / "b" / "tall.png")
    picture.resize((90, 80)).save(data / "b" / "large.png")
    picture.convert("P").save(data / "b" / "palette.png")
    picture.convert("CMYK").save(data / "b" / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(data / "b" / "turned.jpg", exif=exif)
    picture.transpose(Image.Transpose.ROTATE_180).save(data / "b" / "x.jpg", "GIF")
    (data / "b" / "notes.txt").write_text("")
    odd = os.fsdecode(b"a/\xff\n.png")
    (data / odd).write_bytes(b"")
    report = check([str(data)], workers=0)
    assert not report.usable
    assert said(report) == {
        ("unreadable", "a/text.jpg"),
        ("truncated", "a/cut.png"),
        ("zero-size", "a/empty.png"),
        ("zero-size", "a/\udcff\n.png"),
        ("duplicate", "a/twice.png"),
        ("two classes", "b/other.png"),
        ("extreme size", "b/tall.png"),
        ("extreme size", "b/large.png"),
        ("odd mode", "b/palette.png"),
        ("odd mode", "b/cmyk.jpg"),
        ("turned by EXIF", "b/turned.jpg"),
        ("misnamed", "b/x.jpg"),
        ("odd mode", "b/x.jpg"),
        ("left out", "b/notes.txt"),
    }
    (other,) = (one for one in report.found if one.kind == "two classes")
    assert other.words == "as row 1, a/002.png, of another label"
    assert list(report.found) == sorted(report.found, key=lambda one: list(KINDS).index(one.kind))
    assert check([str(data)], workers=2) == report


def test_low_memory_is_not_mistaken_for_a_bad_image(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from augtool.codecs import decode as images

    decode, tried = images.decode, set[bytes]()

    def short(content: bytes, *given: Any) -> Any:
        if content not in tried:
            tried.add(content)
            raise MemoryError if len(tried) % 2 else BadImage("image file is truncated")
        return decode(content, *given)

    monkeypatch.setattr(images, "decode", short)
    report = check([str(data)], workers=0)
    assert report.usable
    assert report.sizes == ((8, 9, 140),)

    def full(*_given: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(images, "decode", full)
    with pytest.raises(MemoryError, match=r"a/000\.png: there is not enough memory"):
        check([str(data)], workers=0)


def test_arrays_are_checked_too(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((30, 6, 9, 3), np.float32)
    images[7, 0, 0, 0] = np.nan
    images[20] = images[3]
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["labels"] = images, np.arange(30) % 2
    report = check([str(tmp_path / "in.h5")], workers=0)
    assert said(report) == {("not finite", "row 7"), ("two classes", "row 20")}


def test_several_inputs_are_compared_with_one_another(data: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    for name in ("a/000.png", "b/001.png"):
        (more / name).parent.mkdir(parents=True)
        shutil.copy(data / name, more / name)
    report = check([str(data), str(more)], workers=0)
    assert [(one.kind, one.row, one.like) for one in report.found] == [
        ("duplicate", 140, (0,)),
        ("duplicate", 141, (70,)),
    ]


def test_reading_options_count(data: Path) -> None:
    report = check([str(data)], Reading(label_from_name=r"/0(\d)"), workers=0)
    assert report.rows == 100
    assert report.counts["left out"] == 40


def test_the_command_prints_a_table_or_json(cli: Cli, data: Path) -> None:
    code, out, err = cli("check", "--in", data)
    assert (code, err) == (0, "checking 140 rows in this process\n")
    assert "140 images, 2 classes" in out
    (data / "a" / os.fsdecode(b"\xff\n.png")).write_bytes(b"")
    code, out, _ = cli("check", "--in", data)
    assert code == 1
    assert "zero-size             1  has no bytes" in out
    code, out, err = cli("check", "--in", data, "--json")
    found = json.loads(out)
    assert (code, err, found["usable"]) == (1, "", False)
    assert os.fsencode(found["found"][0]["path"]) == b"a/\xff\n.png"
    assert cli("check", "--in", data, "-q") == (1, "", "")
    assert cli("check", "--in", data / "none")[0] == 2


def test_masks_are_not_silently_ignored(cli: Cli, data: Path) -> None:
    code, _, err = cli("check", "--in", data, "--masks", data)
    assert code == UsageError.exit_code
    assert "images only" in err
