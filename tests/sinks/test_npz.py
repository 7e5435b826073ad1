"""The npz sink: one zip that NumPy, and whoever reads zips, takes as it is."""

from __future__ import annotations

import io
import itertools
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import augtool
from augtool.errors import UsageError
from augtool.fields import Field
from augtool.job import Job
from augtool.recipe.recipe import Reading
from augtool.sinks import _checksums, _zip, format_of, is_folder
from augtool.sinks._checksums import Part, Records
from augtool.sinks._contract import Order
from augtool.sinks._zip import Member
from augtool.sinks.npz import lay_out
from augtool.sources import open_source

FIELDS = (
    Field("images", "|u1", (9, 14, 3)),
    Field("labels_größe", "<f4", (5,)),
    Field("label", "<i8", ()),
    Field("cutmix_box", "<i4", (4,)),
)
NAMES = ["x.npy", "y_größe.npy", "label.npy", "cutmix_box.npy", ".augtool.json"]


def values(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {one.name: rng.integers(0, 100, (rows, *one.shape)).astype(one.dtype) for one in FIELDS}


def written(path: Path, rows: int, ranges: list[tuple[int, int]]) -> None:
    sink, data, known = lay_out(Order(path, FIELDS, (0, rows), {"recipe": "{}"})), values(rows), []
    for block, (start, stop) in enumerate(ranges):
        with sink.writer as writer:
            crcs = {}
            for one in FIELDS:
                (buffer,) = writer.write(
                    one.name, np.arange(start, stop), data[one.name][start:stop]
                )
                crcs[one.name] = _checksums.crc(buffer), len(buffer)
        known.append(Part(0, block, 0, stop - start, start, crcs))
    sink.finish(Records(known[::-1]))


@pytest.mark.parametrize("rows", [1, 100])
def test_numpy_and_zip_readers_take_it(tmp_path: Path, rows: int) -> None:
    borders = sorted({0, min(37, rows), min(64, rows), rows})
    written(tmp_path / "o.npz", rows, list(itertools.pairwise(borders)))
    with zipfile.ZipFile(tmp_path / "o.npz") as archive:
        assert archive.namelist() == NAMES
        assert archive.testzip() is None
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        facts = json.loads(archive.read(".augtool.json"))
    assert facts["rows"] == [0, rows]
    assert [one["name"] for one in facts["fields"]] == [one.name for one in FIELDS]
    with np.load(tmp_path / "o.npz", allow_pickle=False) as arrays:
        for (name, expected), member in zip(values(rows).items(), NAMES, strict=False):
            got = arrays[member.removesuffix(".npy")]
            assert got.dtype == expected.dtype, name
            assert np.array_equal(got, expected), name


def test_rows_can_be_mapped_at_aligned_bytes(tmp_path: Path) -> None:
    written(tmp_path / "o.npz", 10, [(0, 10)])
    data = (tmp_path / "o.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "o.npz") as archive:
        offsets = {one.filename: one.header_offset for one in archive.infolist()}
    for name, expected in zip(NAMES, values(10).values(), strict=False):
        lengths = struct.unpack_from("<HH", data, offsets[name] + 26)  # of name and extra field
        start = offsets[name] + 30 + sum(lengths)
        stream = io.BytesIO(data[start:])
        assert np.lib.format.read_magic(stream) == (1, 0)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        assert (start + stream.tell()) % 64 == 0
        mapped = np.memmap(tmp_path / "o.npz", dtype, "r", start + stream.tell(), shape)
        assert np.array_equal(mapped, expected)


def test_members_beyond_four_gigabytes_have_their_sizes_and_places(tmp_path: Path) -> None:
    first = Member("a.npy", 5 << 30, 0)
    second = Member("b.bin", 3, first.stop, zlib.crc32(b"abc"))
    third = Member("c.bin", 4 << 30, second.stop)
    members = [first, second, third]
    with (tmp_path / "large.zip").open("wb") as file:  # sparse
        for one in members:
            file.seek(one.offset)
            file.write(_zip.header(one))
        file.seek(second.start)
        file.write(b"abc")
        file.seek(third.stop)
        file.write(_zip.directory(members, third.stop))
    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        found = [(one.filename, one.file_size, one.header_offset) for one in archive.infolist()]
        assert found == [(one.name, one.size, one.offset) for one in members]
        assert archive.read("b.bin") == b"abc"
        for name in ("a.npy", "c.bin"):
            with archive.open(name) as member:
                assert member.read(10) == bytes(10)


@pytest.mark.parametrize("size", [0xFFFFFFFE, 0xFFFFFFFF, 0x100000000])
def test_a_size_at_the_border_of_32_bits_is_read_back(tmp_path: Path, size: int) -> None:
    one = Member("x.npy", size, 0)
    with (tmp_path / "o.zip").open("wb") as file:
        file.write(_zip.header(one))
        file.seek(one.stop)
        file.write(_zip.directory([one], one.stop))
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        (found,) = archive.infolist()
        assert found.file_size == found.compress_size == size


def test_it_is_an_input_again(tmp_path: Path, job: Callable[..., Job]) -> None:
    images, labels = np.zeros((9, 8, 8, 3), np.uint8), np.arange(9) % 3
    np.savez(tmp_path / "in.npz", x=images, y=labels)
    augtool.run(job(tmp_path / "in.npz", "out.npz"))
    source = open_source(str(tmp_path / "out.npz"), Reading(), tmp_path)
    assert (source.n, source.shape, source.targets[0].width) == (9, (8, 8, 3), 3)


def test_a_name_without_an_ending_can_be_one(tmp_path: Path) -> None:
    assert format_of("MIXED.NPZ") == "npz"
    assert not is_folder(str(tmp_path / "mixed"), "npz")


def test_arrays_have_no_shards_to_give() -> None:
    with pytest.raises(UsageError, match=r"say which --format: .*npy"):
        format_of("out")
