"""HDF5 files are found, understood, and read without trusting them."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from augtool.errors import AugtoolError, InputChanged, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _hdf5_bytes, _hdf5_find, hdf5
from augtool.system.child import isolated

N, H, W = 7, 5, 9


def images(dtype: Any = np.uint8, shape: tuple[int, ...] = (N, H, W, 3)) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(dtype)


LABELS = np.arange(N) % 3


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., str]:
    """Makes an HDF5 file of the given data sets, by path."""

    def make(sets: dict[str, Any], attrs: dict[str, Any] | None = None, **options: Any) -> str:
        path = tmp_path / "data.h5"
        with h5py.File(path, "w", **options) as file:
            for name, value in sets.items():
                file[name] = value
            file.attrs.update(attrs or {})
        return str(path)

    return make


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def opened(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Opens a file without the child process: faster, and seen by coverage."""
    monkeypatch.setattr(hdf5, "isolated", lambda function, *args: function(*args))
    return lambda spec, **reading: hdf5.open(spec, Reading(**reading), scratch)


@pytest.fixture
def refusal(opened: Callable[..., Any]) -> Callable[..., str]:
    """The one line with which a file is refused."""

    def refuse(kind: type[AugtoolError], spec: str, **reading: Any) -> str:
        with pytest.raises(kind) as caught:
            opened(spec, **reading)
        assert type(caught.value) is kind
        assert str(caught.value).startswith(spec.rpartition("/")[0])
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


LOOKER = """
import resource
from pathlib import Path
from augtool.errors import AugtoolError
from augtool.recipe.recipe import Reading
from augtool.sources import _hdf5_bytes, _hdf5_child

_hdf5_child.CPU_SECONDS = 1

def lines(paths, scratch):
    return [line for path in paths if (line := complaint(path, scratch)) is not None]

def with_peak(path, scratch):
    _hdf5_bytes.SPARE_BYTES = 1 << 26
    line = complaint(path, scratch)
    return line, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

def complaint(path, scratch):
    try:
        _hdf5_child.found(path, Reading(), Path(scratch))
    except AugtoolError as error:
        return str(error)
"""


@pytest.fixture
def looker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a test wants to know from a child process, as functions that a child can import."""
    (tmp_path / "hdf5_looker.py").write_text(LOOKER)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("hdf5_looker")
    del sys.modules["hdf5_looker"]


def all_rows(source: Any) -> np.ndarray:
    """All rows, read in an order that is neither rising nor falling."""
    rows = np.roll(np.arange(source.n), 3)[::-1]
    out = np.empty((source.n, *source.shape), source.dtype)
    source.read(rows, out)
    assert source.pixels is None or (source.pixels[rows] == out).all()
    assert (source.image(4) == out[rows == 4][0]).all()
    return out[np.argsort(rows)]


# Sniffing


@pytest.mark.parametrize("userblock", [0, 512, 1024, 4096])
def test_a_file_is_known_by_its_signature_and_read_behind_a_user_block(
    made, opened, userblock: int
) -> None:
    spec = made({"images": images(), "labels": LABELS}, userblock_size=userblock)
    assert hdf5.sniff(spec)
    assert (all_rows(opened(spec)) == images()).all()


def test_what_is_no_hdf5_file_is_left_to_others(tmp_path: Path) -> None:
    text = tmp_path / "text.h5"
    text.write_bytes(b"x" * 5000 + b"\x89HDF\r\n\x1a\n")
    (tmp_path / "empty.h5").touch()
    os.mkfifo(tmp_path / "pipe.h5")
    names = ["text.h5", "empty.h5", "pipe.h5", "", "missing.h5", "x" * 5000]
    assert not any(hdf5.sniff(str(tmp_path / name)) for name in names)
    assert not hdf5.sniff("sample:?n=20")


def test_the_caller_never_imports_h5py(made, scratch: Path) -> None:
    spec = made({"images": images(), "labels": LABELS})
    code = (
        "import sys; from pathlib import Path; from augtool.recipe.recipe import Reading\n"
        "from augtool.sources import hdf5\n"
        f"source = hdf5.open({spec!r}, Reading(), Path({str(scratch)!r}))\n"
        "source.image(3); source.fingerprint; source.pixels\n"
        "print({'h5py', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# Finding


@pytest.mark.parametrize(
    ("image_key", "label_key"),
    [
        ("images", "labels"),
        ("image", "label"),
        ("x", "y"),
        ("X", "Y"),
        ("X", "y"),
        ("x_train", "y_train"),
        ("X_train", "y_train"),
        ("train_set_x", "train_set_y"),
        ("data", "label"),
        ("data", "labels"),
        ("deep/down/images", "deep/down/labels"),
    ],
)
def test_usual_names_are_found(made, opened, image_key: str, label_key: str) -> None:
    source = opened(made({image_key: images(), label_key: LABELS, "other": [1, 2]}))
    assert (all_rows(source) == images()).all()
    assert source.targets[0].values.tolist() == LABELS.tolist()


def test_data_sets_can_be_given_by_nested_paths(made, opened) -> None:
    spec = made({"a/b/pix": images(), "a/kind": LABELS, "images": images() + 1, "labels": LABELS})
    source = opened(spec, image_key="/a/b/pix", label_key="a/kind")
    assert (all_rows(source) == images()).all()


@pytest.mark.parametrize(
    ("image_key", "label_key"),
    [("x_test", "y_test"), ("test/images", "test/labels"), ("pix", "label"), ("pix", "y")],
)
def test_labels_are_found_beside_a_given_image_data_set(
    made, opened, image_key: str, label_key: str
) -> None:
    other = {"x_train": images()[:2], "y_train": [0, 1]}
    source = opened(made({image_key: images(), label_key: LABELS, **other}), image_key=image_key)
    assert source.targets[0].values.tolist() == LABELS.tolist()


def test_data_sets_nearest_to_the_root_are_taken(made, opened) -> None:
    sets = {"images": images(), "labels": LABELS, "extra/images": images(), "extra/labels": LABELS}
    assert opened(made(sets)).n == N


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        ({"train/x": images(), "train/y": LABELS, "test/x": images(), "test/y": LABELS}, "more"),
        ({"images": images(), "labels": LABELS, "x": images() + 1, "y": LABELS}, "more than one"),
        ({"pix": images(), "kind": LABELS}, "no image data set"),
    ],
)
def test_what_cannot_be_told_is_listed_with_the_options(made, refusal, sets, reason: str) -> None:
    message = refusal(UsageError, made(sets))
    assert reason in message
    assert "--image-key and --label-key" in message
    assert all(f"{name} {np.shape(value)}" in message for name, value in sets.items())


def test_missing_labels_name_the_option(made, refusal) -> None:
    message = refusal(UsageError, made({"images": images(), "kind": LABELS}))
    assert "images: no labels beside it" in message
    assert "kind (7,) int64" in message and "--label-key" in message


def test_an_unknown_key_gets_the_nearest(made, refusal) -> None:
    spec = made({"train/images": images(), "train/labels": LABELS})
    message = refusal(UsageError, spec, image_key="train/imges")
    assert "'train/imges'" in message and "did you mean 'train/images'?" in message
    assert "train/labels (7,)" in refusal(UsageError, spec, image_key="zzz")
    assert "is a group" in refusal(UsageError, spec, image_key="train")


def test_soft_links_inside_the_file_are_followed(made, opened) -> None:
    links = {"images": h5py.SoftLink("/raw/a"), "labels": h5py.SoftLink("raw/b")}
    sets = {"raw/a": images(), "raw/b": LABELS, **links, "x": h5py.SoftLink("/images")}
    sets["y"] = h5py.SoftLink("labels")
    assert (all_rows(opened(made(sets))) == images()).all()


def test_groups_that_lead_in_a_circle_end(made, opened, refusal) -> None:
    spec = made({"a/images": images(), "a/labels": LABELS})
    with h5py.File(spec, "a") as file:
        file["a/again"] = file["a"]
        file["images"] = h5py.SoftLink("labels")
        file["labels"] = h5py.SoftLink("images")
    assert "circle" in refusal(SourceError, spec, image_key="images")
    assert opened(spec, image_key="a/again/again/images", label_key="a/labels").n == N


def test_a_group_for_each_image_is_refused_in_time(made, refusal) -> None:
    spec = made({})
    with h5py.File(spec, "a") as file:
        for number in range(500):
            file[f"{number}/image"], file[f"{number}/label"] = np.zeros((H, W), np.uint8), 1
    assert "more than one image data set" in refusal(UsageError, spec)


def test_a_given_label_data_set_does_not_change_where_images_are_found(made, opened) -> None:
    sets = {"images": images(), "kind": LABELS, "more/x": images() + 1, "more/y": LABELS}
    assert (all_rows(opened(made(sets), label_key="kind")) == images()).all()


# Layouts and dtypes


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("chunks", [None, (2, 3, 4, 3), (N, H, W, 3)])
def test_all_dtypes_come_in_native_order(made, opened, tmp_path, dtype: str, chunks) -> None:
    spec, pixels = made({"labels": LABELS}), images(dtype)
    if dtype[1] == "f":
        pixels[2, 3, 4] = np.nan
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", data=pixels, chunks=chunks)
    source = opened(spec)
    assert source.dtype.isnative and source.dtype == pixels.dtype.newbyteorder("=")
    assert np.array_equal(all_rows_or_nan(source), pixels, equal_nan=dtype[1] == "f")
    swapped_in_place = chunks is None and dtype[0] == ">"
    assert (source.pixels is None) == swapped_in_place


def all_rows_or_nan(source: Any) -> np.ndarray:
    out = np.empty((source.n, *source.shape), source.dtype)
    source.read(np.arange(source.n), out)
    return out


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        ((N, H, W, 3), (H, W, 3)),
        ((N, H, W, 1), (H, W, 1)),
        ((N, 4, H, W), (H, W, 4)),
        ((N, 1, H, W), (H, W, 1)),
        ((N, H, W), (H, W)),
        ((N, W), (W,)),
        ((N, 6, H, W, 3), (6, H, W, 3)),
    ],
)
def test_the_shape_tells_the_layout(made, opened, shape, row) -> None:
    source = opened(made({"images": images(shape=shape), "labels": LABELS}))
    assert source.shape == row
    pixels = images(shape=shape)
    moved = np.moveaxis(pixels, 1, 3) if len(shape) == 4 and shape[1] <= 4 else pixels
    assert (all_rows(source) == moved).all()
    assert (source.pixels is None) == (moved is not pixels)


@pytest.mark.parametrize("shape", [(N, 3, W, 3), (N, 5, 7, W)])
def test_an_ambiguous_shape_shows_its_readings_and_their_options(
    made, opened, refusal, shape
) -> None:
    spec = made({"images": images(shape=shape), "labels": LABELS})
    message = refusal(UsageError, spec)
    _, a, b, c = shape
    assert f"{a}x{b} with {c} channels (--layout NHWC)" in message
    assert f"{b}x{c} with {a} channels (--layout NCHW)" in message
    assert opened(spec, layout="NHWC").shape == (a, b, c)
    assert opened(spec, layout="NCHW").shape == (b, c, a)


@pytest.mark.parametrize(("shape", "layout"), [((N, H, W), "NHWC"), ((N, H, W, 3), "NHW")])
def test_a_layout_that_does_not_fit_is_refused(made, refusal, shape, layout) -> None:
    spec = made({"images": images(shape=shape), "labels": LABELS})
    assert f"layout {layout} needs" in refusal(UsageError, spec, layout=layout)


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (np.zeros((N, H, W), np.int64), "int64"),
        (np.zeros((N, H, W), bool), "bool"),
        (np.zeros((N, H, W), np.float16), "float16"),
        (np.zeros((N, H, W), [("a", "u1")]), "compound"),
        (np.array([b"png"] * N), "strings"),
    ],
)
def test_other_dtypes_are_refused_with_those_that_work(made, refusal, pixels, kind: str) -> None:
    message = refusal(UsageError, made({"images": pixels, "labels": LABELS}))
    assert f"images is {kind}" in message and "uint8, uint16, float32, float64" in message


def test_objects_are_refused(made, refusal) -> None:
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", (N,), h5py.vlen_dtype(np.uint8))
    assert "images is objects" in refusal(UsageError, spec)


@pytest.mark.parametrize("shape", [(0, H, W, 3), (N, 0, W), (N,), ()])
def test_arrays_without_pixels_are_refused(made, refusal, shape) -> None:
    kind = SourceError if 0 in shape else UsageError
    labels = np.zeros(shape[:1] or N, int)
    assert "images" in refusal(kind, made({"images": images(shape=shape), "labels": labels}))


def test_arrays_keep_their_size_and_channels(made, opened, refusal) -> None:
    spec = made({"images": images(), "labels": LABELS})
    assert opened(spec, size=(H, W), mode="RGB").shape == (H, W, 3)
    assert "--size 9x5 cannot be met" in refusal(UsageError, spec, size=(W, H))
    assert "--mode L cannot be met" in refusal(UsageError, spec, mode="L")


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip"},
        {"compression": "lzf", "shuffle": True},
        {"chunks": (1, H, W, 3), "fletcher32": True},
        {"chunks": (3, 2, W, 1), "compression": "gzip"},
        {"chunks": (N + 2, H, W, 3), "maxshape": (None, H, W, 3)},
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 200, 1 << 20])
def test_chunked_and_compressed_arrays_are_unpacked(
    made, opened, monkeypatch: pytest.MonkeyPatch, options, piece_bytes: int
) -> None:
    monkeypatch.setattr(_hdf5_bytes, "_PIECE_BYTES", piece_bytes)
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", data=images(np.uint16), **options)
    source = opened(spec)
    assert (all_rows(source) == images(np.uint16)).all()
    assert source.nbytes > 0


# Labels and class names


@pytest.mark.parametrize("compact", [False, True])
def test_labels_of_every_storage_are_read(made, opened, compact: bool) -> None:
    spec = made({"images": images()})
    with h5py.File(spec, "a") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT if compact else h5py.h5d.CONTIGUOUS)
        space = h5py.h5s.create_simple((N,))
        h5py.h5d.create(file.id, b"labels", h5py.h5t.STD_I16BE, space, plan)
        file["labels"][...] = LABELS
    assert opened(spec).targets[0].values.tolist() == LABELS.tolist()


@pytest.mark.parametrize("words", [["cat", "dög"], [b"cat", "dög".encode()]])
def test_strings_are_classes(made, opened, words) -> None:
    labels = [words[number % 2] for number in range(N)]
    target = opened(made({"images": images(), "labels": labels})).targets[0]
    assert target.class_names == ("cat", "dög")
    assert target.values.tolist() == [number % 2 for number in range(N)]


@pytest.mark.parametrize(
    ("sets", "attrs"),
    [
        ({}, {"class_names": json.dumps(["a", "b", "ü"])}),
        ({}, {"class_names": ["a", "b", "ü"]}),
        ({}, {"class_names": np.array(["a", "b", "ü".encode()], "S5")}),
        ({"list_classes": np.array([b"a", b"b", "ü".encode()])}, {}),
        ({"label_names": ["a", "b", "ü"]}, {}),
        ({"class_names": json.dumps(["a", "b", "ü"])}, {}),
    ],
)
def test_class_names_are_taken_from_where_people_put_them(made, opened, sets, attrs) -> None:
    spec = made({"images": images(), "labels": LABELS, **sets}, attrs)
    assert opened(spec).targets[0].class_names == ("a", "b", "ü")


@pytest.mark.parametrize("names", ["not json", "[1, 2, 3]", "[" * 100_000, 7, "{}"])
def test_class_names_that_are_none_are_passed_over(made, opened, names) -> None:
    attrs = {"class_names": names} if len(str(names)) < 60_000 else {}
    sets = {} if attrs else {"class_names": names}
    target = opened(made({"images": images(), "labels": LABELS, **sets}, attrs)).targets[0]
    assert (target.width, target.class_names) == (3, None)


def test_own_output_is_an_input(made, opened) -> None:
    soft = np.full((N, 3), 1 / 3, np.float32)
    sets = {
        "images": images(shape=(N, H, W, 6)),
        "labels": soft,
        "label": LABELS,
        "src": np.zeros((N, 2), np.int64),
        "weight": np.zeros((N, 2), np.float32),
        "cutmix_box": np.zeros((N, 4), np.int32),
    }
    attrs = {"class_names": '["a","b","c"]', "num_classes": 3, "layout": "NHWC"}
    source = opened(made(sets, {**attrs, "schema_version": 1}))
    target = source.targets[0]
    assert (target.kind, target.class_names) == ("soft", ("a", "b", "c"))
    assert source.shape == (H, W, 6)
    assert (target.values == soft).all()


def test_the_number_of_classes_in_the_file_counts(made, opened) -> None:
    spec = made({"images": images(), "labels": LABELS}, {"num_classes": 8})
    assert opened(spec).targets[0].width == 8
    assert opened(spec, num_classes=5).targets[0].width == 5


def test_wrong_labels_are_named_with_file_row_and_value(made, refusal) -> None:
    spec = made({"images": images(), "labels": [0, 1, 2, 5, 0, 1, 2]}, {"num_classes": 3})
    assert "data.h5: labels: row 3 is 5" in refusal(SourceError, spec)


def test_data_sets_of_unequal_length_are_refused(made, refusal) -> None:
    message = refusal(SourceError, made({"images": images(), "labels": LABELS[:4]}))
    assert "images has 7 rows, labels has 4" in message


# The open source


def test_an_open_source_travels_small_and_reads_the_same(made, opened) -> None:
    source = opened(made({"images": images(), "labels": LABELS}))
    before = all_rows(source), source.targets[0].values.tolist(), source.fingerprint
    letter = pickle.dumps(source)
    assert len(letter) < 1000
    again = pickle.loads(letter)
    assert (all_rows(again) == before[0]).all()
    assert (again.targets[0].values.tolist(), again.fingerprint) == before[1:]
    assert (again.n, again.name(3), again.nbytes) == (N, "row 3", images().nbytes)


def test_pixels_are_the_file_itself_and_cannot_be_written(made, opened) -> None:
    source = opened(made({"images": images(), "labels": LABELS}))
    assert not source.pixels.flags.writeable
    assert not list(source.stored_targets[0].path.parent.glob("*.raw"))


def test_the_fingerprint_is_of_shape_dtype_and_targets_alone(made, opened) -> None:
    def fingerprint(pixels: np.ndarray, labels: Any, **names: Any) -> str:
        return opened(made({"images": pixels, "labels": labels}, names)).fingerprint

    base = fingerprint(images(), LABELS)
    assert fingerprint(images() + 1, LABELS) == base
    assert fingerprint(images(shape=(N, 3, H, W)), LABELS) == base
    others = {
        fingerprint(images(np.uint16), LABELS),
        fingerprint(images(shape=(N, W, H, 3)), LABELS),
        fingerprint(images(), LABELS[::-1]),
        fingerprint(images(), LABELS, class_names=["a", "b", "c"]),
    }
    assert len({base, *others}) == 5


@pytest.mark.parametrize("change", ["touch", "truncate", "remove"])
def test_a_file_that_changes_is_noticed(
    made, opened, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    spec = made({"images": images(), "labels": LABELS})
    monkeypatch.chdir(Path(spec).parent)
    source = opened("data.h5")
    all_rows(source)
    if change == "touch":
        os.utime(spec, (1, 1))
    elif change == "truncate":
        os.truncate(spec, 100)
    else:
        os.unlink(spec)  # noqa: PTH108
    for use in (lambda: source.image(0), lambda: pickle.loads(pickle.dumps(source)).pixels):
        with pytest.raises(InputChanged, match=r"data\.h5"):
            use()


# Files that are not to be trusted


def test_links_to_other_files_are_refused_on_the_whole_path(made, refusal, tmp_path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["g/images"], other["g/labels"] = images(), LABELS
    links = {
        "images": h5py.ExternalLink("other.h5", "/g/images"),
        "labels": LABELS,
        "group": h5py.ExternalLink("other.h5", "/g"),
        "soft": h5py.SoftLink("/group/images"),
    }
    spec = made(links)
    for key in (None, "images", "group/images", "soft"):
        message = refusal(SourceError, spec, image_key=key)
        assert "external link to other.h5" in message


def test_bytes_in_other_files_are_refused(made, refusal, tmp_path) -> None:
    spec = made({"labels": LABELS})
    (tmp_path / "raw").write_bytes(bytes(images().nbytes))
    virtual = h5py.VirtualLayout((N, H, W, 3), np.uint8)
    virtual[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "images", (N, H, W, 3))
    with h5py.File(spec, "a") as file:
        file.create_dataset(
            "images", (N, H, W, 3), "u1", external=[(tmp_path / "raw", 0, h5py.h5f.UNLIMITED)]
        )
        file.create_virtual_dataset("v", virtual)
    assert "external storage" in refusal(SourceError, spec)
    assert "virtual data set" in refusal(SourceError, spec, image_key="v", label_key="labels")


def test_data_that_were_never_written_are_refused(made, refusal) -> None:
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", (N, H, W, 3), "u1")
        file.create_dataset("x", (N, H, W, 3), "u1", chunks=True)
    assert "images was made and never written" in refusal(SourceError, spec)
    message = refusal(SourceError, spec, image_key="x", label_key="labels")
    assert "x was made and never written" in message


def test_data_that_end_behind_the_file_are_refused(made, scratch: Path) -> None:
    spec = made({"labels": LABELS, "images": images()})
    with h5py.File(spec) as file:
        offset = file["images"].id.get_offset()
        os.truncate(spec, offset + 100)
        ask = _hdf5_find.Ask(spec, file, Reading(), scratch)
        with pytest.raises(SourceError) as caught:
            _hdf5_bytes.extent_of(ask, file["images"], "images.raw")
    end = offset + images().nbytes
    assert f"images ends at byte {end} and the file at byte {offset + 100}" in str(caught.value)


def test_missing_chunks_are_warned_about(made, opened) -> None:
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", (N, H, W, 3), "u1", chunks=(1, H, W, 3))[1:3] = 9
    (warning,) = opened(spec).notes.warnings
    assert "5 of 7 chunks were never written" in warning


def test_more_than_the_disk_holds_is_refused_with_the_numbers(made, refusal) -> None:
    spec, rows, any_size = made({}), 1 << 42, {"max_unpacked": 1 << 62}
    with h5py.File(spec, "a") as file:
        file.create_dataset("images", (rows, H, W, 3), "u1", chunks=(1, H, W, 3))[0] = 1
        file.create_dataset("labels", (rows,), "u1", chunks=(1,))[0] = 1
    assert f"needs {rows:,} bytes and" in refusal(SourceError, spec, **any_size)
    assert f"to {rows:,}, more than 1,073,741,824; if it is" in refusal(SourceError, spec)


def test_huge_chunks_are_refused(made, refusal) -> None:
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        images = file.create_dataset(
            "images", (N, 1 << 16, 1 << 15, 1), "u1", chunks=(1, 1 << 16, 1 << 15, 1)
        )
        images.id.write_direct_chunk((0, 0, 0, 0), b"x")
    assert "chunks of 2,147,483,648 bytes" in refusal(SourceError, spec)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_chunk_that_unpacks_to_gigabytes_is_stopped(made, looker, scratch: Path) -> None:
    spec = made({"labels": LABELS})
    with h5py.File(spec, "a") as file:
        images = file.create_dataset(
            "images", (N, H, W, 3), "u1", chunks=(1, H, W, 3), compression="gzip"
        )
        images.id.write_direct_chunk((0, 0, 0, 0), bomb(megabytes=1024))
    complaint, megabytes = isolated(looker.with_peak, spec, str(scratch))
    assert complaint.startswith(spec)
    assert megabytes < 300


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_labels_that_take_gigabytes_are_stopped(made, refusal) -> None:
    spec = made({"images": images()})
    with h5py.File(spec, "a") as file:
        labels = file.create_dataset("labels", (N,), f"S{1 << 30}", chunks=(1,), compression="gzip")
        labels.id.write_direct_chunk((0,), b"x")
    assert "chunks of 1,073,741,824 bytes, more than 268,435,456" in refusal(SourceError, spec)
    said = refusal(SourceError, spec, max_unpacked=1 << 30)
    assert "needs more memory than its size accounts for" in said


def bomb(megabytes: int) -> bytes:
    """A valid zlib stream that unpacks to that much."""
    packer, zeros, check = zlib.compressobj(9, wbits=-15), bytes(1 << 20), 1
    body = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        check = zlib.adler32(zeros, check)
    return b"\x78\xda" + body * megabytes + packer.flush() + check.to_bytes(4, "big")


def test_names_with_newlines_stay_on_one_line(made, refusal) -> None:
    message = refusal(UsageError, made({"pix\n\x1b[31m": images(), "kind": LABELS}))
    assert r"pix\n\x1b[31m (7, 5, 9, 3) uint8" in message


def test_a_search_in_a_file_of_very_many_objects_ends(made, opened, monkeypatch) -> None:
    monkeypatch.setattr(_hdf5_find, "_MOST_OBJECTS", 50)
    spec = made({"images": images(), "labels": LABELS})
    with h5py.File(spec, "a") as file:
        for number in range(200):
            file.create_group(f"z/{number}")
    assert opened(spec).n == N


def test_a_file_that_another_program_writes_is_named(made, refusal) -> None:
    spec = made({"images": images(), "labels": LABELS})
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import h5py; f = h5py.File({spec!r}, 'a', locking=True); print(flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            assert "another program has the file open" in refusal(SourceError, spec)
        finally:
            writer.communicate(b"\n")


def test_damaged_files_end_in_one_line(made, looker, scratch: Path) -> None:
    sets = {"images": images(), "labels": LABELS, "class_names": ["a", "b", "c"]}
    paths = damaged_copies(Path(made(sets)), 200)
    complaints = []
    for start in range(0, len(paths), 20):
        try:
            complaints += isolated(looker.lines, paths[start : start + 20], str(scratch))
        except SourceError as death:  # a loop or a crash in the library ends the whole lot
            complaints.append(str(death))
    assert len(complaints) > 50
    assert not [line for line in complaints if "\n" in line]


def damaged_copies(path: Path, count: int) -> list[str]:
    """Copies of a file, each cut short or with a few bytes changed."""
    whole, rng, copies = path.read_bytes(), np.random.default_rng(0), []
    for number in range(count):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: int(rng.integers(8, len(data)))]
        for place in rng.integers(8, len(data), number % 3 * 4):
            data[place] = rng.integers(256)
        copy = path.with_name(f"{number}.h5")
        copy.write_bytes(data)
        copies.append(str(copy))
    return copies


def test_the_file_is_looked_at_in_a_child_that_may_die(
    made, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = made({"images": images(), "labels": LABELS})
    assert (all_rows(hdf5.open(spec, Reading(), scratch)) == images()).all()
    monkeypatch.setattr(hdf5, "_found_in_child", ctypes.string_at)
    monkeypatch.setattr(hdf5, "isolated", lambda function, *_: isolated(function, 0))
    with pytest.raises(SourceError, match="crashed"):
        hdf5.open(spec, Reading(), scratch)
