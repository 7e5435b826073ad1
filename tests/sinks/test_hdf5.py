"""The HDF5 sink: a plain file that h5py and others read, filled by byte ranges."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from augtool.errors import OutputError, UsageError
from augtool.fields import Field
from augtool.sinks import format_of
from augtool.sinks._contract import Order
from augtool.sinks.hdf5 import lay_out

FIELDS = (
    Field("images", "|u1", (40, 60, 3)),
    Field("labels", "<f4", (5,)),
    Field("label", "<i8", ()),
    Field("cutmix_box", "<i4", (4,)),
)


def order(path: Path, rows: int, attributes: dict[str, object], compression: str | None) -> Order:
    return Order(path, FIELDS, (0, rows), attributes, compression)  # type: ignore[arg-type]


def values(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {one.name: rng.integers(0, 100, (rows, *one.shape)).astype(one.dtype) for one in FIELDS}


def no_digests(_start: int, _stop: int) -> dict[str, str]:
    return {}


def written(path: Path, compression: str | None, rows: int, ranges: list[tuple[int, int]]) -> None:
    sink = lay_out(order(path, rows, {"recipe": "{}", "num_classes": 5}, compression))
    data = values(rows)
    for start, stop in ranges:
        with sink.writer as writer:
            for one in FIELDS:
                writer.write(one.name, np.arange(start, stop), data[one.name][start:stop])
            sink.append(writer.encoded(), no_digests)
    sink.finish(lambda _start, _stop: {one.name: "a" * 64 for one in FIELDS})


@pytest.mark.parametrize("compression", [None, "gzip", "gzip:9", "gzip:0"])
@pytest.mark.parametrize("rows", [1, 31, 32, 100])
def test_h5py_reads_back_what_was_written(
    tmp_path: Path, compression: str | None, rows: int
) -> None:
    ranges = [(start, min(start + 32, rows)) for start in range(0, rows, 32)]
    written(tmp_path / "o.h5", compression, rows, ranges)
    with h5py.File(tmp_path / "o.h5") as file:
        for name, expected in values(rows).items():
            assert np.array_equal(file[name], expected)
            assert file[name].dtype == expected.dtype
            assert file[name].attrs["crc32_sha256"] == b"a" * 64
            assert not file[name].is_virtual
            assert file[name].external is None
        assert file["images"].compression == ("gzip" if compression else None)
        assert file.attrs["num_classes"] == 5


def test_rows_may_be_written_anywhere_in_any_order(tmp_path: Path) -> None:
    sink = lay_out(order(tmp_path / "o.h5", 50, {}, None))
    data, mixed = values(50), np.random.default_rng(1).permutation(50)
    with sink.writer as writer:
        for one in FIELDS:
            writer.write(one.name, mixed, data[one.name][mixed])
    sink.finish(no_digests)
    with h5py.File(tmp_path / "o.h5") as file:
        assert all(np.array_equal(file[one.name], data[one.name]) for one in FIELDS)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_two_files_of_the_same_rows_have_the_same_bytes(
    tmp_path: Path, compression: str | None
) -> None:
    for name in ("a.h5", "b.h5"):
        written(tmp_path / name, compression, 100, [(0, 32), (32, 64), (64, 100)])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_space_is_reserved_when_the_file_is_laid_out(tmp_path: Path) -> None:
    lay_out(order(tmp_path / "o.h5", 1000, {}, None)).close()
    reserved = (tmp_path / "o.h5").stat().st_blocks * 512
    assert reserved >= 1000 * sum(one.row_bytes for one in FIELDS)


def test_long_class_names_fit(tmp_path: Path) -> None:
    names = "[" + ",".join(f'"{i:0100}"' for i in range(2000)) + "]"
    lay_out(order(tmp_path / "o.h5", 3, {"class_names": names}, None)).close()
    with h5py.File(tmp_path / "o.h5") as file:
        assert file.attrs["class_names"] == names


@pytest.mark.parametrize("compression", ["lzf", "gzip:10", "gzip:", "zstd"])
def test_other_compressions_are_refused(tmp_path: Path, compression: str) -> None:
    with pytest.raises(UsageError, match="gzip"):
        lay_out(order(tmp_path / "o.h5", 3, {}, compression))


def test_a_write_that_the_system_refuses_is_an_output_error(tmp_path: Path) -> None:
    sink = lay_out(order(tmp_path / "o.h5", 3, {}, None))
    with pytest.raises(OutputError, match="writing the output failed"), sink.writer as writer:
        unwritable = os.open(os.devnull, os.O_RDONLY)
        writer._handles[tmp_path / "o.h5"] = unwritable  # type: ignore[attr-defined]
        writer.write("label", np.arange(3), np.arange(3))


def test_the_name_of_an_output_says_its_format() -> None:
    assert format_of("mixed.H5") == format_of("a.hdf5") == format_of("out", "h5") == "hdf5"
    with pytest.raises(UsageError, match=r"\.h5"):
        format_of("mixed.xyz")


def test_a_folder_without_a_format_lists_the_formats() -> None:
    with pytest.raises(UsageError, match=r"say which --format: .*hdf5"):
        format_of("out")


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_shards_hold_the_rows_in_order(tmp_path: Path, compression: str | None) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    sink = lay_out(Order(folder, FIELDS, (0, 33, 67, 100), {"recipe": "{}"}, compression))
    data = values(100)

    def records(start: int, _stop: int) -> dict[str, str]:
        return {one.name: f"{start:064}" for one in FIELDS}

    for start, stop in [(0, 32), (32, 33), (33, 65), (65, 67), (67, 99), (99, 100)]:
        with sink.writer as writer:
            for one in FIELDS:
                writer.write(one.name, np.arange(start, stop), data[one.name][start:stop])
            sink.append(writer.encoded(), records)
    sink.finish(records)
    names = [f"train-0000{number}-of-00003.h5" for number in range(3)]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name, (start, stop) in zip(names, [(0, 33), (33, 67), (67, 100)], strict=True):
        with h5py.File(folder / name) as file:
            for one in FIELDS:
                assert np.array_equal(file[one.name], data[one.name][start:stop])
                assert file[one.name].attrs["crc32_sha256"] == f"{start:064}".encode()
