"""Folders of good and hostile files, run by real processes: all are accounted for."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from itertools import cycle, islice, product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., Any]
Cli = Callable[..., tuple[int, str, str]]
GOOD, HOSTILE = 500, 120
RUN = ("cutmix", "--out", "m.h5")


def good_files(corpus: ModuleType) -> dict[str, bytes]:
    """500 images of many formats and modes, among them large ones that take little room."""
    kinds = islice(
        cycle(product(("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"), ("L", "RGB", "1"))),
        GOOD - 2,
    )
    found = {
        f"good-{number:03}.{kind.lower().replace('tiff', 'tif')}": corpus.good(kind, number, mode)
        for number, (kind, mode) in enumerate(kinds)
        if (kind, mode) != ("WEBP", "1")
    }
    exif = Image.Exif()
    for number in range(GOOD - 2 - len(found)):
        exif[0x0112] = 1 + number % 8
        found[f"turned-{number}.jpg"] = corpus.good("JPEG", number, exif=exif.tobytes())
    found["large.png"] = corpus.flat_png(7_700)
    found["many.gif"] = corpus.gif(14, 9, 1000)
    return found


def hostile_files(corpus: ModuleType) -> dict[str, bytes]:
    """Files of which none can be used."""
    found = {f"bomb-{name}": data for name, data in corpus.bombs().items()}
    found["bomb-scans.jpg"] = corpus.jpeg_of_scans(2048, 900)
    found |= {f"{name}.jpg": data for name, data in corpus.FOREIGN.items()}
    found |= {"empty.png": b"", "zeros.jpg": bytes(4096), "\x1b[31mred\n.png": b"\x1b]0;x\x07"}
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        whole = corpus.good(kind)
        for number, data in enumerate(corpus.cuts(whole, 15)):
            found[f"cut-{number}.{kind.lower().replace('tiff', 'tif')}"] = data
    return dict(list(found.items())[: HOSTILE - 6])


def test_500_good_and_120_hostile_files_are_all_accounted_for(
    corpus: ModuleType, augtool: Run, tmp_path: Path
) -> None:
    good, hostile = good_files(corpus), hostile_files(corpus)
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
    mixed = [*good.items(), *hostile.items()]
    random.Random(1).shuffle(mixed)
    for number, (name, data) in enumerate(mixed):
        (tmp_path / "data" / ("cat", "dog")[number % 2] / name).write_bytes(data)
    special = corpus.special_files(tmp_path / "data" / "cat")
    (tmp_path / "data" / "dog" / "sparse.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(tmp_path / "data" / "dog" / "sparse.png", 1 << 40)
    assert (len(good), len(hostile) + len(special) + 1) == (GOOD, HOSTILE)
    before = sorted(tmp_path.iterdir())
    options = ("--size", "9x14", "--on-error", "skip", "--json")

    ended = augtool(*RUN, "--in", "data", *options, "--workers", 2)

    assert ended.code == 3, ended.lines
    said = json.loads(ended.out)
    skipped = {one["name"].partition("/")[2] for one in said["skipped"]}
    assert said["rows"] == GOOD
    assert len(skipped) == len(hostile) + 1
    assert sum(said["left_out"].values()) == len(special)
    assert all(one["reason"].isprintable() for one in said["skipped"])
    assert ended.megabytes < 1000
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "m.h5"])


NAMES = (
    b"-",
    b"--out=x.png",
    b"-rf.png",
    b"a\nb.png",
    b"\x1b[2J\x1b]0;owned\x07.png",
    b"\xff\xfe\x80.png",
    b"\xe2\x80\xae gnp.png",
    b"$(touch OWNED).png",
    b"%s%n{0}.png",
    b" .png",
    b"a" * 251 + b".png",
    "и́я😀.png".encode(),
)


def test_names_of_any_bytes_work_and_are_shown_on_one_line(
    corpus: ModuleType, augtool: Run, tmp_path: Path
) -> None:
    for number, name in enumerate(NAMES):
        label = (b"cat", b"\x1b[31m\xff\n", b"-x")[number % 3]
        folder = os.fsencode(tmp_path) + b"/data/" + label
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (bytes)
        ending = b"" if name.endswith(b".png") else b".png"
        with open(folder + b"/" + name + ending, "wb") as file:  # noqa: PTH123
            file.write(corpus.good(seed=number))
    ended = augtool("cutmix", "--in", "data", "--out", "-m.h5", "--preview", "p.png")
    assert ended.code == 0, ended.lines
    assert all(line.isprintable() for line in ended.lines)
    listed = augtool("inspect", "data", "--list")
    rows = listed.out.splitlines()
    assert all(row.isprintable() for row in rows)
    assert sum(".png" in row for row in rows) == len(NAMES)
    told = augtool("inspect", "-m.h5", "--row", 0, "--in", "data")
    told = told if told.code == 0 else augtool("inspect", "./-m.h5", "--row", 0, "--in", "data")
    assert told.code == 0, told.lines
    assert all(line.isprintable() for line in told.out.splitlines())
    assert not list(tmp_path.rglob("OWNED"))


def test_a_name_that_no_file_can_have_is_one_line(cli: Cli, tmp_path: Path) -> None:
    long, out = "x" * 5000, tmp_path / "m.h5"
    for command in (
        ("cutmix", "--in", long, "--out", out),
        ("cutmix", "--in", "sample:", "--out", f"{long}.h5"),
        ("cutmix", "--in", f"sample:?n={long}", "--out", out),
        ("cutmix", "--in", "{0..999}{0..999}{0..999}", "--out", out),
        ("mix", long, "--in", "sample:", "--out", out),
        ("inspect", long),
        ("preview", long, "--out", tmp_path / "p.png"),
    ):
        code, text, err = cli(*command)
        assert (code, text, len(err.splitlines())) == (2, "", 1), command
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "dangling", "loop"])
def test_what_is_no_file_is_never_opened_wherever_it_is_named(
    corpus: ModuleType, cli: Cli, tmp_path: Path, kind: str
) -> None:
    corpus.special_files(tmp_path, "")
    place = tmp_path / kind
    sample = ("--in", "sample:?n=40&size=8")
    (tmp_path / "data" / "cat").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "data" / "cat" / f"{number}.png").write_bytes(corpus.good(seed=number))
    commands = (
        (*RUN, "--in", place),
        *((*RUN, "--in", place, "--in-format", name) for name in ("tar", "hdf5", "zip", "folder")),
        (*RUN, "--in", tmp_path / "data", "--labels", place),
        (*RUN, "--in", tmp_path / "data", "--masks", place),
        (*RUN, "--in", tmp_path / "data", "--classes", place),
        (*RUN, *sample, "--config", place),
        (*RUN, *sample, "--row-weights", f"{place}.csv"),
        ("mix", "--recipe", place, *sample, "--out", "m.h5"),
        ("figure", "--in", place, "--in", place, "--out", "g.png"),
        ("inspect", place),
        ("preview", place, "--out", "p.png"),
    )
    (tmp_path / f"{kind}.csv").symlink_to(place)
    before = sorted(tmp_path.rglob("*"))
    for command in commands:
        code, out, err = cli(*command)
        assert code in (1, 2), (command, err)
        assert not out
        (line,) = err.splitlines()
        assert line.startswith("augtool: ") and line.isprintable() and "bug" not in line
    assert sorted(tmp_path.rglob("*")) == before
