"""What every sink promises, checked on every sink that is found, with the readers that people use.

To add a sink, add its reader to `READERS`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import augtool
from augtool import sinks
from augtool.errors import UsageError
from augtool.fields import Field
from augtool.job import Job
from augtool.recipe.recipe import Recipe, step
from augtool.sinks import _checksums, _manifest
from augtool.sinks._checksums import Part, Records
from augtool.sinks._contract import Order

Rows = dict[str, np.ndarray]
KNOWN_OPTIONS = {"shards", "compression", "encode", "sparse", "nchw", "stdout", "order", "index"}
M = 100


# What each format's own reader finds: arrays, or lists of numbers, by field.


def by_h5py(path: Path) -> Rows:
    return joined(_h5(file) for file in files_of(path, "*.h5"))


def _h5(path: Path) -> Rows:
    with h5py.File(path) as file:
        return {name: each[:] for name, each in file.items()}


def by_numpy(path: Path) -> Rows:
    if path.is_dir():
        arrays = {one.stem: np.load(one, mmap_mode="r") for one in path.glob("*.npy")}
        return renamed(arrays, "x_train", "y_train")
    with np.load(path, allow_pickle=False) as archive:
        return renamed({name: archive[name] for name in archive.files if name[0] != "."}, "x", "y")


def renamed(arrays: Rows, images: str, labels: str) -> Rows:
    def field(name: str) -> str:
        if name == images:
            return "images"
        is_labels = name == labels or name.startswith(f"{labels}_")
        return "labels" + name.removeprefix(labels) if is_labels else name

    return {field(name): each for name, each in arrays.items()}


def by_tarfile(path: Path) -> Rows:
    rows: dict[str, dict[str, Any]] = {}
    for file in files_of(path, "*.tar"):
        with tarfile.open(file) as archive:
            for one in archive:
                key, _, suffix = one.name.partition(".")
                stream = archive.extractfile(one)
                if key and stream:  # the last member's name begins with a dot
                    rows.setdefault(key, {}).update(_from_member(suffix, stream.read()))
    assert list(rows) == [f"{row:09}" for row in range(len(rows))]
    return {name: np.array([each[name] for each in rows.values()]) for name in rows["000000000"]}


def _from_member(suffix: str, data: bytes) -> dict[str, Any]:
    if suffix == "json":
        found: dict[str, Any] = json.loads(data)
        return found
    if suffix == "cls":
        return {"label": int(data)}
    names = {"png": "images", "npy": "images", "soft.npy": "labels"}
    name = names.get(suffix, suffix.removesuffix(".npy"))
    return {name: np.load(io.BytesIO(data)) if suffix.endswith("npy") else picture(data)}


def by_pyarrow(path: Path) -> Rows:
    return joined(_parquet(file) for file in files_of(path, "data/*.parquet"))


def _parquet(path: Path) -> Rows:
    table = pq.read_table(path).to_pydict()
    return {
        {"image": "images"}.get(name, name): np.array([_value(one) for one in column])
        for name, column in table.items()
    }


def _value(one: Any) -> Any:
    return picture(one["bytes"]) if isinstance(one, dict) else one


def by_folder(path: Path) -> Rows:
    table = pq.read_table(path / "train" / "metadata.parquet").to_pydict()
    rows: Rows = {}
    for name, column in table.items():
        is_file = name == "file_name" or name.endswith("_file_name")
        values = [
            picture((path / "train" / one).read_bytes()) if is_file else _value(one)
            for one in column
        ]
        field = name.removesuffix("file_name").removesuffix("_") or "images"
        rows[field if is_file else name] = np.array(values)
    return rows


def picture(data: bytes) -> np.ndarray:
    if data.startswith(b"\x93NUMPY"):
        return np.load(io.BytesIO(data))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def files_of(path: Path, pattern: str) -> list[Path]:
    return sorted(path.glob(pattern)) if path.is_dir() else [path]


def joined(parts: Iterator[Rows]) -> Rows:
    several = list(parts)
    return {name: np.concatenate([one[name] for one in several]) for name in several[0]}


READERS: dict[str, Callable[[Path], Rows]] = {
    "folder": by_folder,
    "hdf5": by_h5py,
    "npy": by_numpy,
    "npz": by_numpy,
    "parquet": by_pyarrow,
    "tar": by_tarfile,
}
LEAVING = [name for name in sinks.names() if not sinks.leaves_nothing("x", name)]
every_sink = pytest.mark.parametrize("name", sinks.names())
every_leaving = pytest.mark.parametrize("name", LEAVING)


def has(name: str, option: str | None) -> bool:
    return option is None or option in sinks.load(name).OPTIONS


def having(option: str) -> list[str]:
    return [name for name in sinks.names() if has(name, option)]


# Rows that go in, written as a run writes them.


@dataclasses.dataclass(frozen=True)
class Case:
    """Fields of an output, with values to fill them; ``needs`` is an option of the format."""

    images: tuple[str, tuple[int, ...]] = ("|u1", (9, 14, 3))
    others: tuple[Field, ...] = (Field("labels", "<f4", (5,)), Field("label", "<i8", ()))
    needs: str | None = None
    compression: str | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        rest = (
            Field("src", "<i8", (2,)),
            Field("weight", "<f4", (2,)),
            Field("cutmix_box", "<i4", (4,)),
            Field("cutmix_lam", "<f4", ()),
        )
        return (Field("images", *self.images), *self.others, *rest)

    def order(self, path: Path, shards: int = 1, encode: str = "") -> Order:
        names = ("", *(f"_{one.name[7:]}" for one in self.fields if one.name[:7] == "labels_"))
        attributes: dict[str, str | int] = {"recipe": "{}", "layout": "NHWC"}
        for name in names:
            attributes[f"target{name}"] = "classes"
            attributes[f"num_classes{name}"] = 5
            attributes[f"class_names{name}"] = json.dumps(list("abcde"))
        if len(names) > 1:
            attributes["targets"] = json.dumps([name[1:] for name in names[1:]])
        dtype, shape = self.images
        channels = shape[2] if len(shape) == 3 else 1
        is_picture = len(shape) < 4 and dtype == "|u1" and channels in (1, 3, 4)
        borders = tuple(M * shard // shards for shard in range(shards + 1))
        encode = encode or ("png" if is_picture else "npy")
        return Order(path, self.fields, borders, attributes, self.compression, encode)

    def rows(self) -> Rows:
        rng = np.random.default_rng(5)
        return {one.name: _drawn(rng, one) for one in self.fields}


def _drawn(rng: np.random.Generator, one: Field) -> np.ndarray:
    shape, dtype = (M, *one.shape), np.dtype(one.dtype)
    if one.name.startswith("label_") or one.name in ("label", "classes"):
        return rng.integers(0, 5, shape).astype(dtype)
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, 256, shape).astype(dtype)


TWO = tuple(
    Field(f"{kind}_{target}", dtype, shape)
    for target, width in (("colour", 5), ("age", 2))
    for kind, dtype, shape in (("labels", "<f4", (width,)), ("label", "<i8", ()))
)
CASES = {
    "rgb": Case(),
    "gzip": Case(needs="compression", compression="gzip"),
    "grey": Case(("|u1", (9, 14, 1))),
    "flat": Case(("|u1", (9, 14))),
    "float32": Case(("<f4", (9, 14, 3))),
    "uint16": Case(("<u2", (9, 14, 3))),
    "nchw": Case(("|u1", (3, 9, 14)), needs="nchw"),
    "sparse": Case(
        others=(Field("classes", "<i4", (2,)), Field("label", "<i8", ())), needs="sparse"
    ),
    "masks": Case(others=(Field("masks", "|u1", (9, 14)), *Case().others)),
    "two targets": Case(others=TWO),
}
CANNOT = {("folder", "float32"), ("folder", "uint16")}  # what is no picture


def cut(order: Order, rows: int, chunk_rows: int | None) -> list[tuple[int, int]]:
    """Tasks of about ``rows`` rows, whole chunks where there are any; those that may come at any
    time come from the last to the first."""
    size = -(-rows // (chunk_rows or 1)) * (chunk_rows or 1)
    tasks = [
        (low, min(low + size, stop))
        for start, stop in order.shards
        for low in range(start, stop, size)
    ]
    return tasks if chunk_rows else tasks[::-1]


def written(name: str, order: Order, data: Rows, task_rows: int) -> None:
    """Have a sink write the rows, a task at a time, each in a worker that was pickled."""
    layout, known = sinks.load(name), Records()
    chunk_rows = layout.chunk_rows(order)
    if layout.FOLDER and not order.path.suffix:
        order.path.mkdir()
    sink = layout.lay_out(order)
    for start, stop in cut(order, task_rows, chunk_rows):
        with pickle.loads(pickle.dumps(sink.writer)) as writer:
            crcs = {one.name: (0, 0) for one in order.fields}
            for one in order.fields:
                at_once = 3 if one.name == "images" else M
                for low in range(start, stop, at_once):
                    rows = np.arange(low, min(low + at_once, stop))
                    for buffer in writer.write(one.name, rows, data[one.name][rows]):
                        crc, length = crcs[one.name]
                        crcs[one.name] = _checksums.crc(buffer, crc), length + len(buffer)
            known.add([Part(0, 0, start, stop, start, crcs)])
            sink.append(writer.encoded(), known)
    sink.finish(known)
    sink.close()


def place(name: str, folder: Path, shards: int = 1) -> Path:
    """Where an output of a format goes: a file where it can be one."""
    suffixes = sinks.load(name).SUFFIXES
    return folder / (f"out{suffixes[0]}" if suffixes and shards == 1 else "out")


def content(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(one.relative_to(path)): one.read_bytes() for one in files if one.is_file()}


def assert_rows(found: Rows, expected: Rows) -> None:
    """The same fields, of the same rows, to the last bit of their types."""
    assert set(found) == set(expected)
    for name, values in expected.items():
        got = found[name].reshape(values.shape).astype(values.dtype)
        assert got.tobytes() == values.tobytes(), name


# The promises.


@pytest.mark.parametrize(
    ("name", "case", "shards"),
    [
        (name, case, shards)
        for name in LEAVING
        for case in CASES
        for shards in (1, 3)
        if has(name, CASES[case].needs) and (shards == 1 or has(name, "shards"))
        if (name, case) not in CANNOT
    ],
)
def test_the_rows_that_go_in_come_out_in_the_same_bytes_however_they_are_cut(
    name: str, case: str, shards: int, tmp_path: Path
) -> None:
    one, made = CASES[case], []
    data = one.rows()
    for rows in (7, 64, M):
        (tmp_path / str(rows)).mkdir()
        path = place(name, tmp_path / str(rows), shards)
        written(name, one.order(path, shards), data, rows)
        assert_rows(READERS[name](path), data)
        made.append(content(path))
    assert made[0] == made[1] == made[2]
    assert shards == 1 or len(made[0]) == shards


@pytest.mark.parametrize(("name", "case"), sorted(CANNOT))
def test_rows_that_a_format_cannot_hold_are_refused_before_there_is_anything(
    name: str, case: str, tmp_path: Path
) -> None:
    order = CASES[case].order(place(name, tmp_path))
    with pytest.raises(UsageError, match=f"format {name}: holds .*; rows here are .*; use "):
        sinks.load(name).chunk_rows(order)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [one for one in having("order") if one in LEAVING])
def test_rows_may_come_out_of_order_where_the_format_says_so(name: str, tmp_path: Path) -> None:
    order, data = Case().order(place(name, tmp_path)), Case().rows()
    if not order.path.suffix:
        order.path.mkdir()
    sink, mixed = sinks.load(name).lay_out(order), np.random.default_rng(1).permutation(M)
    with sink.writer as writer:
        for field in order.fields:
            writer.write(field.name, mixed, data[field.name][mixed])
    sink.finish(Records())
    sink.close()
    assert_rows(READERS[name](order.path), data)


@every_sink
def test_a_format_declares_what_it_is(name: str) -> None:
    layout = sinks.load(name)
    assert isinstance(layout.SUFFIXES, tuple)
    assert all(one.startswith(".") and one == one.lower() for one in layout.SUFFIXES)
    assert isinstance(layout.FOLDER, bool)
    assert layout.OPTIONS <= KNOWN_OPTIONS
    assert all(sinks.format_of(f"a{one}") == name for one in layout.SUFFIXES)
    assert sinks.format_of("anything", name) == name
    if "shards" in layout.OPTIONS:
        assert layout.FOLDER
    if name in LEAVING:
        assert name in READERS, "add a reader, so that this kit can look at what is written"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Noise, in five classes, with label images; more than five blocks of 64 rows."""
    path, rng = tmp_path_factory.mktemp("in") / "photos.h5", np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file["images"] = rng.integers(0, 256, (330, 9, 14, 3), np.uint8)
        file["labels"] = np.arange(330) % 5
        file["masks"] = rng.integers(0, 9, (330, 9, 14), np.uint8)
    return str(path)


def job(photos: str, output: Path, name: str, **given: Any) -> Job:
    recipe = Recipe((step("cutmix"),), block_rows=64, num=350)
    recipe = dataclasses.replace(recipe, **given.pop("recipe", {}))
    return Job(photos, str(output), recipe, **{"workers": 0, "format": name, **given})


@every_leaving
def test_the_bytes_of_a_run_do_not_depend_on_workers_or_tasks(
    name: str, photos: str, tmp_path: Path
) -> None:
    shards = 3 if has(name, "shards") else None
    made, digests = [], []
    for number, how in enumerate([{}, {"task_blocks": 3}, {"workers": 2}]):
        path = place(name, tmp_path, shards or 1).with_stem(f"out{number}")
        workers = max(1, how.get("workers", 0))
        for _ in range(10):  # a quick worker may have done it all before another has started
            summary = augtool.run(job(photos, path, name, shards=shards, overwrite=True, **how))
            if summary.processes == workers:
                break
        made.append(content(path))
        digests.append(summary.digests)
        assert summary.processes == workers
    assert made[0] == made[1] == made[2]
    assert digests[0] == digests[1] == digests[2]
    if path.is_dir():
        facts = _manifest.read(path)
        files = {file: data for file, data in made[0].items() if file[0] != "."}
        assert {file: one["sha256"] for file, one in facts["files"].items()} == {
            file: hashlib.sha256(data).hexdigest() for file, data in files.items()
        }
        assert facts["records"] == digests[0]


@every_leaving
def test_a_run_gives_the_rows_that_it_gives_as_hdf5(name: str, photos: str, tmp_path: Path) -> None:
    for number, given in enumerate([{}, {"labels_as": "sparse"}]):
        path = place(name, tmp_path).with_stem(f"out{number}")
        reference = tmp_path / f"reference{number}.h5"
        augtool.run(job(photos, reference, "hdf5", **given))
        augtool.run(job(photos, path, name, **given))
        assert_rows(READERS[name](path), by_h5py(reference))


def test_what_is_discarded_leaves_nothing_and_is_what_the_others_write(
    photos: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    digests = augtool.run(job(photos, tmp_path / "reference.h5", "hdf5")).digests
    for output, workers in ((tmp_path / "nowhere" / "x", 2), (tmp_path / "mine", 0), ("-", 0)):
        summary = augtool.run(job(photos, Path(output), "null", workers=workers))
        assert (summary.rows, summary.nbytes) == (350, 0)
        assert 1 <= summary.processes <= max(1, workers)  # none died at once
        assert summary.digests == digests
    assert capfd.readouterr().out == ""
    assert (tmp_path / "mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "reference.h5"]


@pytest.mark.parametrize(
    ("name", "option"),
    [(n, one) for n in sinks.names() for one in sorted(KNOWN_OPTIONS) if not has(n, one)],
)
def test_an_option_that_a_format_lacks_is_refused_with_those_that_have_it(
    name: str, option: str, photos: str, tmp_path: Path
) -> None:
    given: dict[str, Any] = {
        "shards": {"shards": 2},
        "compression": {"compression": "gzip"},
        "encode": {"encode": "png"},
        "sparse": {"labels_as": "sparse"},
        "nchw": {"out_layout": "NCHW"},
        "order": {"recipe": {"order": "source", "num": None}},
        "stdout": {},
        "index": {"index": "timm"},
    }[option]
    output = Path("-") if option == "stdout" else place(name, tmp_path)
    with pytest.raises(UsageError, match=f"the format {name} has no such thing; formats") as error:
        augtool.run(job(photos, output, name, **given))
    assert str(error.value).endswith(", ".join(having(option)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", having("shards"))
def test_more_shards_than_rows_are_refused(name: str, photos: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shards 9: there are only 8 rows"):
        augtool.run(job(photos, tmp_path / "out", name, shards=9, recipe={"num": 8}))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(photos: str, tmp_path: Path) -> None:
    program = """
import resource, sys
from augtool_cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
for words in sys.argv[1:]:
    try:
        main(words.split(" "))
    except SystemExit as exit:
        print(words, exit.code, flush=True)
"""
    commands = []
    for name in LEAVING:
        shards = 3 if has(name, "shards") else 1
        output = place(name, tmp_path, shards).name
        words = f"cutmix -i {photos} -o {output} --format {name} --copies 8 -q"
        commands.append(f"{words} --shards {shards}" if shards > 1 else words)
    run = subprocess.run(
        [sys.executable, "-c", program, *commands],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.stdout.splitlines() == [f"{words} 1" for words in commands]
    line = (
        f"augtool: {tmp_path}: writing the output failed (File too large); "
        "free some space or choose another --out"
    )
    assert run.stderr.splitlines() == [line] * len(commands)
    assert not list(tmp_path.iterdir())
