"""Hostile archives and arrays: one line that names them, no memory, and no name is a path."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augtool.errors import AugtoolError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _tables, open_source, parquet
from augtool.sources._contract import Source

Opened = Callable[..., Source]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Open bytes, or a file, as an input; read all rows too."""
    for module in (parquet, _tables):
        monkeypatch.setattr(module, "isolated", lambda function, *args: function(*args))
    count = iter(range(100_000))

    def open_it(given: bytes | Path, name: str = "a", **reading: Any) -> Source:
        scratch = tmp_path / "scratch" / str(next(count))
        scratch.mkdir(parents=True)
        if isinstance(given, bytes):
            path = tmp_path / name
            path.write_bytes(given)
            given = path
        source = open_source(str(given), Reading(size=(9, 14), **reading), scratch)
        assert source.shape is not None
        source.read(np.arange(source.n), np.empty((source.n, *source.shape), source.dtype))
        return source

    return open_it


def refusal(opened: Opened, given: bytes | Path, name: str = "a", **reading: Any) -> str:
    with pytest.raises(AugtoolError) as caught:
        opened(given, name, **reading)
    said = str(caught.value)
    assert said.isprintable()
    assert not isinstance(caught.value, UsageError) or "not an input" in said or "--" in said, said
    return said


def test_every_hostile_tar_is_refused_by_name(
    corpus: ModuleType, opened: Opened, tmp_path: Path
) -> None:
    for name, data in corpus.tars().items():
        assert refusal(opened, data, f"{name}.tar").startswith(f"{tmp_path}/{name}.tar: "), name
    assert not list(tmp_path.rglob("OWNED"))


def test_every_hostile_zip_is_refused_by_name(
    corpus: ModuleType, opened: Opened, tmp_path: Path
) -> None:
    for name, data in corpus.zips().items():
        said = refusal(opened, data, f"{name}.zip")
        assert said.startswith((f"{tmp_path}/{name}.zip: ", "cat/")), (name, said)
        most = max((one.stat().st_size for one in tmp_path.rglob("*.bin")), default=0)
        assert most < 1 << 20


def test_members_of_a_zip_that_overlap_are_told_so(corpus: ModuleType, opened: Opened) -> None:
    for name in ("overlapping", "quoted"):
        assert "its members overlap" in refusal(opened, corpus.zips()[name])


def test_a_zip_that_unpacks_to_gigabytes_stops_at_a_cap_that_can_be_raised(
    corpus: ModuleType, opened: Opened
) -> None:
    own = [(b"cat/%d.png" % number, corpus.good(seed=number)) for number in range(9)]
    data = corpus.zip_of(own, size=200 << 20)
    assert re.search(r"to 1,887,436,800, more than 1,073,741,824; .*--max-unpacked",
                     refusal(opened, data))  # fmt: skip
    honest = corpus.zip_of(own)
    assert opened(honest).n == 9
    assert re.search(
        r"more than 2,000; .*--max-unpacked", refusal(opened, honest, max_unpacked=2000)
    )
    assert opened(honest, max_unpacked=20_000).n == 9


@pytest.mark.parametrize("magic", ["gz", "bz2", "xz"])
def test_a_compressed_tar_that_unpacks_without_end_stops_at_a_cap(
    corpus: ModuleType, opened: Opened, magic: str
) -> None:
    data = corpus.bomb(4, magic)
    said = refusal(opened, data, max_unpacked=2 << 20)
    assert re.search(r"unpacks to more than 2,097,152 bytes; .*--max-unpacked", said)
    assert opened(data).n == 2


def test_an_xz_that_asks_for_gigabytes_to_be_unpacked_is_refused(opened: Opened) -> None:
    # The header of a stream whose dictionary is 4 GB less a byte.
    import zlib

    flags = b"\0\4"
    block = b"\2\0\x21\1\x28\0\0\0"
    stream = b"\xfd7zXZ\0" + flags + struct.pack("<I", zlib.crc32(flags))
    stream += block + struct.pack("<I", zlib.crc32(block)) + b"\1\0\0a\0" + bytes(99)
    assert "not an input" in refusal(opened, stream, "a.tar.xz")


def test_the_name_of_a_member_is_never_a_path(
    corpus: ModuleType, opened: Opened, tmp_path: Path
) -> None:
    up, names = (
        b"../" * 20,
        (b"tmp/owned", b"\x1b[31m\n", b"C:\\owned", b"-", b"\xff\xfe", b"x" * 200),
    )
    for at, name in enumerate(names):
        members = [(up + name + b"/%d.png" % number, corpus.good()) for number in range(3)]
        members += [(b"/etc/owned%d/a.png" % at, corpus.good())]
        source = opened(corpus.zip_of(members), f"{at}.zip")
        assert all(source.name(row).isprintable() for row in range(source.n))
        key = (up + name)[:90]
        members = corpus.tar_member(key + b".png", corpus.good()) + corpus.tar_member(
            key + b".cls", b"0"
        )
        assert opened(members + bytes(1024), f"{at}.tar").n == 1
    inside = {one.relative_to(tmp_path).parts[0] for one in tmp_path.rglob("*")}
    assert inside == {"scratch", *(f"{at}.{kind}" for at in range(6) for kind in ("zip", "tar"))}
    assert not Path("/tmp/owned").exists()
    assert not list(Path("/etc").glob("owned*"))


def npz_of(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return stream.getvalue()


def npy_of(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(values))
    return stream.getvalue()


def test_headers_of_arrays_that_lie_are_refused_and_run_nothing(
    corpus: ModuleType, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels, images = npy_of(np.arange(4) % 2), npy_of(np.zeros((4, 9, 14, 3), np.uint8))
    (tmp_path / "d").mkdir()
    for name, data in corpus.npy_lies().items():
        said = [refusal(opened, npz_of(x=data, y=labels), f"{name}.npz")]
        if name != "columns":
            said.append(refusal(opened, npz_of(x=images, y=data), f"{name}.npz"))
        (tmp_path / "d" / "x.npy").write_bytes(data)
        (tmp_path / "d" / "y.npy").write_bytes(labels)
        said.append(refusal(opened, tmp_path / "d"))
        row = corpus.tar_member(b"0.npy", data) + corpus.tar_member(b"0.cls", b"0")
        said.append(refusal(opened, row + bytes(1024), f"{name}.tar"))
        row = corpus.tar_member(b"0.png", corpus.good()) + corpus.tar_member(b"0.npy", data)
        if name != "columns":
            said.append(refusal(opened, row + bytes(1024), f"{name}.tar"))
        assert all("memory" not in one for one in said)
    assert not list(tmp_path.rglob("OWNED"))


def test_an_array_that_unpacks_to_gigabytes_stops_at_a_cap(
    corpus: ModuleType, opened: Opened
) -> None:
    images = npy_of(np.zeros((4000, 9, 14, 3), np.uint8))
    data = npz_of(x=images, y=npy_of(np.arange(4000) % 2))
    said = refusal(opened, data, max_unpacked=1_000_000)
    assert re.search(r"to 1,512,000, more than 1,000,000; .*--max-unpacked", said)
    assert opened(data).n == 4000


def parquet_of(corpus: ModuleType, rows: int = 6) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"image": [corpus.good(seed=one) for one in range(rows)],
                      "label": [one % 2 for one in range(rows)]})  # fmt: skip
    pq.write_table(table, stream)
    return stream.getvalue()


def test_parquet_opens_no_path_and_no_address(corpus: ModuleType, opened: Opened) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for path in ("/etc/passwd", "http://127.0.0.1:9/a.png", "pipe:touch OWNED"):
        stream = io.BytesIO()
        images = pa.array([{"bytes": None, "path": path}] * 4, kind)
        pq.write_table(pa.table({"image": images, "label": [0, 1, 0, 1]}), stream)
        assert "row 0 has no image, only the path" in refusal(opened, stream.getvalue())
        stream = io.BytesIO()
        pq.write_table(pa.table({"image": [path] * 4, "label": [0, 1, 0, 1]}), stream)
        assert "no column holds images" in refusal(opened, stream.getvalue())


def test_one_value_of_parquet_that_takes_gigabytes_is_stopped(
    corpus: ModuleType, opened: Opened
) -> None:
    stream = io.BytesIO()
    images = pa.array([corpus.good(), bytes(3_000_000)], pa.binary())
    pq.write_table(pa.table({"image": images, "label": [0, 1]}), stream, compression="zstd")
    said = refusal(opened, stream.getvalue(), max_unpacked=1_000_000)
    assert "--max-unpacked" in said


def test_what_names_a_program_or_an_address_is_no_input(opened: Opened, tmp_path: Path) -> None:
    for spec in ("pipe:touch OWNED", "http://127.0.0.1:9/a.tar", "s3://bucket/a.tar", "|touch x"):
        with pytest.raises(UsageError, match="no such file"):
            open_source(spec, Reading(), tmp_path)
    assert not list(tmp_path.rglob("OWNED"))


@pytest.mark.parametrize("kind", ["tar", "zip", "npz", "npy", "parquet"])
def test_cut_at_any_length_it_is_refused_or_tells_of_it(
    corpus: ModuleType, opened: Opened, tmp_path: Path, kind: str
) -> None:
    small = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    whole = {
        "tar": corpus.row() + corpus.row(b"1", 1) + bytes(1024),
        "zip": corpus.zip_of([(b"a/%d.png" % at, corpus.good(seed=at)) for at in range(2)]),
        "npz": npz_of(x=npy_of(small), y=npy_of([0, 1])),
        "npy": npy_of(small),
        "parquet": parquet_of(corpus, 2),
    }[kind]
    step = {"tar": 31, "parquet": 13, "zip": 3}.get(kind, 1)
    reading = {} if kind in ("npz", "npy") else {"size": (9, 14)}
    (tmp_path / "labels.npy").write_bytes(npy_of([0, 1]))
    labels = str(tmp_path / "labels.npy") if kind == "npy" else None
    path, refused = tmp_path / "a", 0
    for length in [*range(0, len(whole), step), len(whole)]:
        path.write_bytes(whole[:length])
        scratch = tmp_path / f"{kind}-{length}"
        scratch.mkdir()
        try:
            source = open_source(str(path), Reading(**reading), scratch, labels)
            out = np.empty((source.n, *(source.shape or ())), source.dtype)
            source.read(np.arange(source.n), out)
        except AugtoolError as error:
            assert str(error).isprintable()
            refused += 1
        else:
            told = any("cut short" in one for one in source.notes.warnings)
            assert told or (kind == "tar" and length > 4000) or length == len(whole), length
    assert refused
