"""What somebody else's folder, manifest, recipe or file of options cannot make a run do."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

PRIVATE = "the-victims-secret"
SAMPLE = "sample:?n=40&size=8"


def picture(width: int = 8, height: int = 8, level: int = 0) -> bytes:
    """A grey PNG of one level, written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(bytes([0, *[level] * width]) * height)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def classes(folder: Path, each: int = 6) -> Path:
    """A folder of two classes."""
    for number, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for image in range(each):
            (folder / name / f"{image}.png").write_bytes(picture(level=10 * image + number))
    return folder


def rows(victim, *arguments: object) -> int:
    """How many rows a run makes of an input."""
    ended = victim.augtool("cutmix", *arguments, "--json", "--overwrite", "--out", "rows.h5")
    assert ended.code == 0, ended.err
    return int(json.loads(ended.out)["rows"])


def test_linked_files_are_read_only_when_that_is_asked_for(victim, place: Path) -> None:
    data = classes(place / "data")
    (place / "private.png").write_bytes(picture(level=200))
    (data / "cat" / "link.png").symlink_to(place / "private.png")
    assert rows(victim, "--in", data) == 12
    assert rows(victim, "--in", data, "--follow-links") == 13
    ended = victim.augtool("cutmix", "--in", data, "--out", "a.h5")
    assert "1 linked files are not read; use --follow-links" in ended.err
    assert "1 linked files (--follow-links)" in ended.err


def test_a_folder_that_the_user_names_may_be_a_link(victim, place: Path) -> None:
    classes(place / "data")
    (place / "alias").symlink_to(place / "data")
    assert rows(victim, "--in", place / "alias") == 12


def test_a_source_of_links_alone_is_refused_with_the_option(victim, place: Path) -> None:
    pool = classes(place / "pool")
    for name in ("cat", "dog"):
        (place / "data" / name).mkdir(parents=True)
        for image in range(3):
            target = pool / name / f"{image}.png"
            (place / "data" / name / f"{image}.png").symlink_to(target)
    ended = victim.augtool("cutmix", "--in", place / "data", "--out", "a.h5")
    assert ended.code == 2
    assert ended.err.count("\n") == 1 and "--follow-links" in ended.err
    assert rows(victim, "--in", place / "data", "--follow-links") == 6


def test_a_file_that_became_a_link_after_it_was_listed_is_not_followed(victim, place) -> None:
    data = classes(place / "data")
    victim.owns(data)
    rows(victim, "--in", data, "--listing", place / "victim" / "list")
    image = data / "cat" / "0.png"
    status = image.stat()
    image.rename(place / "moved.png")  # the same file, by a link with the same name
    folder = (data / "cat").stat()
    image.symlink_to(place / "moved.png")
    os.utime(data / "cat", ns=(folder.st_atime_ns, folder.st_mtime_ns))
    before = (data / "cat").stat().st_mtime_ns
    assert image.stat().st_mtime_ns == status.st_mtime_ns and before == folder.st_mtime_ns
    listing = place / "victim" / "list"
    ended = victim.augtool("cutmix", "--in", data, "--listing", listing, "--out", "b.h5")
    assert ended.code == 1
    assert "cat/0.png" in ended.err or "has changed" in ended.err


def test_a_linked_table_of_labels_is_not_read_and_nothing_of_it_is_told(victim, place) -> None:
    data = classes(place / "data")
    (place / "private.csv").write_text(f"{PRIVATE}\nsecond line\n")
    (data / "metadata.csv").symlink_to(place / "private.csv")
    ended = victim.augtool("cutmix", "--in", data, "--out", "a.h5")
    assert ended.code == 0, ended.err
    assert "metadata.csv: is a link, so it is not read" in ended.err
    assert PRIVATE not in ended.err


def test_linked_arrays_are_read_only_when_that_is_asked_for(victim, place: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "where = sys.argv[1]\n"
        "np.save(f'{where}/x_train.npy', np.zeros((8, 16, 16, 3), np.uint8))\n"
        "np.save(f'{where}/y_train.npy', np.arange(8) % 2)\n"
    )
    for name in ("pool", "data"):
        (place / name).mkdir()
        victim.owns(place / name)
    assert victim.python(program, place / "pool").code == 0
    for name in ("x_train.npy", "y_train.npy"):
        (place / "data" / name).symlink_to(place / "pool" / name)
    ended = victim.augtool("cutmix", "--in", place / "data", "--out", "a.h5")
    assert ended.code == 2 and "--follow-links" in ended.err
    assert rows(victim, "--in", place / "data", "--follow-links") == 8


@pytest.mark.parametrize("name", ["../outside.npy", "/etc/hostname", "a/../../outside.npy"])
def test_a_manifest_names_no_file_outside_of_its_folder(victim, name: str) -> None:
    ended = victim.augtool("cutmix", "--in", SAMPLE, "--out", "out", "--format", "npy")
    assert ended.code == 0, ended.err
    manifest = victim.home / "out" / ".augtool" / "manifest.json"
    said = json.loads(manifest.read_text())
    said["files"][name] = {"size": 1, "sha256": "0" * 64}
    manifest.write_text(json.dumps(said))
    ended = victim.augtool("verify", "out")
    assert ended.code == 1
    assert "which is not its own" in ended.err


def test_a_file_of_an_output_that_leads_elsewhere_is_not_read(victim, place: Path) -> None:
    ended = victim.augtool("cutmix", "--in", SAMPLE, "--out", "out", "--format", "npy")
    assert ended.code == 0, ended.err
    file = victim.home / "out" / "x_train.npy"
    file.rename(place / "elsewhere.npy")
    file.symlink_to(place / "elsewhere.npy")
    ended = victim.augtool("preview", "out", "--out", "p.png")
    assert ended.code != 0 and "leads out of the folder by a link" in ended.err
    assert victim.augtool("verify", "out").code == 1


@pytest.mark.parametrize(
    "line", ["max_pixels = 4000000000", "max_unpacked = 999999999999", "follow_links = true"]
)
def test_a_recipe_file_sets_no_limit_and_follows_no_link(victim, line: str) -> None:
    recipe = victim.home / "recipe.toml"
    recipe.write_text(f'[[steps]]\nmethod = "flip"\n[reading]\n{line}\n')
    ended = victim.augtool("mix", "--recipe", recipe, "--in", SAMPLE, "--out", "a.h5")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert f"--{line.partition(' =')[0].replace('_', '-')}" in ended.err
    assert not (victim.home / "a.h5").exists()


def test_a_recipe_file_names_no_other_file_by_its_path(victim, place: Path) -> None:
    (place / "private.txt").write_text(f"{PRIVATE}\n")
    recipe = victim.home / "recipe.toml"
    path = place / "private.txt"
    recipe.write_text(f'[[steps]]\nmethod = "flip"\n[sampling]\nrow_weights = "{path}"\n')
    ended = victim.augtool("mix", "--recipe", recipe, "--in", SAMPLE, "--out", "a.h5")
    assert ended.code == 2
    assert PRIVATE not in ended.err


def test_the_recipe_in_an_output_or_a_plan_raises_no_limit_and_follows_no_link(
    victim, place: Path
) -> None:
    data = classes(place / "data")
    (place / "big.png").write_bytes(picture(64, 64, 9))
    (data / "dog" / "link.png").symlink_to(place / "big.png")
    given = ("--in", data, "--size", "8", "--follow-links")
    assert victim.augtool("cutmix", *given, "--out", "a.h5").code == 0
    assert victim.augtool("plan", "cutmix", *given, "--out", "a.csv").code == 0
    for plan in ("a.h5", "a.csv"):
        ended = victim.augtool("render", plan, "--in", data, "--out", f"b{plan}.h5")
        assert ended.code == 2 and "13 rows, and --in has 12" in ended.err
        again = victim.augtool(
            "render", plan, "--in", data, "--follow-links", "--out", f"c{plan}.h5"
        )
        assert again.code == 0, again.err
        made = (victim.home / f"c{plan}.h5").read_bytes()
        assert made == (victim.home / "a.h5").read_bytes()
    assert victim.augtool("verify", "a.h5", "--in", data).code != 0
    assert victim.augtool("verify", "a.h5", "--in", data, "--follow-links").code == 0
    explained = victim.augtool("inspect", "a.h5", "--recipe")
    assert b"follow_links = false" in explained.out


@pytest.mark.parametrize("line", ['out = "mine.h5"', "overwrite = true"])
def test_a_config_needs_a_word_on_the_command_line_to_write(victim, line: str) -> None:
    (victim.home / "mine.h5").write_text("precious")
    (victim.home / "o.toml").write_text(line + "\n")
    given = ("--in", SAMPLE) if "out" in line else ("--in", SAMPLE, "--out", "mine.h5")
    ended = victim.augtool("cutmix", "--config", "o.toml", *given)
    assert ended.code == 2
    assert "on the command line" in ended.err or "exists already" in ended.err
    assert (victim.home / "mine.h5").read_text() == "precious"
    word = ("--out", "new.h5") if "out" in line else ("--overwrite",)
    assert victim.augtool("cutmix", "--config", "o.toml", *given, *word).code == 0


def test_each_limit_link_and_place_that_a_config_sets_is_told_even_when_quiet(victim) -> None:
    settings = 'max-pixels = 70000000\nfollow-links = true\nerrors = "e.jsonl"\nseed = 3\n'
    (victim.home / "o.toml").write_text(settings)
    classes(victim.home / "data")
    given = ("--config", "o.toml", "--in", "data", "-q")
    ended = victim.augtool("cutmix", *given, "--out", "a.h5")
    assert ended.code == 0, ended.err
    assert sorted(ended.err.splitlines()) == [
        "--config o.toml: sets --errors e.jsonl",
        "--config o.toml: sets --follow-links",
        "--config o.toml: sets --max-pixels 70000000",
    ]
    ended = victim.augtool("cutmix", *given, "--errors", "f.jsonl", "--out", "b.h5")
    assert "--errors" not in ended.err
