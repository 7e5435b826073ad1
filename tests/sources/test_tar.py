"""WebDataset archives: rows are found by key in one look, and read where they lie."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import BrokenInput, InputChanged, SourceError, UsageError
from augtool.job import Job
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.sources import open_source, tar
from augtool.sources._contract import Source

H, W = 5, 7
Members = Iterable[tuple[str, bytes]]


def image(value: int, format: str = "png", size: tuple[int, int] = (H, W)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(stream, format, quality=100)
    return stream.getvalue()


def npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def put(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def rows(n: int = 6, label: Callable[[int], dict[str, bytes]] | None = None) -> Members:
    for row in range(n):
        yield f"{row:04}.png", image(row)
        labels = {"cls": b"%d\n" % (row % 3)} if label is None else label(row)
        yield from ((f"{row:04}.{end}", data) for end, data in labels.items())


def opened(path: Path | list[Path], **reading: Any) -> Source:
    paths = path if isinstance(path, list) else [path]
    scratch = paths[0].parent / f"scratch{len(list(paths[0].parent.iterdir()))}"
    scratch.mkdir()
    return tar.open_all([str(one) for one in paths], Reading(**reading), scratch)


def values(source: Source) -> list[int]:
    """The pixel value of each row."""
    assert source.shape is not None
    out = np.empty((source.n, *source.shape), source.dtype)
    source.read(np.arange(source.n), out)
    assert (out == out[:, :1, :1, :1]).all()
    return [int(value) for value in out[:, 0, 0, 0]]


def test_members_that_share_a_key_are_a_row(tmp_path: Path) -> None:
    source = opened(put(tmp_path / "a.tar", rows()))
    (target,) = source.targets
    assert (source.n, source.shape, target.kind, target.width) == (6, (H, W, 3), "classes", 3)
    assert target.values.tolist() == [0, 1, 2, 0, 1, 2]
    assert values(source) == list(range(6))
    assert source.name(2) == "0002.png"


def test_several_archives_are_one_source_of_all_their_classes(tmp_path: Path) -> None:
    names = [b"dog", b"cat", b"emu"]
    parts = [
        put(
            tmp_path / f"train-{part:06}.tar",
            [("k.jpg", image(90 * part, "jpeg")), ("k.cls", name)],
        )
        for part, name in enumerate(names)
    ]
    source = opened(parts)
    assert source.targets[0].class_names == ("cat", "dog", "emu")
    assert source.targets[0].values.tolist() == [1, 0, 2]
    assert values(source) == [0, 90, 180]
    assert source.name(1) == "train-000001.tar/k.jpg"
    again = pickle.loads(pickle.dumps(source))
    assert values(again) == [0, 90, 180]
    assert len(pickle.dumps(source)) < 2000


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_archive_is_unpacked_once(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    plain = put(tmp_path / "a.tar", rows())
    packed = tmp_path / "b.tar.packed"
    packed.write_bytes(pack(plain.read_bytes()))
    (tmp_path / "s").mkdir()
    source = open_source(str(packed), Reading(), tmp_path / "s")
    packed.unlink()
    assert values(source) == list(range(6))
    assert source.fingerprint == opened(plain).fingerprint


def test_a_compressed_archive_that_ends_early_is_damaged(tmp_path: Path) -> None:
    data = gzip.compress(put(tmp_path / "a.tar", rows(40)).read_bytes())
    (tmp_path / "b.tar.gz").write_bytes(data[:-200])
    with pytest.raises(SourceError, match=r"b.tar.gz: cannot be decompressed"):
        opened(tmp_path / "b.tar.gz")


@pytest.mark.parametrize(
    ("label", "reading", "kind", "expected"),
    [
        (lambda _: {"cls": b"x", "soft.npy": npy(np.float32([0.5, 0.5]))}, {}, "soft", [0.5, 0.5]),
        (lambda _: {"cls": b"0", "soft.npy": npy([1.0])}, {"label_key": ("cls",)}, "classes", 0),
        (lambda _: {"npy": npy(np.float32([7, -1]))}, {}, "values", [7, -1]),
        (lambda _: {"json": b'{"a": {"b": 1}, "age": 2.5}'}, {"label_column": ("age",)}, "values",
         [2.5]),
        (lambda _: {"json": b'{"kind": "cat"}'}, {"label_column": ("kind",)}, "classes", 0),
        (lambda _: {"json": b'{"tags": ["u", "v"]}'}, {"label_column": ("tags",)}, "multihot",
         [1, 1]),
    ],
)  # fmt: skip
def test_labels_come_from_the_best_member_or_the_one_that_is_named(
    tmp_path: Path, label: Any, reading: Any, kind: str, expected: Any
) -> None:
    (target,) = opened(put(tmp_path / "a.tar", rows(4, label)), **reading).targets
    assert target.kind == kind
    assert target.values.tolist() == [expected] * 4


def test_several_labels_are_several_targets(tmp_path: Path) -> None:
    label = lambda i: {"json": json.dumps({"a": i % 2, "b": "xyz"[i % 3]}).encode()}  # noqa: E731
    source = opened(put(tmp_path / "a.tar", rows(6, label)), label_column=("a", "b"))
    assert [one.name for one in source.targets] == ["a", "b"]
    assert source.targets[1].class_names == ("x", "y", "z")


def test_an_archive_by_augtool_is_read_with_its_soft_labels_and_names(tmp_path: Path) -> None:
    recipe = Recipe((step("cutmix"),), seed=1)
    augtool.run(Job("sample:?n=40&size=8x9", str(tmp_path / "a.tar"), recipe, workers=0))
    augtool.run(Job("sample:?n=40&size=8x9", str(tmp_path / "a.h5"), recipe, workers=0))
    source = opened(tmp_path / "a.tar")
    with augtool.open(tmp_path / "a.h5") as mixed:
        assert np.array_equal(source.targets[0].values, mixed.labels)
        assert source.targets[0].class_names == mixed.class_names
        out = np.empty((40, 8, 9, 3), np.uint8)
        source.read(np.arange(40), out)
        assert np.array_equal(out, mixed.images)


def test_array_members_keep_their_dtype_and_must_be_alike(tmp_path: Path) -> None:
    def member(row: int, dtype: Any = np.float32) -> tuple[str, bytes]:
        return f"{row}.npy", npy(np.full((3, 4, 2), row, dtype))

    members = [one for row in range(5) for one in (member(row), (f"{row}.cls", b"0"))]
    source = opened(put(tmp_path / "a.tar", members))
    assert (source.dtype, source.shape, values(source)) == (np.float32, (3, 4, 2), [0, 1, 2, 3, 4])
    odd = opened(put(tmp_path / "b.tar", [*members, member(9, np.uint8), ("9.cls", b"0")]))
    with pytest.raises(BrokenInput, match=r"9.npy: is no array \(3, 4, 2\) of float32"):
        values(odd)


def test_keys_are_cut_at_the_first_dot_of_the_last_part(tmp_path: Path) -> None:
    members = [
        ("./a.b/x.img.png", image(1)), ("./a.b/x.cls", b"0"), ("a.b/y.img.png", image(2)),
        ("a.b/y.cls", b"1"), (".hidden", b""), ("README", b""),
    ]  # fmt: skip
    source = opened(put(tmp_path / "a.tar", members))
    assert values(source) == [1, 2]
    assert source.notes.left_out == {"other members": 2}


def test_rows_without_image_or_label_are_left_out_and_counted(tmp_path: Path) -> None:
    members = [*rows(3), ("0007.png", image(7)), ("0008.cls", b"1")]
    source = opened(put(tmp_path / "a.tar", members))
    assert source.n == 3
    assert source.notes.left_out == {"without label": 1, "without image": 1}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([*rows(3), ("0001.png", image(0))], "the key '0001' comes twice"),
        ([("a.png", image(0)), ("a.png", image(1)), ("a.cls", b"0")], "'a.png' is there twice"),
        ([("a.cls", b"0")], "no image among cls"),
        ([("a.x.png", image(0)), ("a.y.png", image(0)), ("a.cls", b"0")], "several images"),
        ([("a.png", image(0))], "no member of the first row has a usual name for labels"),
        ([("a.png", image(0)), ("a.json", b"{}")], "a key of its json with --label-column"),
        ([("a.png", image(0)), ("a.cls", b"")], "holds no class"),
        ([("a.png", image(0)), ("a.npy", b"x")], "not readable as npy"),
        ([("a.txt", b"x"), ("b", b"")], "no image among txt"),
        ([("README", b"")], "holds no images with labels"),
    ],
)
def test_what_is_wrong_with_an_archive_is_one_line(
    tmp_path: Path, members: Members, words: str
) -> None:
    with pytest.raises((UsageError, SourceError), match=words) as error:
        opened(put(tmp_path / "a.tar", members))
    assert "a.tar" in str(error.value) or "a." in str(error.value)
    assert "\n" not in str(error.value)


def test_pickled_labels_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "boom"),))

    stream = io.BytesIO()
    np.save(stream, np.array([Bomb()], object), allow_pickle=True)
    with pytest.raises(SourceError, match="not readable as npy"):
        opened(put(tmp_path / "a.tar", [("a.png", image(0)), ("a.npy", stream.getvalue())]))
    assert not (tmp_path / "boom").exists()


def test_an_archive_that_was_cut_anywhere_says_so(tmp_path: Path) -> None:
    whole = put(tmp_path / "a.tar", rows(3)).read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getmembers()
    for cut in range(members[2].offset, members[-1].offset_data + 512, 256):
        (tmp_path / "b.tar").write_bytes(whole[:cut])
        try:
            source = opened(tmp_path / "b.tar")
        except SourceError as error:
            assert any(words in str(error) for words in ("cut short", "damaged"))
        else:
            assert any("perhaps it was cut short" in one for one in source.notes.warnings)


def test_a_damaged_header_in_the_middle_is_no_end(tmp_path: Path) -> None:
    data = bytearray(put(tmp_path / "a.tar", rows(3)).read_bytes())
    with tarfile.open(tmp_path / "a.tar") as archive:
        offset = archive.getmembers()[2].offset
    data[offset + 10] ^= 255
    (tmp_path / "b.tar").write_bytes(data)
    with pytest.raises(SourceError, match=f"damaged at byte {offset:,}"):
        opened(tmp_path / "b.tar")


def test_links_and_devices_are_passed_over_and_names_are_only_names(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("p.png", tarfile.FIFOTYPE), ("s.png", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name, data in (("/../../x\n\udce9.png", image(3)), ("/../../x\n\udce9.cls", b"0")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    before = {*tmp_path.iterdir()}
    source = opened(tmp_path / "a.tar")
    assert (values(source), source.name(0)) == ([3], "/../../x\\n\\xe9.png")
    assert source.notes.left_out == {"other members": 2}
    assert len({*tmp_path.iterdir()} - before) == 1  # the scratch folder


def test_a_broken_image_is_named_and_a_changed_archive_noticed(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tar", [*rows(3), ("0009.png", image(0)[:45]), ("0009.cls", b"0")])
    source = opened(path)
    with pytest.raises(BrokenInput, match=r"0009.png") as broken:
        values(source)
    assert broken.value.row == 3
    put(path, rows(9))
    with pytest.raises(InputChanged, match="the file changed"):
        source.image(0)


def test_images_of_several_sizes_are_explained(tmp_path: Path) -> None:
    members = [
        ("a.png", image(0)),
        ("a.cls", b"0"),
        ("b.png", image(0, size=(9, 9))),
        ("b.cls", b"1"),
    ]
    source: Any = opened(put(tmp_path / "a.tar", members))
    assert source.shape is None
    assert "5x7 (1), 9x9 (1)" in str(source.sizes_error())
    sized = opened(tmp_path / "a.tar", size=(4, 4))
    assert sized.shape == (4, 4, 3)
    assert values(sized) == [0, 0]
