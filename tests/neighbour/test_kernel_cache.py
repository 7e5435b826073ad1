"""Compiled kernels are taken only from where no other user can have put them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FOLDER = """
from augtool.kernels import _cache, unused_cache
print(_cache.trusted())
print(unused_cache())
"""


@pytest.fixture
def victim(plain_victim):
    return plain_victim


def cache(victim, umask: int = 0o022, **environment: str) -> tuple[str, str]:
    """The folder that is used, and why none is."""
    ended = victim.python(FOLDER, env=environment, umask=umask)
    assert ended.code == 0, ended.err
    used, why = ended.out.decode().splitlines()
    return used, why


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_the_cache_is_made_for_its_user_alone(umask: int, victim) -> None:
    used, why = cache(victim, umask)
    assert why == "None"
    assert Path(used).is_relative_to(victim.home / ".cache" / "augtool")
    for folder in (Path(used), Path(used).parent, victim.home / ".cache"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert cache(victim) == (used, "None")


def test_a_cache_of_another_user_is_not_used(victim, neighbour, shared: Path) -> None:
    theirs = shared / "cache"
    neighbour.act(lambda: (theirs.mkdir(), theirs.chmod(0o777)))
    for variable in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        used, why = cache(victim, **{variable: str(theirs)})
        assert used == "None"
        assert str(theirs) in why


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o722])
def test_a_cache_that_others_may_write_is_not_used(mode: int, victim) -> None:
    folder = victim.home / "open"
    folder.mkdir()
    victim.owns(folder, mode)
    used, why = cache(victim, NUMBA_CACHE_DIR=str(folder / "in"))
    assert (used, "open can be written by other users" in why) == ("None", True)


def test_a_link_of_another_user_is_not_followed(victim, neighbour, shared: Path) -> None:
    good = victim.home / "good"
    neighbour.act(lambda: (shared / "cache").symlink_to(good))
    used, why = cache(victim, NUMBA_CACHE_DIR=str(shared / "cache"))
    assert (used, "link of another user" in why) == ("None", True)


def test_a_users_own_link_is_followed(victim) -> None:
    (victim.home / "scratch").mkdir()
    (victim.home / ".cache").symlink_to("scratch")
    victim.owns(victim.home)
    used, why = cache(victim)
    assert (used, why) != ("None", "None")
    assert any((victim.home / "scratch").rglob("kernels-*"))


def test_a_file_of_another_user_in_it_is_not_used(victim, neighbour, shared: Path) -> None:
    used, _ = cache(victim)
    neighbour.act(lambda: (shared / "x.nbi").write_bytes(b"\x80"))
    victim.act(lambda: Path(used).chmod(0o755))
    shutil.move(shared / "x.nbi", Path(used) / "x.nbi")
    assert cache(victim) == ("None", f"{used}/x.nbi belongs to another user")


def test_a_relative_cache_home_is_ignored(victim) -> None:
    used, _ = cache(victim, XDG_CACHE_HOME="here")
    assert Path(used).is_relative_to(victim.home / ".cache")
    assert not (victim.home / "here").exists()


def test_a_run_does_without_and_says_so_when_asked(victim, neighbour, shared: Path) -> None:
    theirs = shared / "cache"
    neighbour.act(lambda: (theirs.mkdir(), theirs.chmod(0o777)))
    run = ("cutmix", "--in", "sample:?n=20&size=8", "--verbose", "--out")
    with_it = victim.augtool(*run, "a.h5")
    without = victim.augtool(*run, "b.h5", env={"NUMBA_CACHE_DIR": str(theirs)})
    assert (with_it.code, without.code) == (0, 0), without.err
    assert "without the cache" not in with_it.err
    assert f"kernels were compiled without the cache: {theirs} belongs to another" in without.err
    assert list(theirs.iterdir()) == []
    assert (victim.home / "a.h5").read_bytes() == (victim.home / "b.h5").read_bytes()
