"""The HDF5 sink: a plain file that h5py and others read, filled by byte ranges."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from augtool.errors import OutputError, UsageError
from augtool.schema import Field
from augtool.sinks import format_of
from augtool.sinks.hdf5 import lay_out

FIELDS = (
    Field("images", "|u1", (40, 60, 3)),
    Field("labels", "<f4", (5,)),
    Field("label", "<i8", ()),
    Field("cutmix_box", "<i4", (4,)),
)


def values(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {one.name: rng.integers(0, 100, (rows, *one.shape)).astype(one.dtype) for one in FIELDS}


def written(path: Path, compression: str | None, rows: int, ranges: list[tuple[int, int]]) -> None:
    sink = lay_out(path, FIELDS, rows, {"recipe": "{}", "num_classes": 5}, compression)
    data = values(rows)
    for start, stop in ranges:
        with sink.writer as writer:
            for one in FIELDS:
                writer.write(one.name, np.arange(start, stop), data[one.name][start:stop])
            sink.append(writer.encoded())
    sink.finish({one.name: "a" * 64 for one in FIELDS})


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
    sink = lay_out(tmp_path / "o.h5", FIELDS, 50, {}, None)
    data, order = values(50), np.random.default_rng(1).permutation(50)
    with sink.writer as writer:
        for one in FIELDS:
            writer.write(one.name, order, data[one.name][order])
    sink.finish({})
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
    lay_out(tmp_path / "o.h5", FIELDS, 1000, {}, None).close()
    reserved = (tmp_path / "o.h5").stat().st_blocks * 512
    assert reserved >= 1000 * sum(one.row_bytes for one in FIELDS)


def test_long_class_names_fit(tmp_path: Path) -> None:
    names = "[" + ",".join(f'"{i:0100}"' for i in range(2000)) + "]"
    lay_out(tmp_path / "o.h5", FIELDS, 3, {"class_names": names}, None).close()
    with h5py.File(tmp_path / "o.h5") as file:
        assert file.attrs["class_names"] == names


@pytest.mark.parametrize("compression", ["lzf", "gzip:10", "gzip:", "zstd"])
def test_other_compressions_are_refused(tmp_path: Path, compression: str) -> None:
    with pytest.raises(UsageError, match="gzip"):
        lay_out(tmp_path / "o.h5", FIELDS, 3, {}, compression)


def test_a_write_that_the_system_refuses_is_an_output_error(tmp_path: Path) -> None:
    sink = lay_out(tmp_path / "o.h5", FIELDS, 3, {}, None)
    with pytest.raises(OutputError, match="writing the output failed"), sink.writer as writer:
        os.close(writer._handle)  # type: ignore[attr-defined]
        writer._handle = os.open(os.devnull, os.O_RDONLY)  # type: ignore[attr-defined]
        writer.write("label", np.arange(3), np.arange(3))


def test_the_name_of_an_output_says_its_format() -> None:
    assert format_of(Path("mixed.H5")) == format_of(Path("a.hdf5")) == "hdf5"
    with pytest.raises(UsageError, match=r"\.h5"):
        format_of(Path("mixed.xyz"))
