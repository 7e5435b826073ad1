"""`augtool.open` on every format: the rows that the HDF5 file of the same recipe has."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool import sinks
from augtool.codecs import encoding
from augtool.codecs.own_files import decode
from augtool.errors import SourceError
from augtool.job import Job
from augtool.outputs.output import is_output
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.recipe.sampling import Sampling

ROWS = 150
FORMS: dict[str, dict[str, Any]] = {
    "mixed.h5": {},
    "gz.h5": {"compression": "gzip"},
    "h5-shards": {"format": "hdf5", "shards": 3},
    "gz-shards": {"format": "hdf5", "shards": 3, "compression": "gzip"},
    "mixed.tar": {"encode": "png"},
    "npy.tar": {"encode": "npy"},
    "tar-shards": {"format": "tar", "shards": 3, "encode": "png"},
    "arrays": {"format": "npy"},
    "mixed.npz": {},
    "mixed.parquet": {"encode": "png"},
    "npy.parquet": {"encode": "npy"},
    "table": {"format": "parquet", "shards": 3, "encode": "png"},
    "images": {"format": "folder", "encode": "png"},
}
Made = Callable[..., augtool.Output]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The output of each form, made of one source, and opened."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(2)
    with h5py.File(folder / "in.h5", "w") as file:
        file["images"] = random.integers(0, 256, (ROWS, 9, 14, 3), dtype=np.uint8)
        file["labels"] = np.arange(ROWS) % 7
        file["names"] = [f"é{row}" for row in range(ROWS)]
    recipe = Recipe((step("cutmix"),), copies=2, block_rows=64, sampling=Sampling(carry=("names",)))
    job = Job(str(folder / "in.h5"), "", recipe, workers=0)

    def one(name: str, **given: Any) -> augtool.Output:
        options = {**FORMS[name], **given}
        format = _format_of(name, options.get("format"))
        if not _is_there(format):
            pytest.skip(f"{format} needs pyarrow")
        path = folder / ("-".join(map(str, given.values())) + name)
        if not path.exists():
            augtool.run(replace(job, output=str(path), **options))
        return augtool.open(path)

    return one


def _is_there(format: str) -> bool:
    """Whether a format can be written here."""
    has_pyarrow = importlib.util.find_spec("pyarrow") is not None
    return format in sinks.names() and (has_pyarrow or format not in ("parquet", "folder"))


def _format_of(name: str, format: str | None) -> str:
    return format or {"h5": "hdf5"}.get(name.partition(".")[2], name.partition(".")[2])


@pytest.mark.parametrize("name", FORMS)
def test_every_field_of_every_format_is_that_of_the_hdf5_file(make: Made, name: str) -> None:
    with make("mixed.h5") as one, make(name) as other:
        assert len(other) == 2 * ROWS
        assert sorted(other.fields) == sorted(one.fields)
        assert other.fields[:2] == ("images", "labels")
        for field in one.fields:
            got, want = other.field(field), one.field(field)
            assert (got.shape, got.dtype, got.ndim) == (want.shape, want.dtype, want.ndim)
            assert np.array_equal(got[:], want[:])
        for same in ("recipe", "class_names", "targets", "layout"):
            assert getattr(other, same) == getattr(one, same)
        assert other.attributes == one.attributes
        assert is_output(str(other.path))


@pytest.mark.parametrize("name", FORMS)
def test_rows_are_found_by_any_index(make: Made, name: str) -> None:
    with make("mixed.h5") as one, make(name) as other:
        image, label = other[-1]
        assert np.array_equal(image, one[-1][0])
        assert np.array_equal(label, one[-1][1])
        for field in ("images", "labels", "cutmix_box"):
            got, want = other.field(field), np.asarray(one.field(field))
            for index in (
                np.int64(3),
                slice(140, 160),
                slice(None, None, -70),
                [299, 0, 150, 0],
                np.arange(300) % 90 == 0,
                (slice(90, 120), 1),
                (-1, slice(0, 2)),
            ):
                assert np.array_equal(got[index], want[index])
            assert np.array_equal(np.asarray(got), want)
            with pytest.raises(IndexError):
                got[300]


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of a fork, since Python 3.12
@pytest.mark.parametrize("name", FORMS)
def test_an_open_output_crosses_a_fork_and_a_pickle(make: Made, name: str) -> None:
    with make(name) as output:
        first = output[7][0]
        assert np.array_equal(pickle.loads(pickle.dumps(output))[7][0], first)
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(output[7][0], first) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_sparse_labels_are_read_as_dense_ones(make: Made) -> None:
    with make("mixed.h5") as one, make("mixed.h5", labels_as="sparse") as other:
        assert "labels" not in other.fields
        assert other.fields[1] == "classes"
        assert np.array_equal(np.asarray(other.labels), one.labels)
        assert np.array_equal(other[5][1], one[5][1])


def test_channels_first_stay_as_they_are_stored(make: Made) -> None:
    with make("mixed.h5") as one, make("mixed.h5", out_layout="NCHW") as other:
        assert (one.layout, other.layout) == ("NHWC", "NCHW")
        assert np.array_equal(other[3][0], one[3][0].transpose(2, 0, 1))


def test_shards_and_one_file_have_one_digest(make: Made) -> None:
    digests = {make(name).digest for name in ("mixed.h5", "h5-shards", "gz-shards", "arrays")}
    assert len(digests) == 1


def test_a_lossy_output_gives_what_its_files_hold(make: Made) -> None:
    with make("mixed.tar", encode="jpg:95") as output, tarfile.open(output.path) as tar:
        data = tar.extractfile("000000009.jpg")
        assert data is not None
        assert np.array_equal(output[9][0], _by_pillow(data.read()))


def test_a_part_of_a_stream_is_an_output(
    tmp_path: Path, make: Made, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    whole = make("npy.tar")
    part = Job(str(whole.path.parent / "in.h5"), "-", whole.recipe, format="tar", copy=1, workers=0)
    augtool.run(replace(part, encode="npy"))
    (tmp_path / "part.tar").write_bytes(capfdbinary.readouterr().out)
    with augtool.open(tmp_path / "part.tar") as output:
        assert len(output) == ROWS
        assert np.array_equal(output.images[:], whole.images[ROWS:])


def test_several_targets_and_masks_are_in_every_format(tmp_path: Path) -> None:
    masks = np.arange(30, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(9, 2)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["masks"] = np.zeros((30, 6, 9, 3), np.uint8), masks
        file["shape"], file["color"] = np.arange(30) % 4, np.linspace(0, 1, 30)
    recipe = Recipe((step("cutmix"),), reading=Reading(label_key=("shape", "color")))
    job = Job(str(tmp_path / "in.h5"), "", recipe, workers=0)
    augtool.run(replace(job, output=str(tmp_path / "out.h5")))
    one = augtool.open(tmp_path / "out.h5")
    for name in ("out.tar", "out.npz", "out.parquet"):
        if not _is_there(name.rpartition(".")[2]):
            continue
        augtool.run(replace(job, output=str(tmp_path / name)))
        with augtool.open(tmp_path / name) as output:
            assert output.targets == ("shape", "color")
            assert output.fields[:4] == ("images", "masks", "labels_shape", "labels_color")
            for field in ("masks", "labels_shape", "labels_color", "label_shape"):
                assert np.array_equal(output.field(field)[:], one.field(field))


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("png", (6, 9, 1), "uint8"),
        ("png", (6, 9), "uint8"),
        ("png", (6, 9, 4), "uint8"),
        ("png", (6, 9, 1), "uint16"),
        ("npy", (5,), "float32"),
        ("jpg:95", (6, 9, 1), "uint8"),
        ("webp:90", (6, 9, 3), "uint8"),
    ],
)
def test_every_encoding_is_decoded_in_its_shape(
    name: str, shape: tuple[int, ...], dtype: str
) -> None:
    image = (np.random.default_rng(0).random(shape) * 255).astype(dtype)
    how = encoding.encoding(name, shape, np.dtype(dtype))
    made = decode(how.encode(image), how.extension, shape, np.dtype(dtype))
    assert (made.shape, made.dtype) == (shape, np.dtype(dtype))
    if how.is_lossless:
        assert np.array_equal(made, image)


def test_a_file_cut_short_is_refused_and_a_changed_row_is_named(tmp_path: Path, make: Made) -> None:
    data = make("npy.tar").path.read_bytes()
    for stop in (len(data) - 512, len(data) // 2 // 512 * 512, 700, 0):
        (tmp_path / "cut.tar").write_bytes(data[:stop])
        with pytest.raises(SourceError, match="cut"):
            augtool.open(tmp_path / "cut.tar")
        assert not is_output(str(tmp_path / "cut.tar"))
    data = make("mixed.tar").path.read_bytes()
    at = data.index(b"\x89PNG")
    (tmp_path / "bad.tar").write_bytes(data[:at] + b"?" + data[at + 1 :])
    with augtool.open(tmp_path / "bad.tar") as output, pytest.raises(SourceError, match="row 0"):
        output[0]


def test_what_others_made_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        member = tarfile.TarInfo("0.cls")
        tar.addfile(member, io.BytesIO(b""))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    (tmp_path / "folder").mkdir()
    (tmp_path / "odd" / ".augtool").mkdir(parents=True)
    (tmp_path / "odd" / ".augtool" / "manifest.json").write_text("[]")
    for name in ("other.tar", "other.npz", "folder", "odd"):
        with pytest.raises(SourceError, match=name):
            augtool.open(tmp_path / name)
        assert not is_output(str(tmp_path / name))


def _by_pillow(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))
