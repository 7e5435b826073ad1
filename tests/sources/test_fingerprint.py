"""``strict``: an input is known by what is in its files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import OutputExists, UsageError
from augtool.job import Job
from augtool.sources._fingerprint import content_of
from augtool.system.progress import Progress


class Stopped(BaseException):
    """What a signal's handler raises."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of bitmaps, which stay as large whatever their pixels are."""
    for row in range(130):
        place = tmp_path / "data" / "ab"[row % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 14, 3), row, np.uint8)).save(place / f"{row}.bmp")
    return tmp_path / "data"


def change_a_pixel(folder: Path) -> None:
    """And leave the size and the times of the file as they are."""
    file = folder / "a" / "0.bmp"
    before, data = file.stat(), bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def stop_early(one: Job) -> None:
    def listen(progress: Progress) -> None:
        if progress.rows:
            raise Stopped

    with pytest.raises(Stopped):
        augtool.run(one, listen)


def test_names_and_bytes_are_content_and_times_are_not(folder: Path) -> None:
    first = content_of([str(folder)])
    (folder / ".hidden").write_text("not read")
    os.utime(folder / "a" / "0.bmp", (1, 1))
    assert content_of([str(folder)]) == first
    change_a_pixel(folder)
    second = content_of([str(folder)])
    (folder / "a" / "0.bmp").rename(folder / "a" / "zero.bmp")
    assert len({first, second, content_of([str(folder)])}) == 3


def test_a_strict_job_is_gone_on_with_by_content_and_not_by_times(
    folder: Path, job: Callable[..., Any]
) -> None:
    one = dataclasses.replace(job(folder, copies=9), strict=True, resume=True)
    stop_early(one)
    for file in folder.rglob("*.bmp"):
        os.utime(file, (1, 1))
    change_a_pixel(folder)
    with pytest.raises(OutputExists, match=r"another job \(source_content is another\)"):
        augtool.run(one)
    change_a_pixel(folder)  # back
    assert augtool.run(one).kept > 0


def test_a_plan_of_a_strict_job_is_not_rendered_over_other_content(
    folder: Path, job: Callable[..., Any], tmp_path: Path
) -> None:
    one = dataclasses.replace(job(folder), strict=True)
    augtool.run(one)
    again = dataclasses.replace(
        one, strict=False, output=str(tmp_path / "again.h5"), plan=one.output
    )
    augtool.run(again)
    change_a_pixel(folder)
    with pytest.raises(UsageError, match="what is in the files is not"):
        augtool.run(dataclasses.replace(again, overwrite=True))
