"""Folders that are this user's alone, and whose content no other user can exchange.

Such a folder is made with mode 0700, opened by descriptor without following a link, and looked at
before it is used: its owner, its mode, and the mark that only augtool puts there. All that is in
it is reached through the descriptor, so that it does not matter what stands at its path later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "augtool-work"
"""The file by which a folder of augtool's is told from one of the user's."""

LOCK = "lock"
"""The file that a run holds; it says which process that is."""

_MARK_TEXT = b"augtool keeps the files of an unfinished run here.\n"
_PROC = "/proc"
_SOME = 4096  # bytes: more than the mark or the lock has
_LOOSE = stat.S_IWGRP | stat.S_IWOTH
_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class NotOurs(Exception):
    """A folder, or something in it, is not what augtool makes: ``str`` says what, and of which
    ``path``."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(what)
        self.path = path


def has_descriptors() -> bool:
    """Whether the system opens folders, and what is in them, by descriptor."""
    needed = {os.open, os.stat, os.unlink, os.rmdir, os.mkdir}
    flags = hasattr(os, "O_DIRECTORY") and hasattr(os, "O_NOFOLLOW")
    return flags and needed <= os.supports_dir_fd and os.scandir in os.supports_fd


@dataclass(frozen=True)
class Folder:
    """A folder by its ``path``, and by its ``handle`` where the system has such.

    inside
        The folder as all processes of this user reach it, whatever stands at its path by then;
        it is the path itself where the system has no ``/proc``.
    """

    path: Path
    handle: int | None
    inside: Path

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """A descriptor of a file in the folder. A link is an error, a FIFO keeps nobody waiting."""
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        if self.handle is None:
            return os.open(self.path / name, flags, mode)
        return os.open(name, flags, mode, dir_fd=self.handle)

    def status(self, name: str) -> os.stat_result | None:
        """What `os.lstat` says of something in the folder; None where there is nothing."""
        try:
            if self.handle is None:
                return (self.path / name).lstat()
            return os.stat(name, dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        """The names of all that is in the folder, sorted."""
        with os.scandir(self.path if self.handle is None else self.handle) as entries:
            return sorted(entry.name for entry in entries)

    def remove(self, name: str) -> None:
        """Remove a file, a link, or a folder with all that is in it. No link is followed."""
        status = self.status(name)
        if status is None:
            return
        if stat.S_ISDIR(status.st_mode):
            if self.handle is None:
                shutil.rmtree(self.path / name)
            else:
                shutil.rmtree(name, dir_fd=self.handle)
        elif self.handle is None:
            (self.path / name).unlink()
        else:
            os.unlink(name, dir_fd=self.handle)

    def in_place(self) -> bool:
        """Whether the folder still stands at its path."""
        if self.handle is None:
            return self.path.is_dir() and not self.path.is_symlink()
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.handle))
        except OSError:
            return False

    def check_plain(self) -> None:
        """Raise `NotOurs` unless all that is directly in the folder are folders, and files that
        have no other name."""
        uid = _status_of(self).st_uid
        for name in self.names():
            status = self.status(name)
            if status is None or stat.S_ISDIR(status.st_mode):
                continue
            _check_file(self.path / name, status, uid)

    def mark(self) -> None:
        """Put the mark into the folder."""
        if self.is_marked():
            return
        self.remove(MARK)
        handle = self.open(MARK, _WRITE_NEW)
        try:
            os.write(handle, _MARK_TEXT)
        finally:
            os.close(handle)

    def is_marked(self) -> bool:
        """Whether the folder has the whole mark. Raises `NotOurs` for a mark that is no file."""
        return self._content(MARK) == _MARK_TEXT

    def check_mark(self) -> None:
        """Raise `NotOurs` unless the folder has the mark, or nothing that could be the user's."""
        if self.is_marked():
            return
        names = set(self.names())
        # A run may have been killed before the mark was there, or after it was gone.
        begun = _MARK_TEXT.startswith(self._content(MARK)) if MARK in names else True
        locked = self._content(LOCK).isdigit() or not self._content(LOCK) if LOCK in names else True
        if not (names <= {MARK, LOCK} and begun and locked):
            raise NotOurs(self.path, "is a folder that augtool has not made")

    def _content(self, name: str) -> bytes:
        """The first bytes of a small file of ours. Raises `NotOurs` for anything else."""
        status = self.status(name)
        if status is None:
            return b""
        _check_file(self.path / name, status, _status_of(self).st_uid)
        handle = self.open(name, os.O_RDONLY)
        try:
            return os.read(handle, _SOME)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Let go of the descriptor."""
        if self.handle is not None:
            os.close(self.handle)


def _status_of(folder: Folder) -> os.stat_result:
    return folder.path.lstat() if folder.handle is None else os.fstat(folder.handle)


def _check_file(path: Path, status: os.stat_result, uid: int) -> None:
    """Raise `NotOurs` unless this is a regular file of a user, under one name."""
    if stat.S_ISLNK(status.st_mode):
        raise NotOurs(path, "is a link")
    if not stat.S_ISREG(status.st_mode):
        raise NotOurs(path, "is not a regular file")
    if status.st_uid != uid:
        raise NotOurs(path, "belongs to another user")
    if status.st_nlink > 1:
        raise NotOurs(path, "has a second name (a hard link)")


def plain(path: Path) -> Folder:
    """A folder that is private already, such as one in a `Folder`, reached by its path."""
    return Folder(path, None, path)


def make(path: Path) -> bool:
    """Make a folder that is for this user alone; False when something is at its path already."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True


def opened(path: Path) -> Folder:
    """Open a folder of this user's.

    Raises `NotOurs` for a link, for what is no folder, and for a folder that another user owns or
    may write to; `FileNotFoundError` and other `OSError` as the system does.
    """
    if not has_descriptors():
        _check_folder(path, path.lstat())
        return Folder(path, None, path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.EACCES):
            _check_folder(path, path.lstat())
        raise
    try:
        _check_folder(path, os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return Folder(path, handle, _through(handle) or path)


def _check_folder(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise NotOurs(path, "is a link")
    if not stat.S_ISDIR(status.st_mode):
        raise NotOurs(path, "is not a folder")
    if not hasattr(os, "geteuid"):
        return
    strange = status.st_uid != os.geteuid()
    if not strange and not status.st_mode & _LOOSE:
        return
    usual = _as_made_in(path.parent)  # a file system may keep no owners, or no modes
    if strange and usual.st_uid != status.st_uid:
        raise NotOurs(path, "belongs to another user")
    if status.st_mode & _LOOSE & ~usual.st_mode:
        raise NotOurs(path, "may be written to by other users")


def _as_made_in(folder: Path) -> os.stat_result:
    """Owner and mode of a private folder that is made in ``folder``: what its file system keeps."""
    probe = folder / f".augtool-probe-{secrets.token_hex(8)}"
    probe.mkdir(mode=0o700)
    try:
        return probe.lstat()
    finally:
        probe.rmdir()


def _through(handle: int) -> Path | None:
    """The path by which all processes of this user reach what a descriptor has open; None where
    the system has none."""
    path = Path(_PROC, str(os.getpid()), "fd", str(handle))
    with contextlib.suppress(OSError):
        if os.path.samestat(path.stat(), os.fstat(handle)):
            return path
    return None


def locked(folder: Folder) -> int | None:
    """A descriptor that holds the lock of a folder; None when the folder, or its lock, has been
    removed meanwhile.

    Raises `BlockingIOError` when another process holds it, `NotOurs` when the lock is no file of
    ours. Where the system has no such locks, nobody is kept out.
    """
    try:
        lock = folder.open(LOCK, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError:
        return None
    except OSError as error:
        status = folder.status(LOCK)
        if status is not None:
            _check_file(folder.path / LOCK, status, _status_of(folder).st_uid)
        raise error
    try:
        _check_file(folder.path / LOCK, os.fstat(lock), _status_of(folder).st_uid)
        if _flocked(lock) and not _still_there(folder, lock):
            os.close(lock)
            return None
    except FileNotFoundError:
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _flocked(lock: int) -> bool:
    """Take a lock; False where the system has none. Raises `BlockingIOError`."""
    try:
        import fcntl
    except ImportError:  # Windows: a second run is not noticed there
        return False
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _still_there(folder: Folder, lock: int) -> bool:
    status = folder.status(LOCK)
    return status is not None and os.path.samestat(os.fstat(lock), status) and folder.in_place()


def discard(folder: Folder) -> None:
    """Remove a folder whose lock we hold, as far as that can be. The lock goes last: until then
    nobody else begins in it, nor clears it."""
    with contextlib.suppress(OSError):
        for name in folder.names():
            if name not in (LOCK, MARK):
                folder.remove(name)
        folder.remove(MARK)
        in_place = folder.in_place()
        folder.remove(LOCK)
        if in_place:
            folder.path.rmdir()


def _lock_of(folder: Folder) -> int | None:
    """As `locked`, but no lock is put where other things are without one."""
    if folder.status(LOCK) is None and not set(folder.names()) <= {MARK}:
        return None
    return locked(folder)


@contextlib.contextmanager
def left_behind(path: Path, *, bare: bool = False) -> Iterator[Folder | None]:
    """A folder that a run which is no more has left, locked; None when it is in use, or cannot be
    told for certain to be ours. ``bare``: one that was killed before its mark was there, too."""
    if not has_descriptors():
        yield None
        return
    folder, lock = None, None
    with contextlib.suppress(OSError, NotOurs):
        folder = opened(path)
        folder.check_mark()
        if folder.is_marked() or (bare and set(folder.names()) <= {MARK, LOCK}):
            lock = _lock_of(folder)
        if lock is not None:
            folder.check_mark()
    try:
        yield folder if lock is not None else None
    finally:
        for handle in (lock, None if folder is None else folder.handle):
            if handle is not None:
                os.close(handle)
