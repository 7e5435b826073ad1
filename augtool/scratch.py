"""A folder of the user's in which a source is unpacked while a run lasts.

Each run has a dot-directory of its own there, with a lock that the system frees when its holder
dies: so the next run knows what a killed one has left, and clears it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from augtool.errors import OutputError, UsageError
from augtool.interrupts import SignalsWait

_PREFIX = ".augtool-scratch-"
_LOCK = "lock"


@contextlib.contextmanager
def scratch_in(place: str | None, usual: Path) -> Iterator[Path]:
    """A new empty folder in ``place``, gone afterwards; without a place, ``usual``, which belongs
    to another.

    What killed runs have left in ``place`` is cleared away. No signal comes between making the
    folder and having its removal certain. Raises `UsageError` when there is no such folder, and
    `OutputError` when it cannot be written.
    """
    if place is None:
        yield usual
        return
    if not Path(place).is_dir():
        raise UsageError(f"--scratch {place}: is no folder; create it first")
    with SignalsWait() as signals:
        for left in Path(place).glob(f"{_PREFIX}*"):
            _clear(left)
        folder, lock = _begun(Path(place).absolute())
        try:
            with signals.heeded():
                yield folder / "source"
        finally:
            _remove(folder)
            os.close(lock)


def _begun(place: Path) -> tuple[Path, int]:
    """A new folder, and its lock, which is held."""
    try:
        while True:
            folder = place / f"{_PREFIX}{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700)
            lock = _lock(folder)
            if lock is not None:  # else another run took it for one that was left
                (folder / "source").mkdir()
                return folder, lock
    except OSError as error:
        raise OutputError(
            f"--scratch {place}: cannot be written ({error.strerror}); choose another place"
        ) from error


def _clear(left: Path) -> None:
    """Remove a folder whose run is no more; one that is in use, or somebody else's, stays."""
    if os.name == "nt" or left.is_symlink() or not left.is_dir():  # Windows has no such locks
        return
    with contextlib.suppress(OSError):
        lock = _lock(left)
        if lock is not None:
            _remove(left)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor that holds the lock of a folder; None when another process holds it."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # it was removed meanwhile
        return None
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), (folder / _LOCK).stat()):
            return lock
    except ImportError:  # Windows
        return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _remove(folder: Path) -> None:
    """The lock goes last: until then nobody else begins to clear."""
    with contextlib.suppress(OSError):
        for one in folder.iterdir():
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            elif one.name != _LOCK:
                one.unlink()
        (folder / _LOCK).unlink()
        folder.rmdir()
