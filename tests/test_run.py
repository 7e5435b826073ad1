"""A whole run: the same bytes whatever the machine does, labels that the pixels show."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.errors import InputChanged, OutputError, OutputExists, SourceError, UsageError
from augtool.job import Job

Make = Callable[..., Any]


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def contents(path: str) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: data_set[()] for name, data_set in file.items()}


@pytest.mark.parametrize("compression", [None, "gzip:1"])
def test_bytes_are_the_same_for_any_workers_and_task_sizes(
    owners: Make, job: Make, compression: str | None
) -> None:
    source = owners(n=1250, size=(24, 40))
    plans = {(0, 1), (0, 3), (1, 1), (2, 1), (2, 2), (3, 1), (3, 5)}
    digests, processes = set(), set()
    for workers, blocks in sorted(plans):
        one = job(
            source,
            f"{workers}-{blocks}.h5",
            workers=workers,
            task_blocks=blocks,
            compression=compression,
            copies=2,
        )
        summary = augtool.run(one)
        processes.add(summary.processes)
        digests.add(digest(one.output))
        assert summary.rows == 2500
    assert len(digests) == 1
    assert max(processes) > 1


def test_records_do_not_depend_on_how_the_work_was_cut(owners: Make, job: Make) -> None:
    source = owners(n=700)
    plain = augtool.run(job(source, "a.h5", copies=2))
    chunked = augtool.run(job(source, "b.h5", copies=2, compression="gzip", task_blocks=3))
    assert plain.digests == chunked.digests
    assert all(len(one) == 64 for one in plain.digests.values())
    with h5py.File(job(source, "a.h5").output) as file:
        stored = {name: file[name].attrs["crc32_sha256"].decode() for name in file}
    assert stored == plain.digests


def test_the_label_is_the_share_of_pixels_of_each_source(owners: Make, job: Make) -> None:
    one = job(owners(n=330, classes=330), copies=2)
    augtool.run(one)
    rows = contents(one.output)
    for image, label, src, weight in zip(
        rows["images"], rows["labels"], rows["src"], rows["weight"], strict=True
    ):
        counted = np.bincount(image[:, :, 0].ravel(), minlength=330) / image[:, :, 0].size
        assert np.array_equal(label, counted.astype(np.float32))
        assert np.array_equal(label[src], weight)
    assert np.array_equal(rows["label"], rows["labels"].argmax(1))


def test_pixels_are_the_bases_outside_the_box_and_the_partners_inside(
    owners: Make, job: Make
) -> None:
    one = job(owners(n=330))
    augtool.run(one)
    rows = contents(one.output)
    for image, src, (y0, x0, y1, x1) in zip(
        rows["images"], rows["src"], rows["cutmix_box"], strict=True
    ):
        expected = np.full(image.shape, src[0])
        expected[y0:y1, x0:x1] = src[1]
        assert np.array_equal(image, expected)


def test_a_folder_and_an_array_of_the_same_images_have_the_same_plan(
    tmp_path: Path, job: Make
) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (150, 9, 14, 3), dtype=np.uint8)
    labels = np.arange(150) // 50
    for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        folder = tmp_path / "data" / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row:03}.png")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"], file["labels"] = pixels, labels
    one, other = job(tmp_path / "data", "folder.h5"), job(tmp_path / "data.h5", "array.h5")
    assert augtool.run(one).digests == augtool.run(other).digests


def test_a_row_is_made_again_from_what_is_stored_about_it(owners: Make, job: Make) -> None:
    from augtool.kernels.paste import paste

    source = owners(n=200)
    one = job(source)
    augtool.run(one)
    pixels, rows = contents(str(source))["images"], contents(one.output)
    again = np.empty_like(rows["images"])
    paste(pixels, rows["src"][:, 0], rows["src"][:, 1], rows["cutmix_box"], again)
    assert np.array_equal(again, rows["images"])


@pytest.mark.parametrize("column", ["src_0", "src_1", "box_0", "box_1", "box_2", "box_3"])
def test_every_stored_value_matters(owners: Make, job: Make, column: str) -> None:
    """Changed to another legal value that names other pixels, it makes another row."""
    from augtool.kernels.paste import paste

    source = owners(n=200)
    one = job(source, params={"ratio_range": (0.3, 0.6)})
    augtool.run(one)
    pixels, rows = contents(str(source))["images"], contents(one.output)
    name, index = column.split("_")
    src, box = rows["src"].copy(), rows["cutmix_box"].copy()
    if name == "src":
        src[:, int(index)] = (src[:, int(index)] + 1) % 200
    else:
        edge = box[:, int(index)]
        step = 1 if int(index) < 2 else -1
        edge += step
    again = np.empty_like(rows["images"])
    paste(pixels, src[:, 0], src[:, 1], box, again)
    changed = (again != rows["images"]).reshape(200, -1).any(1)
    hidden = (src[:, 0] == src[:, 1]) | (rows["src"][:, 0] == rows["src"][:, 1])
    assert (changed | hidden).all()


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_num_is_the_beginning_of_a_longer_run(
    owners: Make, job: Make, compression: str | None
) -> None:
    source = owners(n=330)
    short = job(source, "short.h5", num=401, compression=compression)
    long = job(source, "long.h5", copies=3)
    augtool.run(short)
    augtool.run(long)
    few, many = contents(short.output), contents(long.output)
    assert all(np.array_equal(few[name], many[name][:401]) for name in many)


def test_source_order_has_each_row_at_its_own_place(owners: Make, job: Make) -> None:
    source = owners(n=330)
    ordered, shuffled = job(source, "o.h5", order="source", copies=2), job(source, "s.h5", copies=2)
    augtool.run(ordered)
    augtool.run(shuffled)
    rows = contents(ordered.output)
    assert np.array_equal(rows["src"][:, 0], np.tile(np.arange(330), 2))
    base_is_seen = [
        (image == src[0]).any() or w[0] == 0
        for image, src, w in zip(rows["images"], rows["src"], rows["weight"], strict=True)
    ]
    assert all(base_is_seen)


def test_source_order_makes_whole_passes(owners: Make, job: Make) -> None:
    source = owners(n=330)
    with pytest.raises(UsageError, match="whole passes of 330 rows"):
        augtool.run(job(source, num=400, order="source"))
    assert augtool.run(job(source, num=660, order="source")).rows == 660


def test_an_array_that_changes_during_the_run_is_noticed(owners: Make, job: Make) -> None:
    source = owners(n=330)

    def listener(progress: Any) -> None:
        if progress.rows:
            os.utime(source, ns=(1, progress.rows))

    with pytest.raises(InputChanged, match="changed"):
        augtool.run(job(source), listener)


def test_broken_images_are_left_out_alike_by_any_workers(tmp_path: Path, job: Make) -> None:
    from PIL import Image

    for row in range(400):
        file = tmp_path / "data" / f"class{row % 2}" / f"{row:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 9, 3), row % 256, np.uint8)).save(file)
    for row in (3, 77, 390):
        (tmp_path / "data" / f"class{row % 2}" / f"{row:03}.png").write_bytes(b"broken")
    made = set()
    for workers in (0, 1, 2):
        one = job(tmp_path / "data", f"{workers}.h5", workers=workers, on_error="skip")
        summary = augtool.run(one)
        assert summary.rows == 397
        assert [skipped.name for skipped in summary.skipped] == [
            "class0/390.png",
            "class1/003.png",
            "class1/077.png",
        ]
        made.add(digest(one.output))
    assert len(made) == 1


def test_an_image_is_decoded_once_for_eight_copies(job: Make) -> None:
    one = job("sample:?n=200&size=12x20&classes=4", copies=8)
    assert augtool.run(one).decodes == 200
    nine = dataclasses.replace(
        one, recipe=dataclasses.replace(one.recipe, copies=9), overwrite=True
    )
    assert augtool.run(nine).decodes == 400


def test_label_smoothing_is_that_of_the_targets(owners: Make, job: Make) -> None:
    source = owners(n=150, classes=5)
    plain, smooth = job(source, "p.h5"), job(source, "s.h5", label_smoothing=0.1)
    augtool.run(plain)
    augtool.run(smooth)
    expected = contents(plain.output)["labels"].astype(np.float64) * 0.9 + 0.1 / 5
    assert np.allclose(contents(smooth.output)["labels"], expected, atol=1e-7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_arrays_of_every_dtype_keep_it(tmp_path: Path, job: Make, dtype: str) -> None:
    pixels = np.random.default_rng(1).random((90, 7, 5, 2)) * 200
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["labels"] = pixels.astype(dtype), np.arange(90) % 3
    one = job(tmp_path / "in.h5", params={"lam": 1.0})
    augtool.run(one)
    rows = contents(one.output)
    assert rows["images"].dtype == dtype
    assert np.array_equal(rows["images"], pixels.astype(dtype)[rows["src"][:, 0]])


def test_an_output_is_an_input(owners: Make, job: Make) -> None:
    first = job(owners(n=330), "first.h5")
    augtool.run(first)
    second = job(first.output, "second.h5")
    augtool.run(second)
    rows = contents(second.output)
    assert np.allclose(rows["labels"].sum(1), 1)


def test_the_output_says_how_it_was_made_and_nothing_of_this_machine(
    owners: Make, job: Make, tmp_path: Path
) -> None:
    one = job(owners(n=330))
    augtool.run(one)
    with h5py.File(one.output) as file:
        attributes = dict(file.attrs)
        assert all(len(data_set) == 330 for data_set in file.values())
    assert json.loads(attributes["recipe"])["steps"][0]["method"] == "cutmix"
    assert str(tmp_path).encode() not in Path(one.output).read_bytes()
    assert attributes["num_classes"] == 7
    assert augtool.open(one.output).recipe == one.recipe


def test_nothing_is_left_beside_a_finished_output(owners: Make, job: Make, tmp_path: Path) -> None:
    source = owners(n=330)
    augtool.run(job(source))
    assert sorted(tmp_path.iterdir()) == sorted([source, tmp_path / "mixed.h5"])


def test_an_output_that_exists_stays_until_the_new_one_is_complete(
    owners: Make, job: Make, tmp_path: Path
) -> None:
    one = job(owners(n=330))
    Path(one.output).write_text("mine")
    with pytest.raises(OutputExists, match="--overwrite"):
        augtool.run(one)
    with pytest.raises(SourceError):
        broken = tmp_path / "broken.h5"
        broken.write_bytes(b"\x89HDF\r\n\x1a\n")
        augtool.run(dataclasses.replace(one, input=str(broken), overwrite=True))
    assert Path(one.output).read_text() == "mine"
    augtool.run(dataclasses.replace(one, overwrite=True))
    assert len(augtool.open(one.output)) == 330


def test_no_space_is_found_before_the_work_starts(
    owners: Make, job: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shutil

    source = owners(n=330)
    full = shutil._ntuple_diskusage(10**9, 10**9, 1234)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(OutputError, match=r"needs [\d,]+ bytes and 1,234 are free"):
        augtool.run(job(source))
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("output", ["data/inside.h5", "data"])
def test_an_output_inside_the_input_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "data").mkdir()
    recipe = augtool.Recipe((augtool.step("cutmix"),))
    with pytest.raises(UsageError):
        augtool.run(Job(str(tmp_path / "data"), str(tmp_path / output), recipe, workers=0))


def test_a_listener_hears_the_start_and_every_row(owners: Make, job: Make) -> None:
    heard = []
    augtool.run(job(owners(n=330)), heard.append)
    assert heard[0].rows == 0
    assert [one.rows for one in heard] == sorted(one.rows for one in heard)
    assert heard[-1].rows == heard[-1].total == 330


def test_runs_in_threads_of_one_process_do_not_share_memory(
    job: Callable[..., Job], owners: Callable[..., Path], tmp_path: Path
) -> None:
    source = owners(660, (40, 40))
    jobs = [job(source, f"m{number}.h5", seed=number % 2) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(augtool.run, jobs))
    made = [Path(one.output).read_bytes() for one in jobs]
    assert len({*made[::2]}) == len({*made[1::2]}) == 1
    assert made[0] != made[1]
