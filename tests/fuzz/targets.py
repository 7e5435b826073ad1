"""What is fuzzed: each function takes any bytes, and raises for nothing but a broken promise.

Hypothesis feeds them in the suite (tests/hostile/test_fuzz.py), atheris by hand (the scripts here).
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from augtool.codecs import decode, label_image
from augtool.codecs.decode import BadImage
from augtool.errors import AugtoolError
from augtool.job import Job
from augtool.outputs import output as outputs
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.recipe.toml import recipe_from_toml
from augtool.run import run
from augtool.sources import _tables, hdf5, open_source, parquet
from augtool.sources._columns import column_of
from augtool.sources._globs import expanded
from augtool.sources._npy_header import array_in

FEW = 20_000  # pixels
READING = Reading(size=(5, 4), max_pixels=FEW, max_unpacked=1 << 20)


_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def _corpus() -> ModuleType:
    path = Path(__file__).parent.parent / "hostile" / "corpus.py"
    spec = importlib.util.spec_from_file_location("hostile_corpus", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = _corpus()


@contextmanager
def _one_line(repeats: bool = False) -> Iterator[None]:
    """What is refused is refused in one line that a person can read; where it ``repeats`` what that
    person has typed, the command line makes it one."""
    try:
        yield
    except (AugtoolError, BadImage) as error:
        said = str(error)
        assert said and (repeats or not _COMMANDS.search(said)), repr(said)


@contextmanager
def _in_this_process() -> Iterator[None]:
    kept = [(module, module.isolated) for module in (hdf5, parquet, _tables)]
    try:
        for module, _ in kept:
            module.isolated = lambda function, *args: function(*args)  # type: ignore[attr-defined]
        yield
    finally:
        for module, isolated in kept:
            module.isolated = isolated  # type: ignore[attr-defined]


def _read(spec: str, reading: Reading, scratch: Path, labels: str | None = None) -> None:
    source = open_source(spec, reading, scratch, labels)
    if source.shape is not None:
        rows = np.arange(min(source.n, 4))
        source.read(rows, np.empty((len(rows), *source.shape), source.dtype))
        _ = source.targets, source.fingerprint, [source.name(row) for row in rows.tolist()]


def _opened(data: bytes, reading: Reading = READING, name: str = "a") -> None:
    """Open bytes as an input and read some rows."""
    with tempfile.TemporaryDirectory() as folder, _in_this_process(), _one_line():
        (Path(folder) / "scratch").mkdir()
        (Path(folder) / name).write_bytes(data)
        _read(str(Path(folder) / name), reading, Path(folder) / "scratch")


def image(data: bytes) -> None:
    """Any encoded image."""
    for reading in (READING, Reading(max_pixels=FEW), Reading(mode="L16", max_pixels=FEW)):
        with _one_line():
            pixels = decode.decode(data, reading)
            assert pixels.size and pixels.shape[0] * pixels.shape[1] <= FEW
    with _one_line():
        head = decode.header(data, FEW)
        assert 0 < head.height * head.width <= FEW
    with _one_line():
        assert label_image.decode(data, FEW).ndim == 2


def output(data: bytes) -> None:
    """A file that says it is an output of augtool, behind a line that says of which format."""
    kind, _, content = data.partition(b"\n")
    suffix = ".tar" if kind[:1] == b"t" else ".npz"  # the command has others tried in a child
    with tempfile.TemporaryDirectory() as folder, _one_line():
        (Path(folder) / f"o{suffix}").write_bytes(content)
        with outputs.open(Path(folder) / f"o{suffix}") as made:
            for name in made.fields:
                np.asarray(made.field(name)[: min(len(made), 3)])


def _output_seeds() -> list[bytes]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, suffix in ((b"t", "tar"), (b"z", "npz")):
            file = f"{folder}/{kind.decode()}.{suffix}"
            recipe = Recipe((step("cutmix"),))
            run(Job("sample:?n=6&size=8&classes=2", file, recipe, workers=0))
            found.append(kind + b"\n" + Path(file).read_bytes())
    return found


def exif(data: bytes) -> None:
    """The bytes after Exif00 in a good JPEG."""
    jpeg = corpus.good("JPEG")
    block = b"Exif\0\0" + data[:60_000]
    marked = jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]
    height, width = decode.decode(marked, Reading()).shape[:2]
    assert sorted((height, width)) == sorted(corpus.SIZE)


def jpeg(data: bytes) -> None:
    """The markers before the first scan."""
    with _one_line():
        decode.check_scans(b"\xff\xd8" + data, (2000, 2000), FEW)


def tar(data: bytes) -> None:
    """A tar, or a compressed one."""
    _opened(data, name="a.tar")


def zip(data: bytes) -> None:
    """A zip of an image folder."""
    _opened(data, name="a.zip")


def npz(data: bytes) -> None:
    """A zip of arrays."""
    _opened(data, Reading(max_unpacked=1 << 20), "a.npz")


def npy(data: bytes) -> None:
    """An array, as images, as labels, as a column."""
    with tempfile.TemporaryDirectory() as folder, _one_line():
        place = Path(folder)
        (place / "scratch").mkdir()
        (place / "x.npy").write_bytes(data)
        np.save(place / "y.npy", [0, 1])
        _read(str(place / "x.npy"), Reading(), place / "scratch", str(place / "y.npy"))
    try:
        array_in(data)
    except (ValueError, EOFError, OSError) as error:
        assert str(error).isprintable()


def parquet_file(data: bytes) -> None:
    """A Parquet file of images."""
    _opened(data, name="a.parquet")


def hdf5_file(data: bytes) -> None:
    """An HDF5 file of images and labels. It runs here, not in a child: a crash is to be seen."""
    _opened(data, Reading(max_unpacked=1 << 20), "a.h5")


def _table(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder, _in_this_process(), _one_line():
        place = Path(folder)
        (place / "data").mkdir()
        (place / "scratch").mkdir()
        for name in ("a.png", "b.png"):
            (place / "data" / name).write_bytes(corpus.good())
        (place / f"t{suffix}").write_bytes(data)
        _read(str(place / "data"), READING, place / "scratch", str(place / f"t{suffix}"))


def csv(data: bytes) -> None:
    """A table of labels."""
    _table(data, ".csv")


def jsonl(data: bytes) -> None:
    """A table of labels as JSON lines."""
    _table(data, ".jsonl")


def column(data: bytes) -> None:
    """A file with one value a row."""
    with tempfile.TemporaryDirectory() as folder, _one_line():
        (Path(folder) / "c.csv").write_bytes(data)
        source = open_source("sample:?n=4&size=8", Reading(), Path(folder))
        assert len(column_of(source, str(Path(folder) / "c.csv"))) == 4


def recipe(data: bytes) -> None:
    """A recipe in TOML."""
    with _one_line():
        recipe_from_toml(data.decode("utf-8", "replace"))


def config(data: bytes) -> None:
    """Options in TOML, by the command line itself."""
    from augtool_cli.main import augtool

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "c.toml"
        file.write_bytes(data)
        arguments = ["cutmix", "--config", str(file), "--in", "sample:", "--out", "/nowhere/m.h5"]
        import click

        try:
            with augtool.make_context("augtool", [*arguments, "--dry-run"]) as context:
                name, command, rest = augtool.resolve_command(context, context._protected_args)
                assert command is not None
                command.make_context(name, [*rest, *context.args], parent=context)
        except (AugtoolError, click.ClickException) as error:
            assert str(error)
        except click.exceptions.Exit:
            pass


def sample(data: bytes) -> None:
    """What stands behind ``sample:``."""
    text = "sample:" + data.decode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory() as folder, _one_line(repeats=True):
        open_source(text[:300], Reading(), Path(folder))


def braces(data: bytes) -> None:
    """Patterns for several inputs."""
    text = data.decode("utf-8", "surrogateescape").replace("/", "_").replace("\0", "_")
    with _one_line(repeats=True):
        assert len(expanded((f"/nowhere/{text[:60]}",))) <= 1_000_000


def _npz_seed() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.zeros((4, 3, 5, 3), np.uint8), y=np.arange(4) % 2)
    return stream.getvalue()


def _npy_seed() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros((2, 3, 5, 3), np.uint8))
    return stream.getvalue()


def _parquet_seed() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": corpus.good(), "path": "a.png"}] * 3
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": [0, 1, 0]}), stream)
    return stream.getvalue()


def _hdf5_seed() -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("images", data=np.zeros((4, 3, 5, 3), np.uint8), compression=1)
        file["labels"] = np.arange(4) % 2
        file.attrs["class_names"] = json.dumps(["a", "b"])
    return stream.getvalue()


def _zip_seed() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/2.png"):
            archive.writestr(name, corpus.good())
    return stream.getvalue()


Target = Callable[[bytes], None]
TARGETS: dict[str, tuple[Target, Callable[[], list[bytes]]]] = {
    "image": (
        image,
        lambda: [
            *(corpus.good(one) for one in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")),
            corpus.grey_tiff(14, 9, 134, 126),
            corpus.bmp(14, 9, 1, b"\1\2\0\1"),
            corpus.good("PNG", mode="P", transparency=0),
        ],
    ),
    "output": (output, _output_seeds),
    "exif": (exif, lambda: [corpus.exif_of(6)[6:], corpus.exif_of(3, 8, 1 << 30)[6:]]),
    "jpeg": (jpeg, lambda: [corpus.good("JPEG")[2:], corpus.jpeg_of_scans(16, 3)[2:]]),
    "tar": (tar, lambda: [
        corpus.row() + corpus.row(b"1", 1) + bytes(1024),
        corpus.pax({b"path": b"0.png"}) + corpus.row() + bytes(1024),
    ]),
    "zip": (zip, lambda: [_zip_seed()]),
    "npz": (npz, lambda: [_npz_seed()]),
    "npy": (npy, lambda: [_npy_seed()]),
    "parquet": (parquet_file, lambda: [_parquet_seed()]),
    "hdf5": (hdf5_file, lambda: [_hdf5_seed()]),
    "csv": (csv, lambda: [b"file_name,label\na.png,cat\nb.png,dog\n", b'"a.png";"1"\nb.png;2\n']),
    "jsonl": (jsonl, lambda: [b'{"file_name": "a.png", "label": [1, 2]}\n'
                              b'{"file_name": "b.png", "label": [0.5, 1]}\n']),
    "column": (column, lambda: [b"1\n2\n3\n4\n", b"name,value\n0,1\n1,x\n2,1e9\n3,\n"]),
    "recipe": (recipe, lambda: [
        b'seed = 1\n[[steps]]\nmethod = "cutmix"\nalpha = 0.5\n'
        b'[reading]\nsize = [4, 5]\n[sampling]\nbalance = true\n',
        b'[[steps]]\none_of = [{weight = 1, method = "none"}]\n',
    ]),
    "config": (config, lambda: [b'seed = 1\nsize = "4x5"\nalpha = 0.5\nlabel-key = ["a", "b"]\n']),
    "sample": (sample, lambda: [b"?n=40&size=12&classes=3", b"shapes?seed=7"]),
    "braces": (braces, lambda: [b"x-{000..011}.tar", b"{a,b}{1..3}*[x]"]),
}  # fmt: skip


def seeds(name: str, folder: Path) -> None:
    """Write the seeds of a target to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(TARGETS[name][1]()):
        (folder / f"seed-{number}").write_bytes(data)


def checked(name: str) -> Callable[[bytes], Any]:
    """The target as a function that a fuzzer calls; it leaves the working directory alone."""
    target = TARGETS[name][0]
    here = Path.cwd()

    def call(data: bytes) -> None:
        target(bytes(data))
        assert not (here / "OWNED").exists()
        assert os.getcwd() == str(here)  # noqa: PTH109

    return call
