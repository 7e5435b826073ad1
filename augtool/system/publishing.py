"""Giving a finished file or folder its name, so that nothing is lost that somebody else has put
there meanwhile."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import logging
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from augtool.system.fsync import flush
from augtool.system.inventory import MANIFEST, files_made

_LOGGER = logging.getLogger("augtool")
_PREFIX = ".augtool-part-"  # of files that are being written
_PART = re.compile(re.escape(_PREFIX) + "[0-9a-f]{16}")
_AT_CWD, _NOREPLACE = -100, 1  # of renameat2(2)
_LACKING = (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_WAITING = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


def put(source: Path, target: Path) -> None:
    """Rename a file to ``target``, where nothing is. Raises `FileExistsError` when something is,
    also when it comes at the last moment."""
    if os.name == "nt":
        source.rename(target)  # which never replaces anything there
        return
    if _renamed(source, target) or _linked(source, target):
        return
    _LOGGER.debug(
        "%s: this file system cannot rename without replacing; what comes at the moment of the "
        "rename is lost",
        target.parent,
    )
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def _renamed(source: Path, target: Path) -> bool:
    """Rename by the system's own call; False where there is none."""
    call = _renameat2()
    if call is None:
        return False
    if call(_AT_CWD, os.fsencode(source), _AT_CWD, os.fsencode(target), _NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):  # the kernel or the file system lacks it
        return False
    raise OSError(number, os.strerror(number), str(target))


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name, and take the first one away; False where that cannot be."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _LACKING:
            return False
        raise
    source.unlink()
    return True


@functools.cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            call = ctypes.CDLL(None, use_errno=True).renameat2
            number, text = ctypes.c_int, ctypes.c_char_p
            call.argtypes, call.restype = (number, text, number, text, ctypes.c_uint), number
            return call
    return None


def umask() -> int:
    """The bits that new files of this process lack."""
    own = os.umask(0o077)  # there is no other way to ask; meanwhile it is no wider
    os.umask(own)
    return own


def mode_for(target: Path, *, folder: bool = False) -> int:
    """The mode that what replaces ``target`` gets: the old one's; that of a new one when there is
    none."""
    try:
        status = target.lstat()
    except OSError:
        status = None
    if status is None or stat.S_ISDIR(status.st_mode) != folder or stat.S_ISLNK(status.st_mode):
        return (0o777 if folder else 0o666) & ~umask()
    return stat.S_IMODE(status.st_mode) & 0o777


def keep_modes(source: Path, target: Path) -> None:
    """Give a finished output the mode of what it replaces, or of a new file; files in a folder
    those of the same name, else that of the manifest."""
    is_folder = source.is_dir()
    _set_mode(source, mode_for(target, folder=is_folder))
    if not is_folder or not (target / MANIFEST).is_file():
        return
    usual = mode_for(target / MANIFEST)
    for place, _folders, files in os.walk(source):
        below = Path(place).relative_to(source)
        for name in files:
            old = target / below / name
            _set_mode(Path(place) / name, mode_for(old) if old.is_file() else usual)


def _set_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


@contextlib.contextmanager
def written(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to be written, which is ``target`` afterwards, in one step, or not there at all.

    Until then it is its user's alone, under a name that nobody can guess. Raises `FileExistsError`
    when there is something at ``target`` that is not to be overwritten; it is asked again at the
    end.
    """
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    sweep(target.parent)
    part, handle = _begun(target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            mode = mode_for(target)
            if os.name == "nt":  # where an open file cannot be renamed
                file.close()
                part.chmod(mode)
            else:
                os.fchmod(handle, mode)
            if overwrite:
                part.replace(target)
            else:
                put(part, target)
    finally:
        part.unlink(missing_ok=True)


def _begun(folder: Path) -> tuple[Path, int]:
    """A new file, and its descriptor, which holds a lock on it."""
    while True:
        part = folder / f"{_PREFIX}{secrets.token_hex(8)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
        handle = os.open(part, flags, 0o600)
        if _lock(handle) is not False and os.path.lexists(part):
            return part, handle
        os.close(handle)  # another run took it for one that was left


def sweep(folder: Path) -> None:
    """Remove files that killed runs of this user were writing in a folder."""
    if os.name == "nt":  # which has no such locks
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _PART.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _sweep(Path(entry.path))


def _sweep(part: Path) -> None:
    handle = os.open(part, os.O_RDWR | _NOFOLLOW | _WAITING)
    try:
        status = os.fstat(handle)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if ours and status.st_nlink == 1 and _lock(handle):
            part.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Whether a file is locked for us now; None where there are no locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return None
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def move_in(source: Path, target: Path, aside: Path, *, overwrite: bool) -> None:
    """Move the files of a finished folder, one by one, into one that cannot be renamed; the
    manifest comes last, and makes it an output. Files of an older output go to ``aside`` first.

    What fails is undone; what is killed `move_back` undoes. Raises `FileExistsError` for a name
    that somebody else has taken.
    """
    if not overwrite and os.path.lexists(target / MANIFEST):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target / MANIFEST))
    aside.mkdir()
    try:
        old = files_made(target)
        if old is not None:
            _move(target, aside, MANIFEST.as_posix())  # from here on it is no output
            for name in sorted(old - {MANIFEST.as_posix()}):
                if (target / name).is_file():
                    _move(target, aside, name)
                    _prune(target, name)
        new = files_made(source) or frozenset()
        rest = sorted(new - {MANIFEST.as_posix()})
        for name in rest:
            _move(source, target, name)
        if os.name == "posix":
            for folder in sorted({(target / name).parent for name in rest} | {target}):
                flush(folder)
        _move(source, target, MANIFEST.as_posix())
    except BaseException:
        move_back(source, target, aside)
        raise
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)


def take_back(target: Path, source: Path, aside: Path) -> None:
    """Undo a `move_in` into a folder in which nothing had been."""
    _move(target, source, MANIFEST.as_posix())
    move_back(source, target, aside)


def move_back(source: Path, target: Path, aside: Path) -> None:
    """Undo what a killed `move_in` has begun; what it had finished stays."""
    if (target / MANIFEST).is_file() and not (source / MANIFEST).is_file():
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
        return
    manifest = MANIFEST.as_posix()
    for name in sorted((files_made(source) or frozenset()) - {manifest}):
        if (target / name).is_file() and not os.path.lexists(source / name):
            _move(target, source, name)
            _prune(target, name)
    old = sorted(files_made(aside) or frozenset(), key=lambda name: (name == manifest, name))
    for name in old:
        if os.path.lexists(aside / name):
            _move(aside, target, name)
    shutil.rmtree(aside, ignore_errors=True)


def _move(source: Path, target: Path, name: str) -> None:
    """Move one file to the same name below another folder."""
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    put(source / name, target / name)


def _prune(folder: Path, name: str) -> None:
    """Remove the folders of a name that are empty."""
    for parent in [*(folder / name).relative_to(folder).parents][:-1]:
        try:
            (folder / parent).rmdir()
        except OSError:  # there is something in it
            return
