"""Nothing that a command reads is ever written over, and no file that augtool did not make."""

from __future__ import annotations

import hashlib
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

SAMPLE = "sample:?n=40&size=16"
PAGES = "sample:?n=40&size=16&masks=yes"


def tree(folder: Path, apart: tuple[str, ...] = ()) -> dict[str, object]:
    """Content, mode and kind of everything below a folder, save what begins with ``apart``."""
    found: dict[str, object] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            below = path.relative_to(folder).as_posix()
            if below.startswith(apart or ("\0",)):
                continue
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                found[below] = ("link", str(path.readlink()))
            elif stat.S_ISDIR(status.st_mode):
                found[below] = ("folder", status.st_mode)
            else:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                found[below] = (status.st_mode, status.st_ino, content)
    return found


@pytest.fixture
def images(victim) -> Path:
    """Images with a table of labels, masks, a recipe, a config, and other files that runs read."""
    home = victim.home
    made = victim.python(
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "rng = np.random.default_rng(0)\n"
        "for name in ('cat', 'dog'):\n"
        "    for top in ('data', 'masks'):\n"
        "        Path(top, name).mkdir(parents=True)\n"
        "    for row in range(12):\n"
        "        Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save("
        "f'data/{name}/{row}.png')\n"
        "        Image.fromarray(rng.integers(0, 3, (8, 8), np.uint8)).save("
        "f'masks/{name}/{row}.png')\n"
        "Path('flat').mkdir()\n"
        "for row in range(12):\n"
        "    Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(f'flat/{row}.png')\n"
        "Path('lab.csv').write_text('name,label\\n' + ''.join("
        "f'{row}.png,{row % 2}\\n' for row in range(12)))\n"
        "Path('recipe.toml').write_text('[[steps]]\\nmethod = \"cutmix\"\\n')\n"
        "Path('config.toml').write_text('seed = 3\\n')\n"
        "Path('classes.txt').write_text('cat\\ndog\\n')\n"
        "names = [f'{name}/{row}.png' for name in ('cat', 'dog') for row in range(12)]\n"
        "Path('rows.txt').write_text(''.join(f'{one}\\n' for one in names))\n"
        "lines = [f'{one},1\\n' for one in names]\n"
        "Path('weights.csv').write_text('name,weight\\n' + ''.join(lines))\n"
    )
    assert made.code == 0, made.err
    return home


LABELLED = ("cutmix", "--in", "flat", "--labels", "lab.csv")
CASES = {
    "errors on labels": (*LABELLED, "--out", "o.h5", "--errors", "lab.csv"),
    "errors on labels, spelt": (*LABELLED, "--out", "o.h5", "--errors", "data/../lab.csv"),
    "errors on labels by a link": (*LABELLED, "--out", "o.h5", "--errors", "alias.csv"),
    "errors on labels by a hard link": (*LABELLED, "--out", "o.h5", "--errors", "hard.csv"),
    "errors on a recipe": (
        *("mix", "--recipe", "recipe.toml", "--in", "data", "--out", "o.h5"),
        *("--errors", "recipe.toml"),
    ),
    "errors on a config": (
        *("cutmix", "--config", "config.toml", "--in", "data", "--out", "o.h5"),
        *("--errors", "config.toml"),
    ),
    "errors on classes": (
        *("cutmix", "--classes", "classes.txt", "--in", "data", "--out", "o.h5"),
        *("--errors", "classes.txt"),
    ),
    "errors on rows": (
        *("cutmix", "--rows", "rows.txt", "--in", "data", "--out", "o.h5"),
        *("--errors", "rows.txt"),
    ),
    "errors on weights": (
        *("cutmix", "--row-weights", "weights.csv", "--in", "data", "--out", "o.h5"),
        *("--errors", "weights.csv"),
    ),
    "errors on groups": (
        *("cutmix", "--group-by", "weights.csv", "--pair", "other-group", "--in", "data"),
        *("--out", "o.h5", "--errors", "weights.csv"),
    ),
    "errors in the masks": (
        *("cutmix", "--in", "data", "--masks", "masks", "--out", "o.h5"),
        *("--errors", "masks/cat/0.png"),
    ),
    "preview on a mask": (
        *("cutmix", "--in", "data", "--masks", "masks", "--out", "o.h5"),
        *("--preview", "masks/cat/0.png"),
    ),
    "preview on an image": ("preview", "data", "--out", "data/cat/0.png"),
    "preview on a font": ("preview", "data", "--font", "font.png", "--out", "font.png"),
    "figure on a second image": (
        *("figure", "--in", "data/cat/0.png", "--in", "data/dog/0.png"),
        *("--out", "data/dog/0.png"),
    ),
    "plan on its labels": ("plan", *LABELLED, "--out", "lab.csv"),
    "plan on its weights": (
        *("plan", "cutmix", "--in", "data", "--row-weights", "weights.csv"),
        *("--out", "weights.csv"),
    ),
    "holdout on the plan of render": ("render", "old.h5", "--in", "data", "--out", "old.h5"),
    "merge into a part": ("merge", "old.h5", "other.h5", "--out", "other.h5"),
    "merge into the folder of the parts": ("merge", "shards", "--out", "shards/m.h5"),
    "out on the labels, by a link": (*LABELLED, "--out", "link-to-old.h5", "--labels", "lab.csv"),
    "input inside the output": (
        *("cutmix", "--in", "out/data", "--out", "out", "--format", "folder"),
    ),
    "input a file inside the output": (
        *("cutmix", "--in", "shards/0.h5", "--out", "shards", "--format", "hdf5"),
    ),
    "validation over the input": (
        *("cutmix", "--in", "old.h5", "--holdout", "0.2", "--out", "o.h5"),
        *("--holdout-out", "old.h5"),
    ),
    "a linked image of the input": ("cutmix", "--in", "linked", "--out", "old.tar"),
    "errors on the output": ("cutmix", "--in", "data", "--out", "o.h5", "--errors", "o.h5"),
    "errors on the validation": (
        *("cutmix", "--in", "data", "--holdout", "0.2", "--out", "o.h5"),
        *("--errors", "o-validation.h5"),
    ),
    "preview in the output": (
        *("cutmix", "--in", "data", "--out", "shards", "--format", "hdf5"),
        *("--preview", "shards/p.png"),
    ),
    "listing on the output": (*("cutmix", "--in", "data", "--out", "o.h5", "--listing", "o.h5"),),
    "unpacked in the input": (
        *("cutmix", "--in", "data", "--out", "o.h5", "--scratch", "data/cat"),
    ),
}


@pytest.fixture
def more(images: Path, victim) -> Path:
    """Outputs, links and odd files beside the images."""
    for arguments in (
        ("cutmix", "--in", "data", "--out", "old.h5"),
        ("cutmix", "--in", "data", "--out", "other.h5", "--seed", "1"),
        ("cutmix", "--in", "data", "--out", "shards", "--format", "hdf5", "--shards", "2"),
        ("cutmix", "--in", "data", "--out", "old.tar"),
    ):
        assert victim.augtool(*arguments, "-q").code == 0

    def link() -> None:
        (images / "alias.csv").symlink_to("lab.csv")
        (images / "hard.csv").hardlink_to(images / "lab.csv")
        (images / "link-to-old.h5").symlink_to("lab.csv")
        (images / "font.png").write_bytes(b"no font")
        (images / "linked" / "cat").mkdir(parents=True)
        (images / "linked" / "cat" / "0.png").symlink_to("../../old.tar")
        first = next((images / "shards").glob("*.h5"))
        first.rename(first.with_name("0.h5"))
        (images / "out" / "data").mkdir(parents=True)
        (images / "out" / "data" / "x.png").write_bytes(b"x")

    victim.act(link)
    return images


def test_what_is_read_is_never_written_over(more: Path, victim) -> None:
    before = tree(more)
    for name, arguments in CASES.items():
        for overwrite in ((), ("--overwrite",)):
            ended = victim.augtool(*arguments, *overwrite)
            assert ended.code == 2, (name, overwrite, ended.err)
            assert ended.err.count("\n") == 1, (name, ended.err)
            assert tree(more) == before, name


def test_the_line_names_both(images: Path, victim) -> None:
    said = victim.augtool(*CASES["errors on labels"]).err
    assert said == (
        "augtool: --errors lab.csv: --labels lab.csv reads it; choose another --errors\n"
    )


def test_a_stream_is_not_written_into_its_own_input(more: Path, victim) -> None:
    before = tree(more)
    with (more / "old.tar").open("ab") as stream:
        arguments = ("cutmix", "--in", "old.tar", "--format", "tar", "--out", "-")
        ended = victim.augtool(*arguments, stdout=stream)
    assert ended.code == 2
    assert "reads the file that stdout is" in ended.err
    assert tree(more) == before


@pytest.mark.parametrize("option", ["--errors", "--preview"])
def test_a_report_or_picture_replaces_only_its_like(images: Path, victim, option: str) -> None:
    name = "mine.png"
    (images / name).write_bytes(b"mine")
    victim.owns(images / name)
    run = ("cutmix", "--in", "data", "--out", "o.h5", option, name)
    ended = victim.augtool(*run)
    assert ended.code == 2
    assert "exists already" in ended.err
    assert (images / name).read_bytes() == b"mine"
    assert not (images / "o.h5").exists()
    assert victim.augtool(*run, "--overwrite").code == 0
    ours = (images / name).read_bytes()
    assert ours != b"mine"
    (images / "o.h5").unlink()
    assert victim.augtool(*run).code == 0  # an older one of its own
    assert (images / name).read_bytes() == ours


@pytest.mark.parametrize("command", ["preview", "figure"])
def test_a_picture_of_the_user_is_not_replaced(images: Path, victim, command: str) -> None:
    before = (images / "masks" / "cat" / "0.png").read_bytes()
    source = ("data",) if command == "preview" else ("--in", "data", "--methods", "cutmix")
    run = (command, *source, "--out", "masks/cat/0.png")
    ended = victim.augtool(*run)
    assert ended.code == 2
    assert "masks/cat/0.png: exists already" in ended.err
    assert (images / "masks" / "cat" / "0.png").read_bytes() == before
    assert victim.augtool(*run, "--overwrite").code == 0
    assert victim.augtool(*run).code == 0


def test_the_users_own_files_in_an_output_stay(images: Path, victim) -> None:
    run = ("cutmix", "--in", "data", "--out", "made", "--format", "hdf5", "--shards", "2", "-q")
    assert victim.augtool(*run).code == 0

    def add() -> None:
        (images / "made" / "models").mkdir()
        (images / "made" / "models" / "best.pt").write_bytes(b"weights")
        for number in range(6):
            (images / "made" / f"notes{number}.txt").write_text("mine")

    victim.act(add)
    before = tree(images)
    for more_options in (("--overwrite",), ("--overwrite", "--resume")):
        ended = victim.augtool(*run, *more_options)
        assert ended.code == 2
        assert ended.err == (
            "augtool: made: holds what augtool has not made (models/best.pt, notes0.txt, "
            "notes1.txt, notes2.txt, notes3.txt, …); move it elsewhere, or choose another --out\n"
        )
        assert tree(images) == before
    for name in (*(f"notes{number}.txt" for number in range(6)), "models/best.pt"):
        (images / "made" / name).unlink()
    assert victim.augtool(*run, "--overwrite").code == 2  # an empty folder is the user's, too
    (images / "made" / "models").rmdir()
    assert victim.augtool(*run, "--overwrite").code == 0


def _around(home: Path, rng: random.Random) -> Iterator[str]:
    """A random tree around and, at times, in the output ``x/made``; the names of what is in it."""
    folders = [home, home / "x", home / "x" / "made"]
    for number in range(rng.randint(3, 9)):
        place = rng.choice(folders) / rng.choice(["a", "b", ".c", "train", "images.npy", "n.txt"])
        if os.path.lexists(place):
            continue
        kind = rng.choice(["file", "file", "folder", "link", "dangling", "hard"])
        if kind == "folder":
            place.mkdir()
            folders.append(place)
        elif kind == "link":
            place.symlink_to(rng.choice(folders))
        elif kind == "dangling":
            place.symlink_to("nowhere")
        elif kind == "hard" and (home / "hard").exists():
            place.hardlink_to(home / "hard")
        else:
            place.write_bytes(b"%d" % number)
            place.chmod(rng.choice([0o600, 0o640, 0o444]))
        yield place.relative_to(home).as_posix()


@pytest.mark.parametrize("seed", range(6))
def test_all_around_an_output_stays_as_it_was(images: Path, victim, seed: int) -> None:
    rng = random.Random(seed)
    (images / "x").mkdir()
    (images / "hard").write_bytes(b"hard")
    victim.owns(images)
    format_ = rng.choice(["npy", "hdf5", "tar"])
    run = ("cutmix", "--in", "data", "--out", "x/made", "--format", format_, "-q")
    assert victim.augtool(*run).code == 0
    made = tuple(f"x/made/{one}" for one in tree(images / "x" / "made"))
    names: list[str] = []
    victim.act(lambda: names.extend(_around(images, rng)))
    before = tree(images, made)
    inside = sum(one.startswith("x/made/") for one in before)
    broken = images / "data" / "cat" / "0.png"
    good = broken.read_bytes()
    for options, content in (
        (("--overwrite",), good),
        (("--overwrite", "--errors", "x/e.jsonl", "--on-error", "skip"), good[:40]),
        (("--overwrite",), good[:40]),
        ((), good),
        (("--resume", "--overwrite"), good),
    ):
        broken.write_bytes(content)
        ended = victim.augtool(*run, *options)
        assert ended.code in (0, 1, 2, 3), ended.err
        assert ended.code == 2 or not inside, ended.err
        broken.write_bytes(good)
        (images / "x" / "e.jsonl").unlink(missing_ok=True)
        assert tree(images, made) == before
