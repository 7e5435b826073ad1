"""The work folder of a run: nobody else's, never a link, and nothing in it is run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest

INPUT = "sample:?n=40&size=16"
MARK_TEXT = "augtool keeps the files of an unfinished run here.\n"


def tree(folder: Path, but: Path | None = None) -> dict[str, tuple[int, int, object]]:
    """All that is in a folder: mode, inode, and content or target; without ``but`` and below."""
    found: dict[str, tuple[int, int, object]] = {}
    for place, names, files in os.walk(folder):
        for name in [*names, *files]:
            path = Path(place, name)
            if but is not None and (path == but or but in path.parents):
                continue
            status = path.lstat()
            content: object = None
            if stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            elif stat.S_ISLNK(status.st_mode):
                content = path.readlink()
            found[str(path)] = status.st_mode, status.st_ino, content
    return found


@pytest.fixture
def data(victim) -> Path:
    """A folder of the victim's, with a thing that must stay in it."""
    folder = victim.home / "data"
    folder.mkdir()
    (folder / "thesis.txt").write_text("five years")
    return victim.owns(folder, 0o755)


def run(victim, output: Path, *more: object, **given):
    return victim.augtool("cutmix", "--in", INPUT, "--out", output, *more, timeout=60, **given)


WAYS = [(), ("--overwrite",), ("--resume",), ("--resume", "--overwrite")]


@pytest.mark.parametrize("way", WAYS)
def test_a_link_in_its_place_is_refused_by_name_and_not_followed(victim, data: Path, way) -> None:
    place = victim.home / "out"
    place.mkdir()
    (place / ".a.h5.augtool").symlink_to(data)
    victim.owns(place)
    before = tree(victim.home)
    ended = run(victim, place / "a.h5", *way)
    assert ended.code == 2
    assert f"{place / '.a.h5.augtool'}: is a link" in ended.err
    assert ended.err.count("\n") == 1
    assert tree(victim.home) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_augtool_has_not_made_is_never_emptied(victim, way) -> None:
    place = victim.home / "out"
    theirs = place / ".a.h5.augtool"
    theirs.mkdir(parents=True)
    (theirs / "lock").write_text("the combination is 4711")
    (theirs / "output").write_text("ten years")
    victim.owns(place)
    theirs.chmod(0o700)
    before = tree(victim.home)
    ended = run(victim, place / "a.h5", *way)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"{theirs}: is a folder that augtool has not made" in ended.err
    assert tree(victim.home) == before


@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_what_is_no_folder_is_refused_and_keeps_nobody_waiting(victim, kind: str) -> None:
    place = victim.home / "out"
    place.mkdir()
    theirs = place / ".a.h5.augtool"
    theirs.write_text("mine") if kind == "file" else os.mkfifo(theirs)
    victim.owns(place)
    before = tree(place)
    ended = run(victim, place / "a.h5", "--overwrite")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"{theirs}: is not a folder" in ended.err
    assert tree(place) == before


def work_folder(victim, output: Path) -> Path:
    """A work folder as a run that was killed leaves it, with nothing in it yet."""
    folder = output.parent / f".{output.name}.augtool"
    folder.mkdir(parents=True)
    (folder / "augtool-work").write_text(MARK_TEXT)
    victim.owns(output.parent)
    folder.chmod(0o700)
    return folder


@pytest.mark.parametrize("name", ["lock", "journal", "output", "pieces-0", "augtool-work"])
@pytest.mark.parametrize("kind", ["link", "fifo", "hard link"])
def test_links_and_fifos_inside_are_refused_by_name(
    victim, data: Path, name: str, kind: str
) -> None:
    output = victim.home / "out" / "a.h5"
    folder = work_folder(victim, output)
    (folder / name).unlink(missing_ok=True)
    if kind == "link":
        (folder / name).symlink_to(data / "thesis.txt")
    elif kind == "fifo":
        os.mkfifo(folder / name)
    else:
        os.link(data / "thesis.txt", folder / name)
    victim.owns(folder)
    before = tree(data)
    for way in WAYS:
        ended = run(victim, output, *way)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert str(folder / name) in ended.err
        assert tree(data) == before
        assert not output.exists()


def test_a_folder_of_the_neighbours_is_refused(victim, neighbour, shared: Path) -> None:
    folder = work_folder(neighbour, shared / "theirs" / "a.h5")
    shutil.move(folder, shared / ".a.h5.augtool")
    (shared / ".a.h5.augtool").chmod(0o777)
    ended = run(victim, shared / "a.h5", "--resume")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "belongs to another user" in ended.err
    assert not (shared / "a.h5").exists()


def test_a_folder_that_the_group_may_write_to_is_refused(victim) -> None:
    output = victim.home / "out" / "a.h5"
    folder = work_folder(victim, output)
    folder.chmod(0o770)
    before = tree(folder)
    ended = run(victim, output, "--resume")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "may be written to by other users" in ended.err
    assert tree(folder) == before


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_it_is_for_its_user_alone_under_any_umask(victim, umask: int) -> None:
    output = victim.home / "a.h5"
    process = victim.start(
        "cutmix", "--in", "sample:?n=3000&size=96", "--out", output, "--workers", 1, umask=umask
    )
    folder = victim.home / ".a.h5.augtool"
    while not (folder / "output").exists():
        assert process.poll() is None
    assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    assert folder.lstat().st_uid == victim.uid
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_no_pickle_lies_in_the_work_folder(victim) -> None:
    process = victim.start(
        "cutmix", "--in", "sample:?n=3000&size=96", "--out", victim.home / "a.h5", "--workers", 1
    )
    folder = victim.home / ".a.h5.augtool"
    while not (folder / "journal").exists() or not (folder / "journal").read_bytes().count(b"\n"):
        assert process.poll() is None
    names = {path.name for path in folder.iterdir()}
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    plain = {"augtool-work", "journal", "lock", "output", "source"}
    assert {name for name in names if not name.startswith(("workers-", "kept-"))} <= plain
    assert all(name.endswith(".npy") for name in names if name.startswith("kept-"))


def test_a_neighbour_who_moves_the_work_folder_away_changes_nothing(
    victim, neighbour, shared: Path
) -> None:
    shared.chmod(0o777)  # where everybody may rename what is everybody's
    whole = victim.home / "whole.h5"
    many = ("--in", "sample:?n=3000&size=64", "--workers", 1)
    assert victim.augtool("cutmix", *many, "--out", whole).code == 0
    process = victim.start("cutmix", *many, "--out", shared / "a.h5")
    folder = shared / ".a.h5.augtool"
    while not (folder / "output").exists():
        assert process.poll() is None

    def exchange() -> None:
        folder.rename(shared / "away")
        folder.mkdir()
        (folder / "output").write_text("not what you think")

    neighbour.act(exchange)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert b"was moved or exchanged while the run worked in it" in err
    assert not (shared / "a.h5").exists()
    assert (folder / "output").read_text() == "not what you think"


WITHOUT = """
import os, sys
sys.modules["fcntl"] = None
for name in ("O_NOFOLLOW", "O_DIRECTORY"):
    delattr(os, name)
os.supports_dir_fd = set()
os.supports_fd = set()
from augtool_cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("workers", ["auto", 1])
def test_without_descriptors_and_locks_the_main_job_still_runs(victim, workers) -> None:
    plain, without = victim.home / "a.h5", victim.home / "b.h5"
    job = ("cutmix", "--in", INPUT, "--workers", workers, "--out")
    assert victim.augtool(*job, plain).code == 0
    ended = victim.python(WITHOUT, *job, without)
    assert ended.code == 0, ended.err
    assert without.read_bytes() == plain.read_bytes()
    assert sorted(path.name for path in victim.home.iterdir()) == ["a.h5", "b.h5", "tmp"]


def planted(rng: random.Random, folder: Path, targets: list[Path], depth: int = 2) -> None:
    """A random tree of files, links, hard links, FIFOs and folders."""
    folder.mkdir(exist_ok=True)
    for name in rng.sample(NAMES, rng.randint(0, 5)):
        path = folder / name
        kind = rng.choice(["file", "link", "hard link", "fifo", "folder", "dangling"])
        if kind == "file":
            path.write_bytes(rng.randbytes(rng.randint(0, 60)))
        elif kind == "link":
            path.symlink_to(rng.choice(targets))
        elif kind == "hard link":
            os.link(rng.choice([one for one in targets if one.is_file()]), path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "dangling":
            path.symlink_to("nowhere")
        elif depth:
            planted(rng, path, targets, depth - 1)
        if kind in ("file", "folder") and path.exists():
            path.chmod(rng.choice([0o600, 0o644, 0o700, 0o755]))
    if rng.random() < 0.5 and not os.path.lexists(folder / "augtool-work"):
        (folder / "augtool-work").write_text(MARK_TEXT)
    folder.chmod(rng.choice([0o700, 0o700, 0o755, 0o770]))


NAMES = ["lock", "journal", "output", "pieces-0", "source", "replaced", "workers-1", "kept-1", "x"]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_around_it_no_path_outside_changes(victim, seed: int) -> None:
    rng = random.Random(seed)
    outside, place = victim.home / "outside", victim.home / "out"
    outside.mkdir()
    place.mkdir()
    for name in ("a.txt", "b.h5"):
        (outside / name).write_bytes(rng.randbytes(50))
        (outside / name).chmod(rng.choice([0o600, 0o644, 0o664]))
    (outside / "below").mkdir()
    (outside / "below" / "c.txt").write_text("c")
    targets = [outside / "a.txt", outside / "b.h5", outside, outside / "below"]
    work, output = place / ".a.h5.augtool", place / "a.h5"
    if rng.random() < 0.3:
        work.symlink_to(rng.choice(targets))
    elif rng.random() < 0.9:
        planted(rng, work, targets)
    for name in ("note", ".b.h5.augtool"):
        if rng.random() < 0.5:
            planted(rng, place / name, targets)
    victim.owns(victim.home)
    before, inside = tree(victim.home, work), tree(place)
    way = rng.choice([*WAYS, ("--workers", 1), ("--size", "zero")])
    process = victim.start("cutmix", "--in", INPUT, "--out", output, *way)
    if rng.random() < 0.3:
        time.sleep(rng.random() / 2)  # wherever it is by then
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    after = tree(victim.home, work)
    for path in [one for one in after if one.startswith((str(output), str(victim.home / "tmp")))]:
        del after[path]
    swept = {one for one in before if one.startswith(str(place / ".b.h5.augtool"))}
    marked = before.get(str(place / ".b.h5.augtool" / "augtool-work"))
    if marked is not None and marked[2] == MARK_TEXT.encode():  # by its mark it is augtool's
        before = {path: each for path, each in before.items() if path not in swept - set(after)}
    assert after == {
        path: each for path, each in before.items() if not path.startswith(str(victim.home / "tmp"))
    }
    if process.returncode == 2:
        there = tree(place)
        assert {path: there.get(path) for path in inside if path in before} == {
            path: each for path, each in inside.items() if path in before
        }
