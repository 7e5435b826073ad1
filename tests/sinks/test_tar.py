"""WebDataset tars: what tarfile finds in them is what the HDF5 of the same job has."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.errors import OutputError, UsageError
from augtool.fields import Field
from augtool.job import Job
from augtool.pipeline.summary import Summary
from augtool.recipe.recipe import Reading
from augtool.sinks import _tar
from augtool.sinks._contract import Order
from augtool.sinks._tar import END, member
from augtool.sinks.tar import TarSink, chunk_rows

Make = Callable[..., tuple[Path, Summary]]
Sample = dict[str, bytes]


def samples(*paths: Path) -> Iterator[tuple[str, Sample]]:
    """Each key with its files by suffix, as webdataset groups them: while keys stay the same."""
    for path in paths:
        with tarfile.open(path, "r|") as archive:  # as a stream: no seeking
            files = ((one.name, archive.extractfile(one).read()) for one in archive)  # type: ignore[union-attr]
            shown = (one for one in files if not one[0].startswith("."))
            for key, group in itertools.groupby(shown, lambda one: one[0].partition(".")[0]):
                yield key, {name.partition(".")[2]: data for name, data in group}


def array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def picture(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_every_member_is_plain_ustar_without_owner_or_time(make: Make) -> None:
    path, _ = make("mixed.tar", reading=Reading(mask_key="ids"))
    data, at = path.read_bytes(), 0
    with tarfile.open(path, errorlevel=2) as archive:  # which looks at every check sum
        members = archive.getmembers()
        assert archive.pax_headers == {}
    for one in members:
        assert (one.type, one.mtime, one.mode) == (tarfile.REGTYPE, 0, 0o644)
        assert type(one.mtime) is int  # a float would need a header of its own
        assert (one.uid, one.gid, one.uname, one.gname) == (0, 0, "", "")
        assert one.pax_headers == {}
        assert (one.offset, one.offset_data) == (at, at + 512)  # nothing between them
        assert data[at + 257 : at + 265] == b"ustar\x0000"
        at += 512 + -(-one.size // 512) * 512
    assert members[-1].name == ".augtool.json"
    assert data[at:] == bytes(1024)


def test_keys_are_unique_adjacent_and_without_a_dot_across_shards(
    make: Make, tmp_path: Path
) -> None:
    folder, _ = make("out", format="tar", shards=4, copies=2)
    shards = sorted(folder.glob("*.tar"))
    assert [one.name for one in shards] == [f"train-00000{number}.tar" for number in range(4)]
    keys = [key for key, _ in samples(*shards)]
    assert keys == [f"{row:09}" for row in range(660)]  # each once, so that its files adjoin
    sizes = [sum(1 for _ in samples(one)) for one in shards]
    assert sizes == [165] * 4


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"reading": Reading(label_key=("labels", "age"))},
        {"reading": Reading(mask_key="ids")},
        {"labels_as": "sparse"},
        {"params": {"num_mix": 3}},
    ],
    ids=["plain", "two targets", "masks", "sparse", "boxes"],
)
def test_labels_masks_and_the_plan_are_those_of_the_hdf5(make: Make, given: dict[str, Any]) -> None:
    reference, _ = make("mixed.h5", **given)
    path, _ = make("mixed.tar", **given)
    with h5py.File(reference) as file:
        expected = {name: each[:] for name, each in file.items()}
    rows = 0
    for row, (_, files) in enumerate(samples(path)):
        plan, found = json.loads(files.pop("json")), {"images": picture(files.pop("png"))}
        if "label" in expected:
            found["label"] = np.array(int(files.pop("cls")), np.int64)
        found |= {
            {"soft": "labels"}.get(suffix.removesuffix(".npy"), suffix.removesuffix(".npy")): array(
                data
            )
            for suffix, data in files.items()
        }
        for name, values in expected.items():
            if name in plan:
                assert np.array(plan[name], values.dtype).tobytes() == values[row].tobytes(), name
            else:
                assert found[name].dtype == values.dtype
                assert found[name].tobytes() == values[row].tobytes(), name
        assert {*plan, *found} == set(expected)
        rows += 1
    assert rows == len(expected["images"])


def smooth(path: Path, channels: int, dtype: str = "u1") -> Path:
    """Pictures without noise, in which JPEG loses little."""
    y, x = np.mgrid[0:24, 0:31]
    most = np.iinfo(dtype).max if dtype[0] == "u" else 1
    ramp = (np.sin(y / 9) + np.cos(x / 11) + 2) / 4
    images = np.stack([np.stack([ramp * (k + 9) / 29] * channels, -1) for k in range(20)]) * most
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = images.astype(dtype), np.arange(20) % 2
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pillow", [False, True], ids=["simplejpeg", "pillow"])
def test_jpegs_are_near_the_pixels_with_simplejpeg_or_without(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, pillow: bool
) -> None:
    source = smooth(tmp_path / "smooth.h5", channels)
    reference, _ = make("mixed.h5", source)
    if pillow:
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    path, _ = make("mixed.tar", source, encode="jpg:98")
    with h5py.File(reference) as file:
        for row, (_, files) in enumerate(samples(path)):
            found, expected = picture(files["jpg"]), file["images"][row]
            assert found.ndim == (2 if channels == 1 else 3)
            off = np.abs(found.reshape(expected.shape).astype(int) - expected)
            assert off.mean() < 2.5
            assert files["jpg"].startswith(b"\xff\xd8")


@pytest.mark.parametrize("encode", ["png", "npy"])
@pytest.mark.parametrize(("dtype", "channels"), [("u1", 1), ("u1", 3), ("u1", 4), ("u2", 1)])
def test_lossless_pictures_have_the_pixels_of_the_hdf5(
    make: Make, tmp_path: Path, encode: str, dtype: str, channels: int
) -> None:
    source = smooth(tmp_path / "smooth.h5", channels, dtype)
    reference, _ = make("mixed.h5", source)
    path, _ = make("mixed.tar", source, encode=encode)
    read = array if encode == "npy" else picture
    with h5py.File(reference) as file:
        for row, (_, files) in enumerate(samples(path)):
            expected = file["images"][row]
            assert np.array_equal(read(files[encode]).reshape(expected.shape), expected)


def test_floats_are_npy_unless_asked_otherwise_which_is_refused(make: Make, tmp_path: Path) -> None:
    source = smooth(tmp_path / "smooth.h5", 3, "f4")
    path, _ = make("mixed.tar", source)
    _, files = next(samples(path))
    assert array(files["npy"]).dtype == np.float32
    with pytest.raises(UsageError, match=r"encode png: holds images of .*float32; use npy"):
        make("other.tar", source, encode="png")


def test_webp_is_read_too(make: Make, tmp_path: Path) -> None:
    path, _ = make("mixed.tar", smooth(tmp_path / "smooth.h5", 3), encode="webp:90")
    _, files = next(samples(path))
    assert picture(files["webp"]).shape == (24, 31, 3)


def test_a_stream_is_the_file(
    make: Make,
    job: Callable[..., Job],
    photos: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    path, _ = make("mixed.tar", copies=2)
    augtool.run(dataclasses.replace(job(photos, copies=2), output="-", format="tar"))
    assert capfdbinary.readouterr().out == path.read_bytes()


def test_the_last_member_describes_and_records_the_rows(make: Make) -> None:
    folder, summary = make("out", format="tar", shards=2)
    reference, _ = make("mixed.h5")
    facts = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            file = archive.extractfile(".augtool.json")
            assert file is not None
            facts.append(json.loads(file.read()))
    assert [one["rows"] for one in facts] == [[0, 165], [165, 330]]
    with h5py.File(reference) as file:
        names = [one["name"] for one in facts[0]["fields"]]
        assert sorted(names) == sorted(file)
        assert set(facts[0]["attributes"]) == set(file.attrs)
    assert set(facts[0]["records"]) == set(summary.digests)
    whole, _ = make("mixed.tar")
    with tarfile.open(whole) as archive:
        last = archive.extractfile(".augtool.json")
        assert last is not None
        records = json.loads(last.read())["records"]
    assert records == summary.digests  # those of a run do not depend on shards


def test_timm_finds_an_index_where_no_other_reader_looks(make: Make) -> None:
    plain, _ = make("plain", format="tar", shards=4)
    folder, _ = make("out", format="tar", shards=4, index="timm")
    (split,) = json.loads((folder / ".augtool" / "_info.json").read_text())["splits"].values()
    assert split["name"] == "train"
    root, lengths = folder / ".augtool", []
    for name, length in zip(split["filenames"], split["shard_lengths"], strict=True):
        lengths.append(len(list(samples(root / name))))
        assert lengths[-1] == length
    assert sum(lengths) == split["num_samples"] == 330
    assert sorted(one.name for one in folder.iterdir()) == sorted(
        one.name for one in plain.iterdir()
    )
    with augtool.open(folder) as mixed:
        assert len(mixed) == 330


def test_an_index_is_for_a_folder_of_tars(make: Make) -> None:
    with pytest.raises(UsageError, match="an index is for a folder of shards"):
        make("mixed.tar", index="timm")
    with pytest.raises(UsageError, match="index timm: the format hdf5 has no such thing"):
        make("shards", format="hdf5", index="timm")


def test_a_disk_that_fills_up_in_a_later_shard_is_one_line_and_keeps_those_before(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = make("plain", format="tar", shards=5)
    begin = TarSink._begin

    def full(sink: TarSink, number: int) -> None:
        begin(sink, number)
        if number == 2:
            sink.close()
            sink._stream = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115

    monkeypatch.setattr(TarSink, "_begin", full)
    with pytest.raises(OutputError, match=r"writing the output failed \(No space left on device\)"):
        make("out", format="tar", shards=5)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    make("out", format="tar", shards=5, resume=True)
    for path in sorted(plain.glob("*.tar")):
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 100_000])
def test_members_are_read_whatever_their_size(size: int) -> None:
    data = (bytes(range(256)) * 400)[:size]
    stream = member("000000007.größe.npy", data) + member("next", b"n") + END
    assert len(stream) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(stream), errorlevel=2) as archive:
        found = [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    assert found == [("000000007.größe.npy", data), ("next", b"n")]


def test_a_name_of_100_bytes_fits_and_a_longer_one_does_not() -> None:
    with tarfile.open(fileobj=io.BytesIO(member("n" * 100, b"x") + END)) as archive:
        assert archive.getnames() == ["n" * 100]
    for name in ("n" * 101, "ö" * 51):
        with pytest.raises(ValueError, match="100 bytes"):
            _tar.header(name, 0)


def test_a_target_whose_name_does_not_fit_is_refused_before_the_work(tmp_path: Path) -> None:
    long = f"labels_{'n' * 90}"
    fields = (Field("images", "|u1", (9, 14, 3)), Field(long, "<f4", (2,)))
    with pytest.raises(UsageError, match=f"{long}: its name is too long for a tar"):
        chunk_rows(Order(tmp_path / "o.tar", fields, (0, 3), {}))
