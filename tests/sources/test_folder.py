"""An image folder is listed once, in one order, and each row is the file that was listed."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augtool.codecs import decode
from augtool.errors import BrokenInput, InputChanged, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _encoded, folder, open_source
from augtool.sources._encoded import EncodedSource

Open = Callable[..., EncodedSource]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def open_folder(path: Path, **reading: object) -> EncodedSource:
        scratch = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        return folder.open(str(path), Reading(**reading), scratch)

    return open_folder


def put(path: Path, value: int = 100, height: int = 4, width: int = 6, mode: str = "RGB") -> Path:
    """A plain image; the format follows the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    dtype = np.uint16 if mode == "I;16" else np.uint8
    Image.fromarray(np.full(shape, value, dtype)).save(path)
    return path


def put_text(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not an image")
    return path


def names(source: EncodedSource) -> list[str]:
    return [source.name(row) for row in range(source.n)]


def test_rows_go_by_class_then_by_plain_order_of_their_paths(data: Path, opened: Open) -> None:
    wanted = [
        "10/a-b.png",
        "10/a/b.png",
        "10/a1.png",
        "2/Z.png",
        "2/b.png",
        "2/é.png",
        "B/x.png",
        "a/x.png",
    ]
    for name in random.Random(1).sample(wanted, len(wanted)):
        put(data / name)
    source = opened(data)
    assert names(source) == sorted(wanted)
    assert source.class_names == ("10", "2", "B", "a")
    assert source.targets[0].values.tolist() == [0, 0, 0, 1, 1, 1, 2, 3]


def test_the_source_says_what_it_holds(data: Path, opened: Open) -> None:
    files = [put(data / name, value) for value, name in enumerate(["cat/1.png", "dog/1.png"])]
    source = opened(data)
    target = source.targets[0]
    assert (source.n, source.shape, source.dtype) == (2, (4, 6, 3), np.uint8)
    assert (target.kind, target.width, target.class_names) == ("classes", 2, ("cat", "dog"))
    assert target.values.dtype == np.int64
    assert source.nbytes == sum(file.stat().st_size for file in files)
    assert source.pixels is None
    assert not source.lossy
    assert source.notes.warnings == ()
    assert source.notes.left_out == {}


def test_rows_are_read_in_the_order_they_are_asked_for(data: Path, opened: Open) -> None:
    for value in range(9):
        put(data / f"c{value % 3}" / f"{value}.{'png' if value % 2 else 'bmp'}", 10 * value)
    source = opened(data)
    rows = np.array([4, 0, 8, 4], np.int64)
    out = np.zeros((4, 4, 6, 3), np.uint8)
    source.read(rows, out)
    expected = [10 * int(Path(source.name(row)).stem) for row in rows.tolist()]
    assert (out == np.array(expected)[:, None, None, None]).all()
    assert (source.image(4) == out[0]).all()


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.JPEG", "a.Png", "a.bmp", "a.GIF", "a.webp", "a.tif", "a.TIFF", "a.ppm"]
)
def test_every_extension_is_read_in_any_case(data: Path, opened: Open, name: str) -> None:
    put(data / "cat" / name)
    assert names(opened(data)) == [f"cat/{name}"]


def test_the_content_chooses_the_decoder(data: Path, opened: Open) -> None:
    put(data / "cat" / "real.png", 40).rename(data / "cat" / "a.jpeg")
    assert (opened(data).image(0) == 40).all()


def test_clutter_is_neither_class_nor_image(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png")
    for name in (".git", "__MACOSX", "@eaDir"):
        put(data / name / "x.png")
        put(data / "cat" / name / "x.png")
    for name in (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini"):
        put_text(data / name)
        put_text(data / "cat" / name)
    source = opened(data)
    assert (names(source), source.class_names, source.notes.left_out) == (
        ["cat/a.png"],
        ("cat",),
        {},
    )


def test_left_out_files_are_counted_by_extension(data: Path, opened: Open) -> None:
    for number in range(6):
        put(data / "cat" / f"{number}.png")
    for name in ("cat/a.AVIF", "cat/deep/b.avif", "cat/c.mov", "cat/README", "labels.csv"):
        put_text(data / name)
    source = opened(data)
    assert source.notes.left_out == {".avif": 2, ".mov": 1, "without extension": 1, ".csv": 1}


def test_it_stops_when_more_is_left_out_than_read(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png")
    put_text(data / "cat" / "a.avif")
    assert opened(data).n == 1
    put_text(data / "cat" / "b.avif")
    with pytest.raises(SourceError, match=r"2 \.avif") as caught:
        opened(data)
    assert "\n" not in str(caught.value)


def test_images_beside_class_folders_are_left_out_and_counted(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png")
    put(data / "stray.png")
    source = opened(data)
    assert (source.n, source.notes.left_out) == (1, {"images outside class folders": 1})


def test_an_empty_class_keeps_its_id_and_is_warned_about(data: Path, opened: Open) -> None:
    put(data / "a" / "1.png")
    (data / "b").mkdir()
    put(data / "c" / "1.png")
    source = opened(data)
    assert source.class_names == ("a", "b", "c")
    assert source.targets[0].values.tolist() == [0, 2]
    [warning] = source.notes.warnings
    assert "'b'" in warning


@pytest.mark.parametrize("words", [("train", "val"), ("Train",), ("dev", "test", "notes")])
def test_splits_stop_with_the_choices(data: Path, opened: Open, words: tuple[str, ...]) -> None:
    for word in words:
        put(data / word / "cat" / "a.png")
    with pytest.raises(UsageError) as caught:
        opened(data)
    expected = [word for word in words if word != "notes"]
    assert all(f"--split {word}" in str(caught.value) for word in expected)
    assert "--split notes" not in str(caught.value)


def test_a_split_is_read_in_place_of_its_parent(data: Path, opened: Open) -> None:
    put(data / "train" / "cat" / "a.png")
    put(data / "test" / "dog" / "b.png")
    source = opened(data, split="train")
    assert (names(source), source.class_names) == (["cat/a.png"], ("cat",))
    assert source.fingerprint == opened(data / "train").fingerprint
    for wrong in ("val", "../data", "train/cat"):
        with pytest.raises(UsageError, match="test, train"):
            opened(data, split=wrong)


def test_a_class_named_like_a_split_is_a_class(data: Path, opened: Open) -> None:
    put(data / "train" / "a.png")
    put(data / "ship" / "a.png")
    assert opened(data).class_names == ("ship", "train")


def test_one_folder_of_folders_is_suggested_as_the_input(data: Path, opened: Open) -> None:
    put(data / "pictures" / "cat" / "a.png")
    with pytest.raises(UsageError, match=f"--in {data}/pictures"):
        opened(data)


def test_images_without_class_folders_say_what_is_expected(data: Path, opened: Open) -> None:
    put(data / "a.png")
    for reading in ({}, {"classes": (("cat", "cat"),)}):
        with pytest.raises(UsageError, match=r"1 images are in no class.*CLASS/IMAGE\.jpg"):
            opened(data, **reading)


def test_a_folder_without_images_is_an_error(data: Path, opened: Open) -> None:
    with pytest.raises(UsageError, match="no images"):
        opened(data)
    (data / "cat").mkdir()
    (data / "dog").mkdir()
    with pytest.raises(SourceError, match="no images"):
        opened(data)
    put_text(data / "cat" / "a.avif")
    with pytest.raises(SourceError, match=r"1 \.avif"):
        opened(data)


def test_a_class_list_fixes_ids_order_and_captions(data: Path, opened: Open) -> None:
    for name in ("n01", "n02", "n03"):
        put(data / name / "x.png")
    listed = (("n03", "tench"), ("n09", "shark"), ("n01", "cock"), ("n02", "cock"))
    source = opened(data, classes=listed)
    assert source.class_names == ("tench", "shark", "cock", "cock")
    assert names(source) == ["n03/x.png", "n01/x.png", "n02/x.png"]
    assert source.targets[0].values.tolist() == [0, 2, 3]
    assert source.targets[0].width == 4
    [warning] = source.notes.warnings
    assert "'n09'" in warning


def test_a_folder_that_is_not_listed_is_named(data: Path, opened: Open) -> None:
    put(data / "cat" / "x.png")
    put(data / "dog" / "x.png")
    with pytest.raises(UsageError, match="'dog'"):
        opened(data, classes=(("cat", "cat"),))
    with pytest.raises(UsageError, match="twice"):
        opened(data, classes=(("cat", "a"), ("dog", "b"), ("cat", "c")))


def test_a_class_list_says_that_split_words_are_classes(data: Path, opened: Open) -> None:
    put(data / "train" / "deep" / "x.png")
    put(data / "test" / "deep" / "x.png")
    source = opened(data, classes=(("train", "train"), ("test", "test")))
    assert names(source) == ["train/deep/x.png", "test/deep/x.png"]


ODD_NAMES = [
    b"caf\xe9.png",
    b"two\nlines.png",
    b"tab\there.png",
    "猫.png".encode(),
    b"\xff\xfe.png",
    b"a b.png",
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_of_any_bytes_are_read_and_shown_on_one_line(data: Path, opened: Open) -> None:
    inside = os.fsencode(data) + b"/d\xe9j\xe0/"
    os.mkdir(inside)  # noqa: PTH102 (a path of bytes)
    for name in ODD_NAMES:
        put(data / "plain.png", len(name)).rename(os.fsdecode(inside + name))
    source = opened(data)
    ordered = sorted(ODD_NAMES, key=lambda name: name.decode("utf-8", "surrogateescape"))
    assert [source.image(row)[0, 0, 0] for row in range(source.n)] == list(map(len, ordered))
    assert source.class_names == ("d\\xe9j\\xe0",)
    shown = [name.removeprefix("d\\xe9j\\xe0/") for name in names(source)]
    assert set(shown) == {
        "caf\\xe9.png",
        "two\\nlines.png",
        "tab\\there.png",
        "猫.png",
        "\\xff\\xfe.png",
        "a b.png",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in this system's folders")
def test_only_regular_files_are_ever_opened(data: Path, opened: Open) -> None:
    for number in range(4):
        put(data / "cat" / f"{number}.png")
    os.mkfifo(data / "cat" / "pipe.png")
    (data / "cat" / "zero.png").symlink_to("/dev/zero")
    here = Path.cwd()
    os.chdir(data / "cat")  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.png")
    finally:
        os.chdir(here)
    source = opened(data)
    assert source.n == 4
    links = {"linked files (--follow-links)": 1}
    assert source.notes.left_out == {".png (not a regular file)": 2, **links}
    followed = opened(data, follow_links=True)
    assert followed.n == 4
    assert followed.notes.left_out == {".png (not a regular file)": 3}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in this system's folders")
def test_a_file_that_became_a_pipe_does_not_block(data: Path, opened: Open) -> None:
    file = put(data / "cat" / "a.png")
    source = opened(data)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputChanged, match=r"cat/a\.png"):
        source.image(0)


def test_links_are_counted_and_read_only_when_they_are_followed(data: Path, opened: Open) -> None:
    kept = put(data.parent / "elsewhere" / "real.png", 33)
    for number in range(4):
        put(data / "cat" / f"{number}.png")
    (data / "cat" / "link.png").symlink_to(kept)
    (data / "cat" / "dangling.png").symlink_to(data / "nothing")
    (data / "cat" / "loop.png").symlink_to(data / "cat" / "loop.png")
    (data / "cat" / "circle").symlink_to(data / "cat" / "circle")
    (data / "cat" / "round").symlink_to(data)
    (data / "linked").symlink_to(kept.parent)
    for number in range(4, 10):
        put(data / "cat" / f"{number}.png")
    source = opened(data)
    assert source.class_names == ("cat",)
    assert "cat/link.png" not in names(source)
    assert source.notes.left_out == {
        "linked files (--follow-links)": 3,
        "linked folders (--follow-links)": 2,
        "without extension": 1,
    }
    said = "3 linked files and 2 linked folders are not read; use --follow-links to read what"
    assert source.notes.warnings == (f"{said} they link to",)
    (data / "linked").unlink()
    followed = opened(data, follow_links=True)
    assert names(followed)[-1] == "cat/link.png"
    assert (followed.image(10) == 33).all()
    assert followed.notes.left_out[".png (broken link)"] == 2


def test_a_changed_file_is_named(data: Path, opened: Open) -> None:
    file = put(data / "cat" / "a.png", 1)
    source = opened(data)
    out = np.zeros((1, *source.shape), np.uint8)
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(InputChanged, match=r"cat/a\.png.*changed"):
        source.read(np.array([0]), out)
    file.write_bytes(file.read_bytes() + b"x")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputChanged, match=r"cat/a\.png.*changed"):
        source.read(np.array([0]), out)
    file.unlink()
    with pytest.raises(InputChanged, match=r"cat/a\.png.*gone"):
        source.read(np.array([0]), out)


def test_a_broken_image_is_named_with_its_row_and_reason(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png")
    broken = put(data / "cat" / "b.png")
    broken.write_bytes(broken.read_bytes()[:-30])
    put_text(data / "dog" / "c.png")
    source = opened(data)
    assert source.shape == (4, 6, 3)
    out = np.zeros((2, 4, 6, 3), np.uint8)
    for row, name in ((1, "cat/b.png"), (2, "dog/c.png")):
        for attempt in (lambda row: source.read(np.array([0, row]), out), source.image):
            with pytest.raises(BrokenInput) as caught:
                attempt(row)
            error = caught.value
            assert (error.row, error.name) == (row, name)
            assert error.reason
            assert "\n" not in str(error)
            assert pickle.loads(pickle.dumps(error)).row == row


def test_a_folder_of_which_nothing_can_be_read_fails_with_a_name(data: Path, opened: Open) -> None:
    put_text(data / "cat" / "a.png")
    with pytest.raises(
        SourceError, match=r"none of its images can be read.*cat/a\.png: not a JPEG"
    ):
        opened(data)


def test_images_of_several_sizes_open_without_a_shape_and_explain_it(
    data: Path, opened: Open
) -> None:
    for number in range(5):
        put(data / "cat" / f"{number}.png", height=30, width=40)
    for number in range(3):
        put(data / "dog" / f"{number}.png", height=50, width=20)
    put(data / "dog" / "x.png", height=9, width=9)
    source = opened(data)
    assert source.shape is None
    assert source.image(6).shape == (50, 20, 3)
    words = str(source.sizes_error())
    assert "3 sizes" in words
    assert words.index("30x40 (5)") < words.index("50x20 (3)") < words.index("9x9 (1)")
    assert "--size 30x40 --fit crop" in words


def test_a_size_that_differs_is_found_while_reading_if_not_before(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_encoded, "_PROBES", 1)
    for number in range(4):
        put(data / "cat" / f"{number}.png", height=30 if number else 31, width=40)
    source = opened(data)
    assert source.shape == (31, 40, 3)
    with pytest.raises(UsageError, match=r"30x40 \(3\), 31x40 \(1\)"):
        source.read(np.array([2]), np.zeros((1, 31, 40, 3), np.uint8))


def test_a_given_size_is_every_rows_shape(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png", 10, height=30, width=40)
    put(data / "cat" / "b.png", 20, height=90, width=10)
    source = opened(data, size=(8, 12), mode="L", fit="stretch")
    assert source.shape == (8, 12, 1)
    out = np.zeros((2, 8, 12, 1), np.uint8)
    source.read(np.array([1, 0]), out)
    assert np.unique(out[0]).tolist() == [20]
    assert np.unique(out[1]).tolist() == [10]
    assert source.image(1).shape == (90, 10, 1)


def test_the_orientation_counts_in_the_size(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.jpg", height=40, width=30)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(data / "cat" / "b.jpg", exif=exif)
    source = opened(data)
    assert source.shape == (40, 30, 3)
    source.read(np.array([0, 1]), np.zeros((2, 40, 30, 3), np.uint8))


def test_a_folder_of_16_bit_grey_must_choose_its_mode(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.png", 5000, mode="I;16")
    put(data / "cat" / "b.png", 6000, mode="I;16")
    with pytest.raises(UsageError, match="--mode L16"):
        opened(data)
    deep = opened(data, mode="L16")
    out = np.zeros((2, *deep.shape), deep.dtype)
    deep.read(np.array([0, 1]), out)
    assert (deep.dtype, out[:, 0, 0, 0].tolist()) == (np.uint16, [5000, 6000])
    assert opened(data, mode="L").image(0)[0, 0, 0] == round(5000 / 257)
    put(data / "dog" / "c.png", 7)
    assert opened(data).shape == (4, 6, 3)


def test_lossy_is_true_of_photos_only(data: Path, opened: Open) -> None:
    put(data / "cat" / "a.jpg")
    put(data / "cat" / "b.webp")
    assert opened(data).lossy
    put(data / "cat" / "c.png")
    assert not opened(data).lossy


def test_the_fingerprint_follows_names_sizes_and_classes_only(data: Path, opened: Open) -> None:
    for name in ("cat/a.bmp", "cat/b.bmp", "dog/a.bmp"):
        put(data / name)
    first = opened(data).fingerprint
    assert len(first) == len(hashlib.sha256().hexdigest())
    os.utime(data / "cat" / "a.bmp", (1, 1))
    moved = data.rename(data.parent / "moved")
    assert opened(moved).fingerprint == first
    seen = {first}
    listed = (("dog", "dog"), ("cat", "cat"))
    seen.add(opened(moved, classes=listed).fingerprint)
    seen.add(opened(moved, classes=(("cat", "cat"), ("dog", "wolf"))).fingerprint)
    (moved / "cat" / "b.bmp").rename(moved / "cat" / "c.bmp")
    seen.add(opened(moved).fingerprint)
    put(moved / "cat" / "c.bmp", height=5)
    seen.add(opened(moved).fingerprint)
    assert len(seen) == 5


def test_the_source_travels_to_workers_small_and_whole(data: Path, opened: Open) -> None:
    for number in range(300):
        put_text(data / "cat" / f"{number:09d}.png")
    put(data / "cat" / "000000000.png", 9)
    source = opened(data, size=(4, 6))
    source.image(0)
    len(source.targets)
    sent = pickle.dumps(source)
    assert len(sent) < 2000
    arrived = pickle.loads(sent)
    assert arrived == source
    assert (arrived.image(0) == 9).all()
    assert arrived.targets[0].values.shape == (300,)


def test_a_relative_path_still_leads_there_from_elsewhere(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data / "cat" / "a.png", 3)
    monkeypatch.chdir(data.parent)
    source = opened(Path("data"))
    monkeypatch.chdir("/")
    assert (source.image(0) == 3).all()


def test_folders_are_recognised_and_files_are_not(data: Path, tmp_path: Path) -> None:
    file = put(data / "cat" / "a.png")
    assert folder.sniff(str(data))
    assert not folder.sniff(str(file))
    assert not folder.sniff(str(tmp_path / "nothing"))
    assert isinstance(open_source(str(data), Reading(), tmp_path), EncodedSource)


def test_a_folder_that_may_not_be_listed_is_named(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data / "cat" / "a.png")
    scandir = os.scandir

    def guarded(path: bytes) -> object:
        if path.endswith(b"/cat"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(SourceError, match=r"/cat: .*Permission denied"):
        opened(data)


def test_a_file_that_may_not_be_read_is_broken_and_a_full_system_is_not(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data / "cat" / "a.png")
    source = opened(data)

    def failing(number: int) -> Callable[..., int]:
        def fail(*_args: object, **_kwargs: object) -> int:
            raise OSError(number, os.strerror(number))

        return fail

    monkeypatch.setattr(os, "open", failing(errno.EACCES))
    with pytest.raises(BrokenInput, match=r"cat/a\.png: Permission denied"):
        source.image(0)
    monkeypatch.setattr(os, "open", failing(errno.EMFILE))
    with pytest.raises(OSError, match="Too many open files"):
        source.image(0)


def test_a_file_system_that_hands_out_little_at_a_time_is_read_whole(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data / "cat" / "a.bmp", 12)
    source = opened(data)
    read = os.read
    monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 7)))
    assert (source.image(0) == 12).all()


def test_a_jpeg_goes_straight_into_the_block_it_is_read_to(
    data: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(data / "cat" / "a.jpg", 200, height=16, width=16)
    source = opened(data)
    monkeypatch.setattr(decode, "_by_pillow", lambda *_: pytest.fail("took the long way"))
    out = np.zeros((1, 16, 16, 3), np.uint8)
    source.read(np.array([0]), out)
    assert np.allclose(out, 200, atol=2)


def test_importing_the_source_loads_no_decoder_and_no_compiler() -> None:
    code = "import sys, augtool.sources.folder; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numba", "h5py", "PIL", "simplejpeg"} & set(loaded.stdout.split())


def test_linked_folders_are_entered_when_that_is_asked_for_and_circles_end(
    data: Path, opened: Open
) -> None:
    put(data.parent / "elsewhere" / "real.png", 33)
    put(data.parent / "elsewhere" / "inner" / "deep.png", 44)
    for name in ("a", "b", "c"):
        put(data / "cat" / "own" / f"{name}.png")
    (data / "cat" / "b").symlink_to(data.parent / "elsewhere")
    (data / "cat" / "again").symlink_to(data.parent / "elsewhere")
    (data / "cat" / "circle").symlink_to(data / "cat" / "circle")
    (data / "cat" / "twice").symlink_to(data / "cat" / "own")
    (data / "cat" / "own" / "up").symlink_to(data / "cat")
    (data.parent / "elsewhere" / "round").symlink_to(data.parent / "elsewhere" / "inner")
    (data / "dog").symlink_to(data.parent / "elsewhere" / "inner")
    (data / "self").symlink_to(data)
    source = opened(data, follow_links=True)
    assert source.class_names == ("cat", "dog")
    cats = ["cat/again/inner/deep.png", "cat/again/real.png"]
    cats += [f"cat/own/{name}.png" for name in ("a", "b", "c")]
    assert names(source) == [*cats, "dog/deep.png"]
    assert (source.image(0) == 44).all()
    # self; b, twice, up and round; circle
    assert source.notes.left_out == {"linked folders seen already": 5, "without extension": 1}


def test_a_link_bomb_ends(data: Path, opened: Open) -> None:
    own = [f"cat/{number:02}.png" for number in range(30)]
    for name in own:
        put(data / name)
    (data / "cat" / "0").mkdir()
    for level in range(10):
        (data / "cat" / f"{level + 1}").mkdir()
        for number in range(3):
            (data / "cat" / f"{level + 1}" / f"{number}").symlink_to(data / "cat" / f"{level}")
    source = opened(data, follow_links=True)
    assert names(source) == own
    assert source.notes.left_out == {"linked folders seen already": 30}
