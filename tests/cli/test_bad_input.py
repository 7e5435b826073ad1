"""Bad input: one line that says what, where and what to do; the right code; nothing left."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

Cli = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
Start = Callable[..., subprocess.Popen[str]]
SAMPLE = "sample:?n=40&size=12"
RUN = ("cutmix", "--in", SAMPLE, "--out", "m.h5")


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("nowhere", 2, "nowhere: there is no such file or folder"),
        ("empty", 2, "empty: holds no images; expected empty/CLASS/IMAGE.jpg"),
        ("one", 1, "the source has 1 usable image"),
        ("flat", 2, "flat: its 2 images are in no class folder; expected flat/CLASS/IMAGE.jpg"),
        ("text.txt", 2, "text.txt: not an input that augtool reads"),
        ("", 2, "'--in' / '-i': it is empty"),
        ("sample:?m=3", 2, "unknown option 'm'"),
        ("sample:?n=0", 2, "n=0: must be a whole number"),
        ("sample:?n=1", 1, "the source has 1 usable image"),
        ("text.h5", 1, "text.h5: "),
    ],
)
def test_an_unusable_source_is_named(
    refused: Refused, tmp_path: Path, source: str, code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "text.h5").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "flat").mkdir()
    for name in ("one/cat/a", "flat/a", "flat/b"):
        Image.new("RGB", (14, 9)).save(tmp_path / f"{name}.png")
    assert said in refused("cutmix", "--in", source, "--out", "m.h5", code=code)


def test_a_broken_image_is_named(refused: Refused, folder: Path) -> None:
    (folder / "dog" / "9.png").write_text("no image")
    for workers in ("auto", 2):
        said = refused("cutmix", "--in", folder, "--out", "m.h5", "--workers", workers, code=1)
        assert said.startswith("dog/9.png: not a JPEG, PNG")


def test_only_broken_images_are_an_error_even_when_skipped(refused: Refused, folder: Path) -> None:
    for path in folder.rglob("*.*"):
        path.write_text("no image")
    said = refused("cutmix", "--in", folder, "--out", "m.h5", "--on-error", "skip", code=1)
    assert "none of its images can be read" in said


def test_images_of_several_sizes_are_listed_with_the_option(refused: Refused, folder: Path) -> None:
    Image.new("RGB", (30, 20)).save(folder / "cat" / "x.png")
    for command in (["cutmix", "--out", "m.h5"], ["plan", "cutmix"]):
        said = refused(*command, "--in", folder)
        assert "2 sizes" in said
        assert "9x14 (24), 20x30 (1)" in said
        assert "--size 9x14" in said


@pytest.mark.parametrize(
    ("data_sets", "options", "code", "said"),
    [
        ({"labels": np.arange(39)}, [], 1, "images has 40 rows, labels has 39"),
        ({"labels": np.arange(40) - 1}, [], 1, "row 0 is -1"),
        ({"labels": np.arange(40)}, ["--num-classes", "20"], 1, "row 20 is 20"),
        ({"labels": np.full((40, 3), np.nan, "f4")}, [], 1, "row 0 is nan"),
        ({"labels": None}, [], 2, "--label-key"),
        ({}, ["--image-key", "pixels"], 2, "there is no data set 'pixels'"),
        ({}, ["--label-key", "truth"], 2, "there is no data set 'truth'"),
        ({}, ["--size", "20"], 2, "--size 20x20 cannot be met"),
        ({}, ["--mode", "L"], 2, "--mode L cannot be met"),
        ({"labels": np.linspace(0, 1, 40)}, ["--label-smoothing", "0.1"], 2, "for class targets"),
        ({"images": np.zeros((40, 9, 14, 3, 2), "f4")}, ["--preview", "p.png"], 2, "needs images"),
        ({"images": np.zeros((40, 99), "u1")}, ["--preview", "p.png"], 2, ""),
    ],
)
def test_an_unusable_hdf5_file_is_explained(
    refused: Refused,
    hdf5: Callable[..., str],
    data_sets: dict[str, Any],
    options: list[str],
    code: int,
    said: str,
) -> None:
    source = hdf5(**data_sets)
    assert said in refused("cutmix", "--in", source, "--out", "m.h5", *options, code=code)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--alpha", "0"], "alpha 0: must be above 0"),
        (["--alpha", "-1"], "alpha -1: must be above 0"),
        (["--alpha", "nan"], "alpha nan: must be a finite number"),
        (["--alpha", "inf"], "alpha inf: must be a finite number"),
        (["--alpha", "x"], "'--alpha': 'x' is not a number"),
        (["--lam", "1.5"], "lam 1.5: must be at least 0, at most 1"),
        (["--alpha", "1", "--lam", "0.5"], "give one"),
        (["--ratio-range", "0.2,0.8", "--alpha", "1"], "give one"),
        (["--ratio-range", "0.2,0.8", "--lam", "0.5"], "give one"),
        (["--ratio-range", "0.2,0.8", "--box-sampler", "clip"], "give one"),
        (["--ratio-range", "0.8,0.2"], "must not be larger"),
        (["--ratio-range", "0.2"], "use two numbers"),
        (["--ratio-range", "0.2,1.8"], "at most 1"),
        (["--box-sampler", "middle"], "'middle' is not one of"),
        (["--prob", "1.5"], "prob 1.5: must be in 0…1"),
        (["--prob", "nan"], "prob nan: must be in 0…1"),
        (["--label-smoothing", "1"], "label_smoothing 1: must be in 0…1, below 1"),
        (["--size", "0"], "'0' is not a size: use 224 or 240x320"),
        (["--size", "10x0"], "'10x0' is not a size"),
        (["--size", "-5"], "'-5' is not a size"),
        (["--workers", "-1"], "use auto or a whole number from 1"),
        (["--workers", "0"], "use auto or a whole number from 1"),
        (["--workers", "two"], "use auto or a whole number from 1"),
        (["--seed", "-1"], "use a whole number from 0"),
        (["--seed", "1.5"], "use a whole number from 0"),
        (["--copies", "0"], "use a whole number from 1"),
        (["--num", "0"], "use a whole number from 1"),
        (["--num", "5", "--copies", "2"], "give one"),
        (["--limit", "1"], "use a whole number from 2"),
        (["--order", "random"], "'random' is not one of"),
        (["--order", "source", "--compression", "gzip"], "cannot be compressed"),
        (["--compression", "lzf"], "use gzip or gzip:LEVEL"),
        (["--compression", "gzip:10"], "use gzip or gzip:LEVEL"),
        (["--background", "1,2"], "is not a colour"),
        (["--background", "1,2,256"], "is not a colour"),
        (["--classes", "none.txt"], "'none.txt' does not exist"),
        (["--preview", "grid.jpg"], "end its name in .png"),
        (["--preview", "no/grid.png"], "its folder does not exist"),
        (["--alhpa", "1"], "there is no option --alhpa; did you mean --alpha?"),
        (["--alpha"], "'--alpha' requires an argument"),
        (["stray"], "unexpected argument 'stray' (see augtool cutmix --help)"),
    ],
)
def test_a_wrong_option_is_explained(refused: Refused, options: list[str], said: str) -> None:
    assert said in refused(*RUN, *options)


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("mixed", 2, "mixed: say which --format: folder, hdf5, npy"),
        ("mixed.txt", 2, "the name does not say which format"),
        ("", 2, "'--out' / '-o': it is empty"),
        ("no/mixed.h5", 2, "no: no such folder; create it"),
        ("file.h5/mixed.h5", 2, "file.h5: no such folder"),
        ("file.h5", 2, "file.h5: exists already; use --overwrite"),
        ("link.h5", 2, "link.h5: exists already; use --overwrite"),
        ("folder.h5", 2, "folder.h5: is a folder"),
        ("/proc/mixed.h5", 1, "/proc/mixed.h5: cannot write beside it"),
    ],
)
def test_an_output_that_cannot_be_is_refused(
    refused: Refused, tmp_path: Path, output: str, code: int, said: str
) -> None:
    (tmp_path / "file.h5").write_text("mine")
    (tmp_path / "link.h5").symlink_to("nothing")
    (tmp_path / "folder.h5").mkdir()
    assert said in refused("cutmix", "--in", SAMPLE, "--out", output, code=code)


def test_the_input_is_never_the_output_nor_holds_it(
    refused: Refused, folder: Path, hdf5: Callable[..., str], tmp_path: Path
) -> None:
    source = hdf5()
    (tmp_path / "alias.h5").symlink_to(source)
    for output in (source, "alias.h5", tmp_path / source):
        said = refused("cutmix", "--in", source, "--out", output, "--overwrite")
        assert said == f"--out {output}: --in {source} reads it; choose another --out"
    inside = f"lies inside --in {folder}; choose another"
    for output in (folder / "m.h5", "data/cat/m.h5", "data/../data/m.h5"):
        assert inside in refused("cutmix", "--in", folder, "--out", output)
    picture = ("--out", "m.h5", "--preview", "data/cat/grid.png")
    assert inside in refused("cutmix", "--in", folder, *picture)
    assert inside in refused("plan", "cutmix", "--in", folder, "--out", "data/plan.csv")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cutmix", "data"], "unexpected argument 'data'; did you mean --in data?"),
        (["cutmix", "data", "m.h5"], "did you mean --in data --out m.h5?"),
        (["cutmix", "--in", "data", "m.h5"], "did you mean --out m.h5?"),
        (["plan", "cutmix", "data"], "did you mean --in data?"),
        (["cutmix"], "Missing option '--in' / '-i' (see augtool cutmix --help)"),
        (["cutmx"], "there is no command 'cutmx'; did you mean 'cutmix'?"),
        (["plan", "cutmx"], "there is no command 'cutmx'; did you mean 'cutmix'?"),
        (["--verzion"], "there is no option --verzion; did you mean --version?"),
        (["--json"], "--json goes with --version"),
        (["_run"], "there is no command '_run'"),
    ],
)
def test_a_slip_of_the_tongue_gets_a_suggestion(
    refused: Refused, arguments: list[str], said: str
) -> None:
    assert said in refused(*arguments)


def test_an_unknown_split_lists_what_there_is(refused: Refused, folder: Path) -> None:
    said = refused("cutmix", "--in", folder, "--out", "m.h5", "--split", "train")
    assert said.startswith("--split train: ")
    assert "cat, dog, emu" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "the file lists no class"),
        (b"cat\ndog\ncat\n", "'cat' is listed twice"),
        (b"\xff\xfe", "it must be a UTF-8 text file"),
    ],
)
def test_a_wrong_class_list_is_explained(
    refused: Refused, folder: Path, tmp_path: Path, text: bytes, said: str
) -> None:
    (tmp_path / "names.txt").write_bytes(text)
    message = refused("cutmix", "--in", folder, "--out", "m.h5", "--classes", "names.txt")
    assert message.startswith("--classes names.txt: ")
    assert said in message


def test_no_space_is_said_before_the_work_with_bytes_needed_and_free(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000))
    said = refused(*RUN, code=1)
    assert "needs 20," in said
    assert "5,000 are free" in said


@pytest.mark.parametrize("options", [["--workers", "2"], ["--compression", "gzip:0"]])
def test_a_disk_that_fills_up_is_one_line(start: Start, tmp_path: Path, options: list[str]) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    run = start("cutmix", "--in", "sample:?n=500", "--out", "m.h5", *options, before=limit)
    out, err = run.communicate(timeout=60)
    (line,) = [one for one in err.splitlines() if not one.startswith("making ")]
    assert (run.returncode, out) == (1, "")
    assert line.startswith("augtool: ")
    assert "File too large" in line
    assert not list(tmp_path.iterdir())


def test_debug_shows_the_traceback_and_keeps_the_code(cli: Cli) -> None:
    code, _, err = cli(*RUN, "--alpha", "0", "--debug")
    assert code == 2
    assert err.startswith("Traceback")
    assert err.splitlines()[-1] == "augtool: cutmix: alpha 0: must be above 0"
