"""Locks on the books: one run at a time, and none while workers of a killed one may still write.

They are the system's: it frees them when their holders die.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from augtool.errors import OutputError, OutputExists

LOCK = "lock"
"""The file that a run holds; it says which process that is."""

WORKERS = "workers-"
"""How the file's name begins that the workers of a run hold, each."""

_BETWEEN = 0.02  # seconds between two looks at them
_PATIENCE = 10.0  # seconds in which workers whose parent was killed end


@contextlib.contextmanager
def locked(folder: Path, output: Path) -> Iterator[None]:
    """The folder, locked for this run; its lock is free again when the folder is gone."""
    try:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        with contextlib.suppress(OSError):  # it stays when others use it
            folder.rmdir()
        raise OutputError(
            f"{output}: cannot write beside it ({error.strerror}); choose another --out"
        ) from error
    try:
        _lock(lock, folder, output)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path, output: Path) -> None:
    """Take the lock, which the system frees when its holder dies, and say who has it; wait until
    the workers of a run that was killed are gone, which may still write."""
    try:
        import fcntl
    except ImportError:  # Windows: a second run is not noticed there
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), (folder / LOCK).stat()):
            raise BlockingIOError
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        which = f" (process {holder})" if holder.isdigit() else ""
        raise OutputExists(
            f"{output}: another run{which} is writing it; wait for it or choose another --out"
        ) from error
    os.truncate(lock, 0)
    os.pwrite(lock, b"%d" % os.getpid(), 0)
    for workers in folder.glob(f"{WORKERS}*"):
        _await_end(workers, output)


def _await_end(workers: Path, output: Path) -> None:
    """Wait until all that hold a lock on a file are gone, and let nobody get one."""
    import fcntl

    handle = os.open(workers, os.O_RDWR)
    try:
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > patience:
                    raise OutputExists(
                        f"{output}: workers of a run that ended are still writing it; end them"
                    ) from None
                time.sleep(_BETWEEN)
        workers.unlink()
    finally:
        os.close(handle)


def hold(locks: Path) -> None:
    """In a worker: hold a lock on a file of the run's until this process ends. Raises OSError when
    the run is over."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    handle = os.open(locks, os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if not os.path.samestat(os.fstat(handle), locks.stat()):
        raise FileNotFoundError(locks)
