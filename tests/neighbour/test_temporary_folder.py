"""``TMPDIR`` may be long, and may be a folder in which others write: workers start all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

RUN = ("cutmix", "--in", "sample:?n=600&size=32", "--workers", 2, "--out")
SOCKETS = """
import os
from multiprocessing import forkserver
from augtool.system import child as isolate
isolate.start_server()
print(isolate.process_context().get_start_method())
print(forkserver._forkserver._forkserver_address)
print(isolate.in_child(os.getpid) != os.getpid())
"""


@pytest.fixture
def temporary(place: Path, victim) -> Path:
    """A folder of the victim's with a name short enough for sockets in it."""
    folder = place / "t"
    folder.mkdir()
    return victim.owns(folder)


def sockets(victim, temporary: Path, **environment: str) -> list[str]:
    """How processes are started, where the socket is, whether a child answers."""
    ended = victim.python(SOCKETS, env={"TMPDIR": str(temporary), **environment})
    assert ended.code == 0, ended.err
    return ended.out.decode().splitlines()


def long_folder(victim, letters: int) -> Path:
    folder = victim.home / "t"
    folder = folder.with_name("t" * (letters - len(str(victim.home)) - 1))
    folder.mkdir()
    assert len(str(folder)) == letters
    return victim.owns(folder)


@pytest.mark.parametrize("letters", [114, 150, 200])
def test_a_long_name_of_the_temporary_folder_changes_nothing(letters: int, victim) -> None:
    folder = long_folder(victim, letters)
    ended = victim.augtool(*RUN, "long.h5", env={"TMPDIR": str(folder)})
    assert ended.code == 0, ended.err
    assert victim.augtool(*RUN, "short.h5").code == 0
    long, short = ((victim.home / name).read_bytes() for name in ("long.h5", "short.h5"))
    assert long == short
    assert list(folder.iterdir()) == []


def test_every_length_of_the_name_will_do(victim) -> None:
    for letters in range(len(str(victim.home)) + 2, 125, 5):
        how, _, answers = sockets(victim, long_folder(victim, letters))
        assert (how, answers) == ("forkserver", "True")


def test_sockets_lie_in_the_first_folder_that_will_do(temporary: Path, victim) -> None:
    _, there, _ = sockets(victim, temporary)
    assert Path(there).is_relative_to(temporary)
    long = long_folder(victim, 114)
    _, there, _ = sockets(victim, long, XDG_RUNTIME_DIR=str(temporary))
    assert Path(there).is_relative_to(temporary)
    _, there, _ = sockets(victim, long)
    assert not Path(there).is_relative_to(long)
    assert list(temporary.iterdir()) == []


def test_a_temporary_folder_of_another_user_has_no_sockets(victim, neighbour, shared: Path) -> None:
    theirs = shared / "theirs"
    neighbour.act(lambda: (theirs.mkdir(), theirs.chmod(0o777)))
    _, there, answers = sockets(victim, theirs)
    assert not Path(there).is_relative_to(theirs)
    assert answers == "True"


def test_a_temporary_folder_without_the_sticky_bit_has_no_sockets(victim, shared: Path) -> None:
    open_ = shared / "open"
    open_.mkdir()
    victim.owns(open_, 0o777)
    _, there, answers = sockets(victim, open_)
    assert not Path(there).is_relative_to(open_)
    assert answers == "True"


def test_a_place_that_others_may_write_is_not_used_and_said_when_asked(victim) -> None:
    place = victim.home / "open"
    place.mkdir()
    victim.owns(place, 0o777)
    run = ("cutmix", "--in", "sample:?n=40&size=16", "--out")
    quiet = victim.augtool(*run, "a.h5", env={"TMPDIR": str(place)})
    told = victim.augtool(*run, "b.h5", "--verbose", env={"TMPDIR": str(place)})
    assert (quiet.code, told.code) == (0, 0), told.err
    said = f"{place}: may be written to by everybody; /tmp is used for temporary files"
    assert said not in quiet.err
    assert said in told.err
    assert not list(place.iterdir())
