"""The disk fills, or a file may not grow: one line, exit 1, and what was finished is kept."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_jobs import PROGRAM, Place, place_in

GROWING = ("tar", "tar-shards", "parquet", "parquet-shards", "h5-gzip", "folder")
LIMITED = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); " + PROGRAM
)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place_in(tmp_path_factory.mktemp("roomy"), 640)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("may not mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def said(place: Place, form: str, program: str = PROGRAM) -> tuple[int, str]:
    run = place.start(form, 2, program=program)
    _, err = run.communicate(timeout=120)
    return run.returncode, err.strip().splitlines()[-1]


def whole_of(roomy: Place, form: str) -> dict[str, str]:
    roomy.clear()
    code, last = said(roomy, form)
    assert code == 0, last
    return roomy.contents()


@pytest.mark.parametrize("form", ["tar-shards", "parquet-shards", "h5-gzip"])
def test_a_disk_that_fills_up_in_the_middle_costs_nothing_once_there_is_room(
    form: str, roomy: Place, small_disk: Path
) -> None:
    whole = whole_of(roomy, form)
    for name in ("in", "recipe.toml"):
        (small_disk / name).symlink_to(roomy.folder / name)
    place = Place(small_disk)
    code, last = said(place, form)
    assert code == 1, last
    assert "No space left on device" in last
    assert last.endswith("rows are kept: go on with --resume")
    assert not place.outputs()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    code, last = said(place, form)
    assert code == 0, last
    assert "rows of an earlier run" in last
    assert place.contents() == whole


def test_a_contiguous_file_is_refused_before_it_is_begun(roomy: Place, small_disk: Path) -> None:
    for name in ("in", "recipe.toml"):
        (small_disk / name).symlink_to(roomy.folder / name)
    for form in ("h5", "npy", "npz"):
        code, last = said(Place(small_disk), form)
        assert code == 1
        assert "the output needs" in last
        assert "are free" in last
        assert sorted(path.name for path in small_disk.iterdir()) == ["in", "recipe.toml"]


@pytest.mark.parametrize("form", GROWING)
def test_a_limit_on_the_size_of_files_is_one_line(form: str, roomy: Place) -> None:
    whole, place = whole_of(roomy, form), roomy
    place.clear()
    code, last = said(place, form, LIMITED.format(700_000 if form != "folder" else 2_000))
    assert code == 1, last
    assert last.startswith("augtool: "), last
    assert "File too large" in last
    assert not place.outputs()
    code, last = said(place, form)
    assert code == 0, last
    assert place.contents() == whole
