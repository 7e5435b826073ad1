"""A listing kept in a file spares other runs the walk through a folder; it is not trusted."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augtool.errors import InputChanged, OutputError, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _listing, open_source
from augtool.sources._listing_cache import Saved, _write, load, split, texts

Open = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes, one with an inner folder, and a file that is not read."""
    folder = tmp_path / "data"
    random = np.random.default_rng(0)
    for number, name in enumerate(["cat/1.png", "cat/inner/2.png", "cat/x.txt", "dog/3.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            image = random.integers(0, 256, (5, 7 + 0 * number, 3), np.uint8)
            Image.fromarray(image).save(path)
    return folder


@pytest.fixture
def opened(data: Path, tmp_path: Path) -> Open:
    """Opens the folder, each time in a scratch folder of its own: ``opened(listing=…)``."""
    numbers = iter(range(100))

    def run(listing: Path | None = None, spec: Path = data, **given: Any) -> Any:
        scratch = tmp_path / f"scratch-{next(numbers)}"
        scratch.mkdir()
        labels = given.pop("labels", None)
        return open_source(str(spec), Reading(**given), scratch, labels, listing=listing)

    return run


@pytest.fixture
def listing(opened: Open, tmp_path: Path) -> Path:
    path = tmp_path / "listing"
    opened(path)
    return path


def no_walk(*_: object) -> None:
    raise AssertionError("walked through the folder")


def rows_of(source: Any) -> Any:
    out = np.empty((source.n, *source.shape), source.dtype)
    source.read(np.arange(source.n), out)
    return out.tolist(), [source.name(row) for row in range(source.n)], source.fingerprint


def test_a_listing_gives_the_same_rows_without_a_walk(
    opened: Open, listing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = opened()
    monkeypatch.setattr(_listing, "walked", no_walk)
    kept = opened(listing)
    assert rows_of(kept) == rows_of(plain)
    assert kept.notes == plain.notes
    assert kept.notes.left_out == {".txt": 1}
    assert kept.targets[0].values.tolist() == [0, 0, 1]


def test_labels_from_elsewhere_go_with_a_listing_of_their_own(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = {"label_from_name": r"(\d)\.png"}
    plain, first = opened(**by_name), opened(tmp_path / "names", **by_name)
    monkeypatch.setattr(_listing, "walked", no_walk)
    kept = opened(tmp_path / "names", **by_name)
    assert rows_of(plain) == rows_of(first) == rows_of(kept)
    with pytest.raises(UsageError, match="for other options than these; remove it"):
        opened(tmp_path / "names")


def test_a_listing_has_no_path_but_that_of_its_input_and_equal_bytes(
    opened: Open, listing: Path, tmp_path: Path
) -> None:
    opened(tmp_path / "again")
    assert listing.read_bytes() == (tmp_path / "again").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "folder"])
def test_a_folder_that_has_changed_makes_a_listing_old(
    opened: Open, data: Path, listing: Path, change: str
) -> None:
    if change == "added":
        (data / "cat" / "inner" / "9.png").write_bytes(b"")
    elif change == "removed":
        (data / "cat" / "1.png").unlink()
    elif change == "renamed":
        (data / "cat" / "1.png").rename(data / "cat" / "0.png")
    else:
        (data / "eel").mkdir()
    with pytest.raises(InputChanged, match=r"is older than .* has changed; remove it") as caught:
        opened(listing)
    assert str(listing) in str(caught.value)


def test_a_file_that_has_changed_is_found_when_it_is_read(
    opened: Open, data: Path, listing: Path
) -> None:
    os.utime(data / "dog" / "3.png", ns=(5, 5))
    with pytest.raises(InputChanged, match=r"dog/3\.png.*and the listing .*/listing removed"):
        rows_of(opened(listing))


def test_a_listing_of_another_input_is_refused(opened: Open, data: Path, listing: Path) -> None:
    other = data.rename(data.with_name("other"))
    with pytest.raises(UsageError, match=r"lists another input than .*other; remove it"):
        opened(listing, spec=other)


def _pickled(_path: Path) -> bytes:
    return pickle.dumps({"kind": "folder"})


FAULTS: dict[str, Callable[[Path], bytes]] = {
    "a pickle": _pickled,
    "nothing": lambda _: b"",
    "cut short": lambda path: path.read_bytes()[:-1],
    "a longer one": lambda path: path.read_bytes() + b"1",
    "of terabytes": lambda path: path.read_bytes().replace(b'"sizes": ["<i8", 3', b'"sizes": ["<i8", 3000000000000'),  # noqa: E501
    "of objects": lambda path: path.read_bytes().replace(b'"sizes": ["<i8"', b'"sizes": ["|O8"'),
    "without columns": lambda path: path.read_bytes().replace(b'"times"', b'"tames"'),
    "with wrong counts": lambda path: path.read_bytes().replace(b'["cat", 2', b'["cat", 9'),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_listing_is_one_line(opened: Open, listing: Path, fault: str) -> None:
    before = listing.read_bytes()
    listing.write_bytes(FAULTS[fault](listing))
    assert listing.read_bytes() != before
    with pytest.raises(UsageError, match=r"--listing .*(is no listing|is damaged).*remove it"):
        opened(listing)


@pytest.mark.parametrize(
    "name", [b"cat/../s.png", b"/etc/a/b.png", b"../s/st.png", b"cat/l/in.png", b"cat/1.txtpng"]
)
def test_a_listing_reads_nothing_outside_the_input(
    opened: Open, data: Path, tmp_path: Path, name: bytes
) -> None:
    (tmp_path / "secret").mkdir()
    (data / "cat" / "l").symlink_to(tmp_path / "secret")
    opened(listing := tmp_path / "listing")
    saved = load(listing)
    names = split(saved.arrays["names"], saved.arrays["lengths"])
    _write(Saved(saved.head, {**saved.arrays, **texts([name, *names[1:]])}), listing, listing)
    with pytest.raises(UsageError, match=r"is damaged .*is no image of the input"):
        opened(listing)


def test_folders_in_a_listing_are_no_links(opened: Open, data: Path, tmp_path: Path) -> None:
    opened(listing := tmp_path / "listing")
    (data / "cat" / "inner").rename(tmp_path / "away")
    time = (data / "cat").stat().st_mtime_ns
    (data / "cat" / "inner").symlink_to(tmp_path / "away")
    saved = load(listing)
    after = saved.arrays["folder_times"].copy()
    after[1] = (data / "cat").stat().st_mtime_ns
    assert time <= after[1]
    _write(Saved(saved.head, {**saved.arrays, "folder_times": after}), listing, listing)
    with pytest.raises(InputChanged, match="'cat/inner' has changed"):
        opened(listing)


def test_runs_that_begin_together_walk_once(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing, plain = tmp_path / "listing", fcntl.flock

    def wait(lock: int, how: int) -> None:  # the other run has its turn first
        monkeypatch.setattr(fcntl, "flock", plain)
        (tmp_path / ".listing.augtool").unlink()
        opened(listing)
        monkeypatch.setattr(_listing, "walked", no_walk)
        plain(lock, how)

    monkeypatch.setattr(fcntl, "flock", wait)
    assert opened(listing).n == 3
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_a_killed_run_has_left_is_written_over(opened: Open, tmp_path: Path) -> None:
    (tmp_path / ".listing.augtool").write_bytes(b"half a listing")
    opened(tmp_path / "listing")
    assert opened(tmp_path / "listing").n == 3
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_run_that_fails_leaves_no_listing(opened: Open, data: Path, tmp_path: Path) -> None:
    for path in data.rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(SourceError, match="none of its images"):
        opened(tmp_path / "listing")
    assert sorted(path.name for path in tmp_path.glob("*listing*")) == []


def test_a_listing_has_a_place_outside_the_input(opened: Open, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the input or inside it"):
        opened(data / "listing")
    with pytest.raises(UsageError, match="its folder does not exist"):
        opened(tmp_path / "none" / "listing")
    (tmp_path / "long").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        opened(tmp_path / "long" / ("x" * 250))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        opened(tmp_path / "pipe")


def test_other_kinds_of_input_have_no_listing(opened: Open, data: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 3, 3, 3), np.uint8), y=np.arange(4))
    with pytest.raises(UsageError, match="--listing means nothing for an input of kind npz"):
        opened(tmp_path / "listing", spec=tmp_path / "a.npz")
    shutil.copytree(data, tmp_path / "data2")
    with pytest.raises(UsageError, match="--listing is for one folder"):
        opened(tmp_path / "listing", spec=tmp_path / "data{,2}")
