"""An output that is a mount is written into; a link to a folder is found before the first row."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

AUG = str(Path(sys.executable).with_name("augtool"))
RUN = ("cutmix", "--in", "sample:?n=40&size=16", "-q")
INTO = (*RUN, "--out", "mnt", "--format", "hdf5", "--shards", "2")


@pytest.fixture(params=["tmpfs", "bind"])
def mounted(request: pytest.FixtureRequest, victim):
    """Runs shell lines as root in a mount namespace of their own, where ``mnt`` is a mount."""
    home = victim.home
    (home / "mnt").mkdir()
    (home / "kept").mkdir()
    kind = {"tmpfs": "mount -t tmpfs none mnt", "bind": "mount --bind kept mnt"}[request.param]
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", kind], cwd=home, capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("needs mounts: run as root")

    def run(*lines: str) -> subprocess.CompletedProcess[str]:
        script = "\n".join((f"{kind} || exit 99", *lines))
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            cwd=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env=victim.environment(),
        )

    return run


def line(*arguments: object) -> str:
    return shlex.join([AUG, *map(str, arguments)])


def program(text: str, *arguments: object) -> str:
    return shlex.join([sys.executable, "-c", text, *map(str, arguments)])


def test_a_mount_is_written_into(mounted) -> None:
    ended = mounted(line(*INTO), "echo $?", line("verify", "mnt"), "echo $?", "ls -A mnt")
    codes_and_names = ended.stdout.split()
    assert codes_and_names[:2] == ["0", "0"], ended.stderr
    names = codes_and_names[2:]
    assert ".augtool" in names
    assert not [name for name in names if "work" in name]
    assert len(names) == 3


def test_it_is_replaced_only_when_asked_for_and_by_its_own_files(mounted) -> None:
    ended = mounted(
        line(*INTO),
        line(*INTO),
        "echo $?",
        line(*INTO[:-1], 3, "--overwrite"),
        "echo $?",
        line("verify", "mnt"),
        "echo $?",
        "echo mine > mnt/notes.txt",
        line(*INTO, "--overwrite"),
        "echo $?",
        "cat mnt/notes.txt",
        "ls mnt | wc -l",
    )
    assert ended.stdout.split() == ["2", "0", "0", "2", "mine", "4"], ended.stderr
    assert "exists already" in ended.stderr
    assert "holds what augtool has not made (notes.txt)" in ended.stderr


def test_a_mount_with_other_files_in_it_is_refused_at_once(mounted) -> None:
    ended = mounted("echo mine > mnt/notes.txt", line(*INTO), "echo $?", "ls -A mnt")
    assert ended.stdout.split() == ["2", "notes.txt"]
    assert "is a folder that augtool has not made" in ended.stderr


# The command, ended by SIGKILL after so many of its files have moved.
KILLED = """
import os, signal, sys
from augtool.system import publishing
move, left = publishing._move, [int(sys.argv[1])]

def moved(*where):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    move(*where)

publishing._move = moved
from augtool_cli.main import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_what_is_killed_between_two_moves_is_no_output_and_is_ended_by_resume(
    mounted, moves: int
) -> None:
    ended = mounted(
        program(KILLED, moves, *INTO) + " 2>&1",
        line("verify", "mnt") + " 2>&1; echo $?",
        line(*INTO) + "; echo $?",
        line(*INTO, "--resume") + "; echo $?",
        line("verify", "mnt") + " 2>&1; echo $?",
        "ls -A mnt | wc -l",
    )
    said = ended.stdout.splitlines()
    assert said[-1] == "3", (said, ended.stderr)
    assert [one for one in said if one in "0123"][:4] == ["1", "2", "0", "0"], (said, ended.stderr)
    assert "go on with --resume" in ended.stderr


@pytest.mark.parametrize("moves", [1, 3, 4, 5])
def test_an_older_output_is_back_when_its_replacement_was_killed(mounted, moves: int) -> None:
    ended = mounted(
        line(*INTO),
        "(cd mnt && find . -type f | sort | xargs sha256sum) > before",
        program(KILLED, moves, *INTO, "--seed", 1, "--overwrite") + " 2>&1",
        line(*INTO, "--seed", 2) + "; echo $?",
        "(cd mnt && find . -path ./.work.augtool -prune -o -type f -print | sort"
        " | xargs sha256sum) > after",
        "cmp before after && echo same",
        line(*INTO, "--seed", 1, "--overwrite", "--resume") + "; echo $?",
        line("verify", "mnt") + " 2>&1; echo $?",
        "ls -A mnt | wc -l",
    )
    said = ended.stdout.splitlines()
    assert "same" in said, (said, ended.stderr)
    assert said[-1] == "3", (said, ended.stderr)
    assert [one for one in said if one in "012"] == ["2", "0", "0"], (said, ended.stderr)


def test_a_file_that_is_a_mount_is_refused_at_once(mounted) -> None:
    ended = mounted(
        "touch file m.h5 && mount --bind file m.h5",
        line(*RUN, "--out", "m.h5", "--overwrite"),
        "echo $?",
    )
    assert ended.stdout.split() == ["2"]
    assert "is a mount, which nothing can replace" in ended.stderr


@pytest.mark.parametrize("goal", ["folder", "nowhere"])
def test_a_link_to_a_folder_is_named_with_what_it_leads_to(victim, goal: str) -> None:
    def link() -> None:
        (victim.home / "folder").mkdir()
        (victim.home / "link").symlink_to(goal)

    victim.act(link)
    ended = victim.augtool(*RUN, "--out", "link", "--format", "hdf5", "--overwrite")
    assert ended.code == 2
    real = Path(victim.home).resolve() / goal
    assert ended.err == (
        f"augtool: link: is a link; give the folder that it leads to, --out {real}\n"
    )
    assert list((victim.home / "folder").iterdir()) == []
