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
from augtool.system import private
from augtool.system.private import LOCK, Folder

WORKERS = "workers-"
"""How the file's name begins that the workers of a run hold, each."""

_DIGITS = 10  # of a process's number in the lock, which is never seen half written
_TRIES = 6  # before a lock is another run's
_BETWEEN = 0.02  # seconds between two looks at them
_PATIENCE = 10.0  # seconds in which workers whose parent was killed end


@contextlib.contextmanager
def locked(path: Path, output: Path) -> Iterator[Folder]:
    """The work folder at ``path``, made where there is none, and locked for this run; its lock is
    free again when the folder is gone.

    Raises `OutputExists` for what augtool has not made, what another user owns or may write to, and
    while another run has it; `OutputError` when it cannot be written.
    """
    try:
        folder, lock = _begun(path, output)
    except private.NotOurs as error:
        raise OutputExists(
            f"{error.path}: {error}, and augtool works under the name {path.name} beside the "
            f"output; move it away, or choose another --out"
        ) from None
    except OSError as error:
        with contextlib.suppress(OSError):  # it stays when others use it
            path.rmdir()
        raise OutputError(
            f"{output}: cannot write beside it ({error.strerror}); choose another --out"
        ) from error
    try:
        _say_who(folder, lock)
        for name in folder.names():
            if name.startswith(WORKERS):
                _await_end(folder, name, output)
        yield folder
    finally:
        os.close(lock)
        folder.close()


def _begun(path: Path, output: Path) -> tuple[Folder, int]:
    """The folder, which is ours, and its lock, which is held."""
    tries = 0
    while True:
        private.make(path)
        folder = private.opened(path)
        try:
            folder.check_mark()
            lock = private.locked(folder)
            if lock is not None:  # else another run has just ended there
                return folder, lock
        except BlockingIOError as error:
            tries += 1
            if tries == _TRIES:
                raise _refused(folder, output) from error
            time.sleep(_BETWEEN)  # it may only be looking whether anything is left here
        except BaseException:
            folder.close()
            raise
        folder.close()


def _refused(folder: Folder, output: Path) -> OutputExists:
    """What to say when another run has the lock."""
    with contextlib.suppress(OSError):
        handle = folder.open(LOCK, os.O_RDONLY)
        holder = os.read(handle, _DIGITS).decode("ascii", "replace").strip()
        os.close(handle)
    folder.close()
    which = f" (process {int(holder)})" if holder.isdigit() else ""
    return OutputExists(
        f"{output}: another run{which} is writing it; wait for it or choose another --out"
    )


def _say_who(folder: Folder, lock: int) -> None:
    """Put the mark into the folder that is ours now, and into its lock which process has it."""
    try:
        folder.check_mark()
        folder.mark()
        folder.check_plain()
    except private.NotOurs as error:
        raise OutputExists(
            f"{error.path}: {error}, which augtool has not made; move it away, or choose "
            "another --out"
        ) from None
    os.lseek(lock, 0, os.SEEK_SET)
    os.write(lock, b"%0*d" % (_DIGITS, os.getpid()))


def _await_end(folder: Folder, name: str, output: Path) -> None:
    """Wait until all that hold a lock on a file are gone, and let nobody get one."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    handle = folder.open(name, os.O_RDWR)
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
        folder.remove(name)
    finally:
        os.close(handle)


def hold(locks: Path) -> None:
    """In a worker: hold a lock on a file of the run's until this process ends. Raises OSError when
    the run is over."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    handle = os.open(locks, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if not os.path.samestat(os.fstat(handle), locks.stat()):
        raise FileNotFoundError(locks)
