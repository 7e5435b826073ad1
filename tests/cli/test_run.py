"""The main job and every option of a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool

Cli = Callable[..., tuple[int, str, str]]
SAMPLE = "sample:?n=40&size=12&classes=4"


def contents(path: str | Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: data_set[()] for name, data_set in file.items()}


def made(cli: Cli, *arguments: object, source: object = SAMPLE, output: str = "m.h5") -> dict:
    code, out, err = cli("cutmix", "--in", source, "--out", output, "--overwrite", *arguments)
    assert (code, out) == (0, ""), err
    return contents(output)


def test_a_folder_becomes_a_mixed_file(cli: Cli, folder: Path, tmp_path: Path) -> None:
    code, out, err = cli("cutmix", "--in", folder, "--out", "mixed.h5", "--alpha", "1.0")
    assert (code, out) == (0, "")
    assert err.splitlines()[0] == "making 24 rows in this process"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mixed.h5"]
    rows = contents("mixed.h5")
    assert rows["images"].shape == (24, 9, 14, 3)
    assert sorted(rows["src"][:, 0]) == list(range(24))
    assert augtool.open("mixed.h5").class_names == ("cat", "dog", "emu")


def test_an_hdf5_file_becomes_a_mixed_file(cli: Cli, hdf5: Callable[..., str]) -> None:
    rows = made(cli, source=hdf5())
    assert rows["images"].shape == (40, 9, 14, 3)
    assert rows["labels"].shape == (40, 4)


def test_the_sample_needs_no_data_and_draws_its_grid(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli(
        "cutmix", "--in", "sample:", "--out", "mixed.h5", "--alpha", "1.0", "--preview", "grid.png"
    )
    assert (code, out) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.png", "mixed.h5"]
    with Image.open("grid.png") as grid:
        assert grid.width > grid.height > 100
    assert len(augtool.open("mixed.h5")) == 2000


def test_an_output_is_an_input(cli: Cli) -> None:
    made(cli, output="first.h5")
    again = made(cli, source="first.h5", output="second.h5")
    np.testing.assert_allclose(again["labels"].sum(1), 1, rtol=1e-6)


def test_the_last_line_sums_the_run_up(cli: Cli, folder: Path) -> None:
    code, out, err = cli("cutmix", "--in", folder, "--out", "mixed.h5")
    assert (code, out) == (0, "")
    assert re.fullmatch(
        r"mixed\.h5: 24 rows, 3 classes, [\d.]+ kB, [\d.]+ s, [\d,]+ images/s, 24 decodes",
        err.splitlines()[-1],
    )


def test_one_of_a_thing_is_said_in_the_singular(cli: Cli) -> None:
    _, _, err = cli("cutmix", "--in", SAMPLE, "--out", "m.h5", "-n", 1, "-j", 1)
    assert "making 1 row in 1 worker\n" in err
    assert "m.h5: 1 row, " in err


def test_what_is_not_read_is_counted_in_the_summary(cli: Cli, folder: Path) -> None:
    for name in ("a.avif", "b.avif", "c.mov"):
        (folder / "cat" / name).write_bytes(b"?")
    _, _, err = cli("cutmix", "--in", folder, "--out", "mixed.h5")
    assert err.splitlines()[-1].endswith("not read: 2 .avif, 1 .mov")


def test_json_is_the_summary_and_alone_on_stdout(cli: Cli, folder: Path) -> None:
    code, out, err = cli("cutmix", "--in", folder, "--out", "mixed.h5", "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["rows"] == 24
    assert summary["classes"] == 3
    assert summary["decodes"] == 24
    assert summary["nbytes"] == Path("mixed.h5").stat().st_size
    assert summary["skipped"] == []
    assert set(summary["digests"]) == set(contents("mixed.h5"))
    assert "making" not in err


def test_quiet_says_nothing(cli: Cli, folder: Path) -> None:
    assert cli("cutmix", "--in", folder, "--out", "mixed.h5", "-q") == (0, "", "")


def test_verbose_lists_the_records_that_the_file_holds(cli: Cli) -> None:
    _, _, err = cli("cutmix", "--in", SAMPLE, "--out", "m.h5", "--verbose")
    said = dict(re.findall(r"^record (\w+) ([0-9a-f]{64})$", err, re.MULTILINE))
    with h5py.File("m.h5") as file:
        stored = {name: file[name].attrs["crc32_sha256"].decode() for name in file}
    assert said == stored


def test_equal_seeds_make_equal_files_and_others_do_not(cli: Cli) -> None:
    digests = []
    for seed in (0, 0, 1):
        made(cli, "--seed", seed)
        digests.append(hashlib.sha256(Path("m.h5").read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_copies_are_whole_passes(cli: Cli) -> None:
    rows = made(cli, "--copies", 3)
    for copy in range(3):
        assert sorted(rows["src"][copy * 40 : copy * 40 + 40, 0]) == list(range(40))


def test_num_makes_the_first_rows_of_more_copies(cli: Cli) -> None:
    many, few = made(cli, "--copies", 2), made(cli, "--num", 55)
    for name in many:
        np.testing.assert_array_equal(few[name], many[name][:55])
    assert len(made(cli, "-n", 7)["src"]) == 7


def test_limit_spreads_over_the_source(cli: Cli) -> None:
    rows = made(cli, "--limit", 8)
    assert sorted(rows["src"][:, 0]) == list(range(0, 40, 5))


def test_order_source_puts_each_row_in_its_place(cli: Cli) -> None:
    rows = made(cli, "--order", "source", "--copies", 2)
    assert rows["src"][:, 0].tolist() == [*range(40), *range(40)]


def test_workers_do_not_change_a_byte(cli: Cli, folder: Path) -> None:
    files = []
    for workers in ("auto", 1, 2):
        made(cli, "--workers", workers, "--copies", 2, source=folder)
        files.append(Path("m.h5").read_bytes())
    assert files[0] == files[1] == files[2]


def test_size_and_fit_bring_images_to_one_shape(cli: Cli, folder: Path) -> None:
    Image.new("RGB", (30, 10)).save(folder / "cat" / "wide.png")
    assert made(cli, "--size", "8x20", source=folder)["images"].shape == (25, 8, 20, 3)
    shapes = [
        made(cli, "--size", 16, "--fit", fit, source=folder)["images"]
        for fit in ("crop", "stretch", "pad")
    ]
    assert {images.shape for images in shapes} == {(25, 16, 16, 3)}
    assert len({images.tobytes() for images in shapes}) == 3


def test_mode_and_background_change_what_is_read(cli: Cli, folder: Path) -> None:
    assert made(cli, "--mode", "L", source=folder)["images"].shape == (24, 9, 14, 1)
    padded = made(
        cli, "--size", 40, "--fit", "pad", "--background", "1,2,3", "--prob", 0, source=folder
    )
    assert padded["images"][0, 0, 0].tolist() == [1, 2, 3]


def test_classes_fixes_ids_order_and_captions(cli: Cli, folder: Path) -> None:
    Path("classes.txt").write_text("emu\tEmu\ncat\nyak\ndog\n")
    rows = made(cli, "--classes", "classes.txt", "--prob", 0, source=folder)
    assert augtool.open("m.h5").class_names == ("Emu", "cat", "yak", "dog")
    assert np.bincount(rows["label"]).tolist() == [8, 8, 0, 8]


def test_split_reads_the_folder_of_that_name(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    folder.rename(tmp_path / "set" / "train")
    assert len(made(cli, "--split", "train", source="set")["src"]) == 24


def test_keys_choose_the_data_sets(cli: Cli, hdf5: Callable[..., str]) -> None:
    source = hdf5(images=None, labels=None, x=np.zeros((6, 7, 9, 3), "u1"), t=np.arange(6))
    rows = made(cli, "--image-key", "x", "--label-key", "t", source=source)
    assert rows["labels"].shape == (6, 6)


def test_hdf5_options_say_how_arrays_are_meant(cli: Cli, hdf5: Callable[..., str]) -> None:
    first = hdf5("b", images=np.zeros((6, 3, 4, 5), "u1"), labels=np.arange(6) + 1)
    options = ["--layout", "NCHW", "--label-base", 1, "--num-classes", 8]
    rows = made(cli, *options, source=first)
    assert rows["images"].shape == (6, 4, 5, 3)
    assert rows["labels"].shape == (6, 8)
    vectors = made(cli, "--target", "vector", source=hdf5("c"))
    assert vectors["labels"].shape == (40, 1)
    assert "label" not in vectors


def test_label_smoothing_spreads_a_share_evenly(cli: Cli) -> None:
    plain, smooth = made(cli), made(cli, "--label-smoothing", 0.2)
    np.testing.assert_allclose(smooth["labels"], plain["labels"] * 0.8 + 0.05, atol=1e-6)


def test_keep_originals_puts_an_unmixed_pass_first(cli: Cli) -> None:
    rows = made(cli, "--keep-originals")
    assert len(rows["src"]) == 80
    assert (rows["weight"][:40] == (1, 0)).all()
    assert (rows["weight"][40:, 1] > 0).any()


def test_prob_is_the_share_of_rows_that_are_mixed(cli: Cli) -> None:
    rows = made(cli, "--prob", 0.3, "--copies", 50, "--lam", 0.5, "--box-sampler", "inside")
    mixed = (rows["weight"][:, 1] > 0).mean()
    assert 0.26 < mixed < 0.34  # 2,000 rows: three standard deviations are 0.031
    assert (made(cli, "--prob", 0)["weight"][:, 1] == 0).all()


def test_the_methods_options_reach_the_plan(cli: Cli) -> None:
    inside = made(cli, "--lam", 0.75, "--box-sampler", "inside")["cutmix_box"]
    assert {tuple(box[2:] - box[:2]) for box in inside} == {(6, 6)}
    ranged = made(cli, "--ratio-range", "0.25,0.5")["cutmix_box"]
    sides = ranged[:, 2:] - ranged[:, :2]
    assert sides.min() >= 3
    assert sides.max() <= 6
    assert made(cli, "--alpha", 0.1)["cutmix_lam"].std() > made(cli)["cutmix_lam"].std()


def test_compression_keeps_every_value(cli: Cli) -> None:
    plain, small = made(cli, output="a.h5"), made(cli, "--compression", "gzip:9", output="b.h5")
    for name, values in plain.items():
        np.testing.assert_array_equal(small[name], values)
    with h5py.File("b.h5") as file:
        assert (file["images"].compression, file["images"].compression_opts) == ("gzip", 9)
    assert Path("b.h5").stat().st_size < Path("a.h5").stat().st_size


def test_overwrite_replaces_a_file_and_only_when_complete(cli: Cli, folder: Path) -> None:
    Path("mixed.h5").write_text("mine")
    (folder / "dog" / "broken.png").write_text("no image")
    assert cli("cutmix", "--in", folder, "--out", "mixed.h5", "--overwrite")[0] == 1
    assert Path("mixed.h5").read_text() == "mine"
    assert cli("cutmix", "--in", SAMPLE, "--out", "mixed.h5", "--overwrite")[0] == 0
    assert len(augtool.open("mixed.h5")) == 40


@pytest.mark.parametrize("workers", ["auto", 2])
def test_skipped_images_are_listed_and_end_with_3(cli: Cli, folder: Path, workers: Any) -> None:
    (folder / "cat" / "half.png").write_bytes((folder / "cat" / "1.png").read_bytes()[:90])
    (folder / "dog" / "text.jpg").write_text("no image")
    arguments = ("cutmix", "--in", folder, "--out", "mixed.h5", "--workers", workers)
    code, out, err = cli(*arguments, "--on-error", "skip")
    assert (code, out) == (3, "")
    listed = re.findall(r"^skipped (\S+): .+", err, re.MULTILINE)
    assert listed == ["cat/half.png", "dog/text.jpg"]
    assert ", 2 skipped" in err.splitlines()[-1]
    rows = contents("mixed.h5")
    bad = {row for row in range(26) if augtool_name(folder, row) in listed}
    assert sorted(rows["src"][:, 0]) == sorted(set(range(26)) - bad)


def test_skipped_images_are_in_the_json_with_row_name_and_reason(cli: Cli, folder: Path) -> None:
    (folder / "cat" / "0.png").write_text("no image")
    code, out, _ = cli(
        "cutmix", "--in", folder, "--out", "m.h5", "--on-error", "skip", "--json", "-q"
    )
    summary = json.loads(out)
    assert code == 3
    assert summary["rows"] == 24
    (skipped,) = summary["skipped"]
    assert (skipped["row"], skipped["name"]) == (1, "cat/0.png")
    assert skipped["reason"]


def test_more_than_twenty_skipped_images_are_listed_on_request(cli: Cli, folder: Path) -> None:
    for index in range(25):
        (folder / "dog" / f"{index}x.png").write_text("no image")
    arguments = ("cutmix", "--in", folder, "--overwrite", "--out", "m.h5", "--on-error", "skip")
    short, full = cli(*arguments)[2], cli(*arguments, "-v")[2]
    assert short.count("\nskipped ") == 20
    assert "… and 5 more (--verbose)" in short
    assert full.count("\nskipped ") == 25


def test_names_with_control_characters_cannot_forge_lines(cli: Cli, folder: Path) -> None:
    (folder / "cat" / "a\nb\x1b[31m.png").write_text("no image")
    _, _, err = cli("cutmix", "--in", folder, "--out", "m.h5", "--on-error", "skip")
    assert "skipped cat/a\\nb\\x1b[31m.png: " in err


def test_names_that_are_no_text_are_shown_all_the_same(cli: Cli, folder: Path) -> None:
    source = folder / "cat" / "0.jpg"
    (folder / "cat" / "b\udcff.jpg").write_bytes(source.read_bytes())
    assert cli("cutmix", "--in", folder, "--out", "m.h5", "-q") == (0, "", "")
    for arguments in (["inspect", folder, "--list"], ["inspect", folder, "--list", "--json"]):
        code, out, _ = cli(*arguments)
        assert code == 0
        assert "xff.jpg" in out


def test_one_class_is_a_warning(cli: Cli, folder: Path) -> None:
    for name in ("dog", "emu"):
        (folder / name).rename(folder.parent / name)
    code, _, err = cli("cutmix", "--in", folder, "--out", "mixed.h5")
    assert code == 0
    assert "warning: all images are of one class" in err


def test_a_preview_is_replaced_and_shows_rows_with_boxes(cli: Cli) -> None:
    Path("grid.png").write_text("old")
    made(cli, "--preview", "grid.png", "--lam", 0.5, "--box-sampler", "inside")
    with Image.open("grid.png") as grid:
        assert grid.format == "PNG"


def augtool_name(folder: Path, row: int) -> str:
    files = [
        path.relative_to(folder).as_posix()
        for group in sorted(folder.iterdir())
        for path in sorted(group.iterdir())
    ]
    return files[row]
