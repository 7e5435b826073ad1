"""What every source promises, checked on every source that is found."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from augtool import registry
from augtool.errors import UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Source

N, SHAPE = 23, (9, 14, 3)


def folder(path: Path) -> str:
    from PIL import Image

    for row in range(N):
        file = path / "pictures" / f"class{row * 3 // N}" / f"{row:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(SHAPE, row, np.uint8)).save(file)
    return str(path / "pictures")


def hdf5(path: Path) -> str:
    with h5py.File(path / "arrays.h5", "w") as file:
        file["images"] = np.arange(N, dtype=np.uint8)[:, None, None, None] * np.ones(
            SHAPE, np.uint8
        )
        file["labels"] = np.arange(N) * 3 // N
    return str(path / "arrays.h5")


def npy(path: Path) -> str:
    (path / "arrays").mkdir(exist_ok=True)
    images = np.arange(N, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, np.uint8)
    np.save(path / "arrays" / "x_train.npy", images)
    np.save(path / "arrays" / "y_train.npy", np.arange(N) * 3 // N)
    return str(path / "arrays")


def npz(path: Path) -> str:
    images = np.arange(N, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, np.uint8)
    np.savez_compressed(path / "arrays.npz", x=images, y=np.arange(N) * 3 // N)
    return str(path / "arrays.npz")


def parquet(path: Path) -> str:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    images = []
    for row in range(N):
        png = io.BytesIO()
        Image.fromarray(np.full(SHAPE, row, np.uint8)).save(png, "png")
        images.append({"bytes": png.getvalue(), "path": None})
    table = pa.table({"image": images, "label": np.arange(N) * 3 // N})
    pq.write_table(table, path / "images.parquet")
    return str(path / "images.parquet")


def tar(path: Path) -> str:
    import io
    import tarfile

    from PIL import Image

    with tarfile.open(path / "train-000000.tar", "w") as archive:
        for row in range(N):
            png = io.BytesIO()
            Image.fromarray(np.full(SHAPE, row, np.uint8)).save(png, "png")
            for end, data in (("png", png.getvalue()), ("cls", b"%d" % (row * 3 // N))):
                info = tarfile.TarInfo(f"{row:06}.{end}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return str(path / "train-000000.tar")


def sample(_path: Path) -> str:
    return f"sample:?n={N}&size={SHAPE[0]}x{SHAPE[1]}&classes=3"


def zipped(path: Path) -> str:
    import zipfile

    place = Path(folder(path))
    with zipfile.ZipFile(path / "pictures.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in place.rglob("*.png"):
            archive.write(file, file.relative_to(path))
    return str(path / "pictures.zip")


MAKERS: dict[str, Callable[[Path], str]] = {
    "folder": folder,
    "hdf5": hdf5,
    "npy": npy,
    "npz": npz,
    "parquet": parquet,
    "sample": sample,
    "tar": tar,
    "zip": zipped,
}
every_source = pytest.mark.parametrize("name", registry.names("sources"))


def opened(name: str, path: Path, scratch: str = "scratch") -> Source:
    (path / scratch).mkdir()
    return open_source(MAKERS[name](path), Reading(), path / scratch)


@every_source
def test_a_source_knows_its_rows_shape_dtype_and_targets(name: str, tmp_path: Path) -> None:
    source = opened(name, tmp_path)
    assert (source.n, source.shape, source.dtype) == (N, SHAPE, np.uint8)
    (target,) = source.targets
    assert target.kind == "classes"
    assert target.width == 3
    assert np.array_equal(np.bincount(target.values), np.bincount(np.arange(N) * 3 // N))
    assert source.notes.warnings == ()
    assert not source.notes.left_out


@every_source
def test_rows_are_read_in_any_order_and_number(name: str, tmp_path: Path) -> None:
    source = opened(name, tmp_path)
    whole = np.empty((N, *SHAPE), np.uint8)
    source.read(np.arange(N), whole)
    rows = np.array([5, 22, 0, 5, 21, 7])
    some = np.empty((len(rows), *SHAPE), np.uint8)
    source.read(rows, some)
    assert np.array_equal(some, whole[rows])
    source.read(np.array([], np.int64), np.empty((0, *SHAPE), np.uint8))
    assert all(np.array_equal(source.image(row), whole[row]) for row in rows)


@every_source
def test_the_array_of_a_source_is_what_it_reads_and_cannot_be_written(
    name: str, tmp_path: Path
) -> None:
    source = opened(name, tmp_path)
    whole = np.empty((N, *SHAPE), np.uint8)
    source.read(np.arange(N), whole)
    if source.pixels is None:
        assert (source.nbytes > 0) == (name != "sample")
    else:
        assert np.array_equal(source.pixels, whole)
        assert not source.pixels.flags.writeable


@every_source
def test_a_source_is_small_and_whole_after_pickling(name: str, tmp_path: Path) -> None:
    source = opened(name, tmp_path)
    data = pickle.dumps(source)
    assert len(data) < 4000
    again = pickle.loads(data)
    one, other = np.empty((2, N, *SHAPE), np.uint8)
    source.read(np.arange(N), one)
    again.read(np.arange(N), other)
    assert np.array_equal(one, other)
    assert np.array_equal(again.targets[0].values, source.targets[0].values)


@every_source
def test_the_fingerprint_is_of_the_content_not_of_the_place(name: str, tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    here, there = (opened(name, tmp_path / place) for place in ("here", "there"))
    assert here.fingerprint == there.fingerprint
    assert len(here.fingerprint) == 64


@every_source
def test_every_row_has_a_name_of_one_line(name: str, tmp_path: Path) -> None:
    source = opened(name, tmp_path)
    names = [source.name(row) for row in range(N)]
    assert len(set(names)) == N
    assert all(one.isprintable() for one in names)


@every_source
def test_every_source_is_recognised_by_its_content_alone(name: str, tmp_path: Path) -> None:
    spec = MAKERS[name](tmp_path)
    sniffing = [
        other for other in registry.names("sources") if registry.load("sources", other).sniff(spec)
    ]
    assert sniffing == [name]


@every_source
def test_options_that_mean_nothing_to_a_source_are_refused(name: str, tmp_path: Path) -> None:
    given = {
        "fit": "pad",
        "resample": "box",
        "background": (1, 2, 3),
        "classes": (("a", "a"),),
        "split": "train",
        "image_key": "x",
        "label_key": ("y",),
        "label_missing": "nan",
        "mask_key": "m",
        "layout": "NHWC",
        "target": "vector",
        "num_classes": 9,
        "label_base": 1,
    }
    known = registry.load("sources", name).READING
    refused = set(given) - known
    assert refused
    for field in refused:
        said = {"mask_key": "--masks m: there is no such folder, and an array means nothing"}
        option = f"--{field.replace('_', '-')} means nothing"
        with pytest.raises(UsageError, match=said.get(field, option)):
            reading = Reading(**{field: given[field]})  # type: ignore[arg-type]
            open_source(MAKERS[name](tmp_path), reading, tmp_path)


@every_source
def test_a_source_without_masks_has_none_to_leave_out(name: str, tmp_path: Path) -> None:
    assert opened(name, tmp_path).masks is None
    spec = MAKERS[name](tmp_path)
    assert open_source(spec, Reading(mask_key="none"), tmp_path / "scratch").masks is None


@every_source
def test_a_column_has_a_value_for_each_row_and_an_unknown_one_is_named(
    name: str, tmp_path: Path
) -> None:
    source = opened(name, tmp_path)
    key = {
        "folder": "folder",
        "npz": "y",
        "npy": "y_train",
        "parquet": "label",
        "zip": "folder",
    }.get(name, "labels")
    if name not in ("sample", "tar"):
        values = source.column(key)
        assert len(values) == N
        assert len(set(values.tolist())) == 3
        assert values.dtype.kind in "iU"
    with pytest.raises(UsageError, match="'no such column'"):
        source.column("no such column")


def test_what_is_no_source_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(UsageError, match="no such file or folder"):
        open_source(str(tmp_path / "missing"), Reading(), tmp_path)
    with pytest.raises(UsageError, match="not an input"):
        open_source(str(tmp_path / "text.h5"), Reading(), tmp_path)
