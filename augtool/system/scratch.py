"""Folders in which a source is unpacked, or a small thing is kept, while a run lasts.

Each run has a private folder of its own, in a place of the user's or in the system's for temporary
files, with a lock that the system frees when its holder dies: so the next run knows what a killed
one has left, and clears it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from augtool.errors import OutputError, UsageError
from augtool.system import private
from augtool.system.private import Folder
from augtool.system.signals import SignalsWait

_SCRATCH, _TEMPORARY = ".augtool-scratch-", "augtool-"
_INNER = "source"
_AT_MOST = 10_000  # names that are looked at in a place, which may have any number
_USUAL = (Path("/tmp"), Path("/var/tmp"))
_LOGGER = logging.getLogger("augtool")


@contextlib.contextmanager
def scratch_in(place: str | None, usual: Path) -> Iterator[Path]:
    """A new empty folder in ``place``, gone afterwards; without a place, ``usual``, which belongs
    to another.

    What killed runs have left in ``place`` is cleared away. No signal comes between making the
    folder and having its removal certain. Raises `UsageError` when there is no such folder, or when
    others may exchange what is in it, and `OutputError` when it cannot be written.
    """
    if place is None:
        yield usual
        return
    if not Path(place).is_dir():
        raise UsageError(f"--scratch {place}: is no folder; create it first")
    wrong = _unfit(Path(place))
    if wrong:
        raise UsageError(f"--scratch {place}: {wrong}; choose a folder of your own")
    with _own_folder(Path(place).absolute(), _SCRATCH, f"--scratch {place}") as folder:
        yield folder


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A new empty folder among the system's temporary files, gone afterwards. Raises `OutputError`
    when none can be made."""
    place = _temporary_place()
    with _own_folder(place, _TEMPORARY, f"the temporary folder {place}") as folder:
        yield folder


def sweep_temporary() -> None:
    """Clear away what killed runs of this user have left among the system's temporary files."""
    _sweep(_temporary_place(), _TEMPORARY)


def _temporary_place() -> Path:
    first = Path(tempfile.gettempdir()).absolute()
    wrong = _unfit(first)
    if wrong is None:
        return first
    for place in _USUAL:
        if os.access(place, os.W_OK | os.X_OK) and _unfit(place) is None:
            _LOGGER.debug("%s: %s; %s is used for temporary files", first, wrong, place)
            return place
    raise UsageError(f"TMPDIR {first}: {wrong}; set TMPDIR to a folder of your own")


def _unfit(place: Path) -> str | None:
    """Why other users may exchange what this user makes in a folder; None where they may not, or
    where it does not matter, since what is made is reached through a descriptor."""
    if not hasattr(os, "geteuid"):
        return None
    status = place.stat()
    if status.st_mode & stat.S_ISVTX:
        return None
    if os.geteuid() and status.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if status.st_mode & stat.S_IWOTH:
        return "may be written to by everybody"
    return None


@contextlib.contextmanager
def _own_folder(place: Path, prefix: str, name: str) -> Iterator[Path]:
    """A private folder in a place; ``name`` is what messages call the place."""
    with SignalsWait() as signals:
        _sweep(place, prefix)
        folder, lock = _begun(place, prefix, name)
        try:
            with signals.heeded():
                yield folder.inside / _INNER
        finally:
            private.discard(folder)
            os.close(lock)
            folder.close()


def _begun(place: Path, prefix: str, name: str) -> tuple[Folder, int]:
    """A new folder, and its lock, which is held."""
    try:
        while True:
            path = place / f"{prefix}{secrets.token_hex(8)}"
            path.mkdir(mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # another run took it for one that is left
                begun = _locked(path)
                if begun is not None:
                    return begun
    except (OSError, private.NotOurs) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"{name}: cannot be written ({why}); choose another place") from error


def _locked(path: Path) -> tuple[Folder, int] | None:
    folder = private.opened(path)
    try:
        lock = private.locked(folder)
        if lock is not None:
            folder.mark()
            (folder.inside / _INNER).mkdir(mode=0o700)
            return folder, lock
    except BlockingIOError:  # it looks whether it is one that is left
        pass
    except BaseException:
        folder.close()
        raise
    folder.close()
    return None


def _sweep(place: Path, prefix: str) -> None:
    """Clear away what runs that are no more have left in a place."""
    name_of = re.compile(rf"{re.escape(prefix)}[0-9a-f]{{16}}")
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        names = [
            entry.name
            for entry in itertools.islice(entries, _AT_MOST)
            if name_of.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
        for name in names:
            with private.left_behind(place / name, bare=True) as folder:
                if folder is not None:
                    private.discard(folder)
