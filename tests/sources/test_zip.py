"""A zip of an image folder is that folder: same classes, same rows, and nothing is extracted."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources import zip as zips
from augtool.sources._contract import Source


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(stream, "png")
    return stream.getvalue()


MEMBERS = {"dog/b.png": 1, "cat/10.png": 2, "cat/9.png": 3, "cat/deep/x.png": 4, "emu/e.png": 5}


def put(path: Path, members: dict[str, Any] = MEMBERS, how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, value in members.items():
            archive.writestr(name, png(value) if isinstance(value, int) else value)
    return path


def opened(path: Path, labels: Path | None = None, **reading: Any) -> Source:
    scratch = path.parent / f"scratch{len(list(path.parent.iterdir()))}"
    scratch.mkdir()
    return open_source(str(path), Reading(**reading), scratch, labels and str(labels))


def values(source: Source) -> list[int]:
    out = np.empty((source.n, 4, 6, 3), np.uint8)
    source.read(np.arange(source.n), out)
    return [int(value) for value in out[:, 0, 0, 0]]


def classes(source: Source) -> list[str]:
    (target,) = source.targets
    assert target.class_names is not None
    return [target.class_names[number] for number in target.values]


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_it_has_the_rows_of_the_folder_in_it(tmp_path: Path, how: int) -> None:
    path = put(tmp_path / "a.zip", how=how)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "a")
    folder, source = opened(tmp_path / "a"), opened(path)
    assert values(source) == values(folder) == [2, 3, 4, 1, 5]
    assert classes(source) == classes(folder)
    assert [source.name(row) for row in range(5)] == [folder.name(row) for row in range(5)]


def test_stored_members_are_read_where_they_lie_and_others_unpacked_once(tmp_path: Path) -> None:
    source = opened(put(tmp_path / "a.zip", how=zipfile.ZIP_STORED))
    (unpacked,) = tmp_path.rglob("unpacked.bin")
    assert unpacked.stat().st_size == 0
    put(tmp_path / "a.zip", {"cat/a.png": 1})
    with pytest.raises(SourceError, match="the file changed"):
        values(source)


def test_one_folder_around_all_classes_is_passed_over(tmp_path: Path) -> None:
    path = put(tmp_path / "a.zip", {f"top/inner/{name}": value for name, value in MEMBERS.items()})
    assert classes(opened(path)) == ["cat", "cat", "cat", "dog", "emu"]


def test_splits_must_be_chosen(tmp_path: Path) -> None:
    members = {
        f"{part}/{name}": value for part in ("train", "test") for name, value in MEMBERS.items()
    }
    path = put(tmp_path / "a.zip", members)
    with pytest.raises(UsageError, match="choose one: --split test, --split train"):
        opened(path)
    assert values(opened(path, split="test")) == [2, 3, 4, 1, 5]
    with pytest.raises(UsageError, match="which holds test, train"):
        opened(path, split="dev")


def test_what_is_no_image_is_counted_and_clutter_is_not(tmp_path: Path) -> None:
    others = {"__MACOSX/cat/9.png": b"", "cat/.DS_Store": b"", "cat/a.mov": b"", "loose.png": 7}
    source = opened(put(tmp_path / "a.zip", {**MEMBERS, **others}))
    assert source.n == 5
    assert source.notes.left_out == {".mov": 1, "images outside class folders": 1}


def test_a_table_or_the_names_can_have_the_labels(tmp_path: Path) -> None:
    path = put(tmp_path / "a.zip", {"img/cat.1.png": 1, "img/dog.2.png": 2, "img/cat.3.png": 3})
    (tmp_path / "l.csv").write_text("file,label\ncat.1.png,u\ndog.2.png,v\nimg/cat.3.png,v\n")
    source = opened(path, tmp_path / "l.csv")
    assert (values(source), classes(source)) == ([1, 3, 2], ["u", "v", "v"])
    assert classes(opened(path, label_from_name=r"(\w+)\.\d")) == ["cat", "cat", "dog"]


def test_names_are_only_names(tmp_path: Path) -> None:
    odd = {"../../cat/a.png": 1, "/etc/b.png": 2, "cat/line\nbreak é.png": 3, "c\\d.png": 4}
    before = {*tmp_path.parent.iterdir()}
    source = opened(put(tmp_path / "a.zip", {**odd, **MEMBERS}))
    assert sorted(values(source))[:4] == [1, 1, 2, 2]
    assert "cat/line\\nbreak é.png" in [source.name(row) for row in range(source.n)]
    assert {*tmp_path.parent.iterdir()} == before
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {
        ".zip", ".npy", ".json", ".bin",
    }  # fmt: skip


def test_a_bomb_is_broken_by_what_it_declares_and_cut_off_when_it_lies(tmp_path: Path) -> None:
    bomb = bytes(3_000_000)
    path = put(tmp_path / "a.zip", {**MEMBERS, "cat/bomb.png": bomb})
    data = bytearray(path.read_bytes())
    sizes = struct.pack("<L", len(bomb))
    at = data.rfind(sizes)  # in the directory
    data[at : at + 4] = struct.pack("<L", 5000)
    (tmp_path / "liar.zip").write_bytes(data)
    source = opened(tmp_path / "liar.zip")
    assert max(one.stat().st_size for one in tmp_path.rglob("unpacked.bin")) < 10_000
    with pytest.raises(BrokenInput, match=r"bomb\.png: is damaged"):
        values(source)
    source = opened(path, max_unpacked=1_000_000)
    assert source.n == 6
    with pytest.raises(BrokenInput, match=r"bomb\.png: 3,000,000 bytes are more than 1,000,000"):
        values(source)


def test_encrypted_members_and_links_are_left_out(tmp_path: Path) -> None:
    path = put(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    source = opened(path)
    assert source.notes.left_out == {".png (link)": 1}


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("cat/9.png", png(9))
    with pytest.raises(SourceError, match=r"'cat/9.png' is there twice"):
        opened(path)


def test_an_archive_that_was_cut_says_so(tmp_path: Path) -> None:
    data = put(tmp_path / "a.zip").read_bytes()
    for cut in (1, 30, 200, len(data) // 2):
        (tmp_path / "b.zip").write_bytes(data[:-cut])
        with pytest.raises(SourceError, match=r"cut short|damaged|ends early"):
            zips.open(str(tmp_path / "b.zip"), Reading(), tmp_path)


def test_something_before_the_archive_and_long_numbers_do_no_harm(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, value in MEMBERS.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(png(value))
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(b"PK\3\4 prefix" + data)
    assert values(opened(tmp_path / "b.zip")) == [2, 3, 4, 1, 5]


def test_a_directory_of_64_bits_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    path = put(tmp_path / "a.zip", how=zipfile.ZIP_STORED)
    assert b"PK\6\6" in path.read_bytes()
    assert values(opened(path)) == [2, 3, 4, 1, 5]


def test_no_damage_is_anything_but_an_error_of_augtool(tmp_path: Path) -> None:
    data = put(tmp_path / "a.zip").read_bytes()
    random = np.random.default_rng(3)
    for _ in range(150):
        broken = bytearray(data)
        for at in random.integers(4, len(data), 3):
            broken[at] = random.integers(256)
        (tmp_path / "b.zip").write_bytes(broken)
        with contextlib.suppress(SourceError, UsageError):
            values(zips.open(str(tmp_path / "b.zip"), Reading(size=(4, 6)), tmp_path))
