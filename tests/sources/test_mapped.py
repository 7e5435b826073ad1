"""Arrays that are read in place: the pages of their files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from augtool.sources import _mapped
from augtool.sources._mapped import ArrayFile, Extent, Version, fill_page_table

PAGES = 2048


@pytest.fixture
def extent(tmp_path: Path) -> Extent:
    path = tmp_path / "x.bin"
    path.write_bytes(np.arange(PAGES * 4096, dtype=np.uint8).tobytes())
    return Extent(path, 100, (PAGES - 1, 4096), "|u1")


def entered(path: Path) -> int:
    """The bytes of a mapped file that this process has entered in its page table."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    found = 0
    for line in lines:
        if line.endswith(f" {path}"):
            found += 1024 * int(next(one for one in lines if one.startswith("Rss:")).split()[1])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only there pages are entered beforehand")
def test_pages_that_are_in_memory_are_entered_at_once(extent: Extent) -> None:
    pixels = ArrayFile(extent.path, Version.of(extent.path)).mapped(extent)
    assert entered(extent.path) == 0
    fill_page_table(pixels)
    assert entered(extent.path) == PAGES * 4096


def test_a_file_that_has_become_shorter_kills_nobody(extent: Extent) -> None:
    pixels = ArrayFile(extent.path, Version.of(extent.path)).mapped(extent)
    extent.path.write_bytes(b"short")
    fill_page_table(pixels)
    assert extent.path.stat().st_size == 5


def test_time_is_up_for_what_must_come_from_the_disk(
    extent: Extent, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = ArrayFile(extent.path, Version.of(extent.path)).mapped(extent)
    looked: list[float] = []

    def clock() -> float:
        looked.append(len(looked))
        return looked[-1]

    monkeypatch.setattr(_mapped.time, "monotonic", clock)
    monkeypatch.setattr(_mapped, "_AT_ONCE", 4096)
    fill_page_table(pixels)
    assert len(looked) == 2


def test_arrays_that_are_no_maps_are_left_alone() -> None:
    values = np.arange(10)
    fill_page_table(values[2:])
    assert values.tolist() == list(range(10))
