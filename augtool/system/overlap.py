"""Whether a run would write over what it reads.

Everything that is read is compared with everything that is written, once, before any work: by what
the system says a file is (device and inode), so that spelling, links and mounts hide nothing.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from augtool.errors import UsageError

Id = tuple[int, int]

_SCHEME = re.compile("[a-z]{2,}:")  # sample:
_FILES = (".csv", ".txt", ".npy")  # else a group, weight or list of rows is a key of the source
_PIN = re.compile("#[0-9a-f]{16}$")


@dataclass(frozen=True)
class Place:
    """A path with the option that names it.

    replaced
        What stands there is replaced, and a folder with all that is in it; a place that is not
        replaced (a scratch folder) only gets new files.
    """

    option: str
    path: str
    replaced: bool = True

    def __str__(self) -> str:
        return f"{self.option} {self.path}".lstrip()


def check(read: Iterable[Place], written: Sequence[Place]) -> None:
    """Raise `UsageError` when a place that is ``written`` is one that is ``read``, lies inside one,
    or is a folder to be replaced with one inside it."""
    inputs = [one for one in read if _is_path(one.path)]
    ids: dict[Id, Place] = {}
    for one in inputs:
        number = _id(one.path)
        if number is not None:
            ids.setdefault(number, one)
    names = {os.path.realpath(one.path): one for one in inputs if _id(one.path) is None}
    for target in written:
        _check_inside(target, ids, names)
        if target.replaced:
            _check_around(target, inputs)


def check_stdout(read: Iterable[Place]) -> None:
    """Raise `UsageError` when stdout is a file that is ``read``."""
    try:
        status = os.fstat(sys.__stdout__.fileno() if sys.__stdout__ is not None else 1)
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(status.st_mode):
        return
    for one in read:
        if _is_path(one.path) and _id(one.path) == (status.st_dev, status.st_ino):
            raise UsageError(f"--out -: {one} reads the file that stdout is; write to another one")


def tables(*named: tuple[str, str | None]) -> list[Place]:
    """The files among values of ``--rows``, ``--group-by`` and ``--row-weights``, which may be keys
    of the source instead."""
    plain = [(option, _PIN.sub("", value)) for option, value in named if value is not None]
    return [
        Place(option, value)
        for option, value in plain
        if option == "--rows" or Path(value).suffix.lower() in _FILES
    ]


def _check_inside(target: Place, ids: dict[Id, Place], names: dict[str, Place]) -> None:
    """Raise when a place is one of those that are read, or inside one."""
    real = os.path.realpath(target.path)
    spelt = _absolute(target.path)
    for path in dict.fromkeys((*_upwards(real), *_upwards(spelt))):
        number = _id(path)
        reads = names.get(path) or (None if number is None else ids.get(number))
        if reads is None:
            continue
        same = path in (real, spelt)
        what = f"{reads} reads it" if same else f"lies inside {reads}"
        raise UsageError(f"{target}: {what}; choose another {_noun(target)}")


def _check_around(target: Place, read: Sequence[Place]) -> None:
    """Raise when something that is read is inside a folder that is to be replaced."""
    number = _id(target.path)
    if number is None or not Path(target.path).is_dir():
        return
    above: dict[str, Place] = {}  # many inputs lie in one folder
    for one in read:
        path = _absolute(one.path)
        above.setdefault(str(Path(path).parent), one)
        if Path(path).is_symlink():
            above.setdefault(str(Path(os.path.realpath(path)).parent), one)
    for folder, one in above.items():
        places = (*_upwards(os.path.realpath(folder)), *_upwards(folder))
        if any(_id(path) == number for path in dict.fromkeys(places)):
            raise UsageError(f"{target}: {one} lies inside it; choose another {_noun(target)}")


def check_links(read: Iterable[Place], written: Sequence[Place], *, follow_links: bool) -> None:
    """Raise `UsageError` when a link in a folder that is read leads to something that is to be
    replaced, or, with ``follow_links``, to a folder that it would lie in."""
    replaced = [one for one in written if one.replaced and os.path.lexists(one.path)]
    goals = {os.path.realpath(one.path): one for one in replaced}
    above: dict[str, Place] = {}
    if follow_links:
        for one in written:
            above.update((path, one) for path in _upwards(os.path.realpath(one.path))[1:])
    if not goals and not above:
        return
    for one in read:
        if not _is_path(one.path) or not Path(one.path).is_dir():
            continue
        for link in _links(one.path, follow_links=follow_links):
            goal = os.path.realpath(link)
            target = above.get(goal) or next(
                (goals[path] for path in _upwards(goal) if path in goals), None
            )
            if target is not None:
                raise UsageError(
                    f"{target}: {one} reads it by the link {link}; choose another {_noun(target)}"
                )


def check_each_other(written: Sequence[Place]) -> None:
    """Raise `UsageError` when two places that are written are one, or one inside the other."""
    places = [(one, os.path.realpath(one.path)) for one in written]
    for at, (one, real) in enumerate(places):
        for other, other_real in places[:at]:
            if real == other_real or _same(one.path, other.path):
                raise UsageError(f"{one}: is {other} too; choose another {_noun(one)}")
            for inner, outer, path, above in (
                (one, other, real, other_real),
                (other, one, other_real, real),
            ):
                if outer.replaced and above in _upwards(path):
                    raise UsageError(f"{inner}: lies inside {outer}; choose another {_noun(inner)}")


def _links(folder: str, *, follow_links: bool) -> Iterator[str]:
    """The links in a folder, at any depth."""
    waiting, seen = [folder], set[Id]()
    while waiting:
        place = waiting.pop()
        number = _id(place)
        if number is None or number in seen:
            continue
        seen.add(number)
        try:
            with os.scandir(place) as entries:
                inside = list(entries)
        except OSError:  # the listing of the source has words for it
            continue
        for entry in inside:
            if entry.is_symlink():
                yield entry.path
                if follow_links and entry.is_dir():
                    waiting.append(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def _is_path(path: str) -> bool:
    return bool(path) and path != "-" and (not _SCHEME.match(path) or Path(path).exists())


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 (`absolute` leaves .. in)


def _upwards(path: str) -> list[str]:
    """A path and the folders above it."""
    return [path, *map(str, Path(path).parents)]


def _id(path: str) -> Id | None:
    """What the system says a file or folder is, where a link leads; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None  # 0: it does not say


def _same(one: str, other: str) -> bool:
    number = _id(one)
    return number is not None and number == _id(other)


def _noun(place: Place) -> str:
    return place.option if place.option.startswith("--") else "place"
