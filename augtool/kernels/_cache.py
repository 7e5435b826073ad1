"""Where compiled kernels are kept: a folder in the user's cache, named by all they depend on."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import stat
import sys
from importlib.util import find_spec
from pathlib import Path

from augtool.system.trust import distrusted, fault_of

CHOSEN = "NUMBA_CACHE_DIR"


@functools.cache
def folder() -> Path:
    """The folder for these sources, on this processor, with these versions.

    So nothing that is in it can be of other code, which numba, who looks only at the file of a
    kernel, would not notice. Raises `ImportError` without llvmlite or numba, `OSError` when the
    sources cannot be read.
    """
    digest = hashlib.sha256()
    for source in (*sorted(Path(__file__).parent.glob("*.py")), _version_of_numba()):
        digest.update(source.read_bytes())
    for depends_on in (sys.version, *processor(), *_versions()):
        digest.update(repr(depends_on).encode())
    return _root() / f"kernels-{digest.hexdigest()[:16]}"


@functools.cache
def trusted() -> Path | None:
    """`folder`, made where it was missing, for this user alone; None where it cannot be had, or
    others could have put code there: see `distrust`."""
    try:
        place = folder()
        if distrusted(place.parent, sticky=True):
            return None
        _make(place)
        return None if distrust() else place
    except (ImportError, OSError):
        return None


def distrust() -> str | None:
    """Why what is in the cache is not used; None when only this user and root can have put it
    there. Raises what `folder` raises."""
    place = folder()
    if fault := distrusted(place):
        return fault
    if not place.is_dir():
        return None
    alone = hasattr(os, "geteuid") and not place.stat().st_mode & 0o077
    for path in place.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # another run has renamed what it wrote
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                return f"{path} is a link"
            # What others have no way to cannot be written by them, whatever its mode.
            if fault := fault_of(status, reachable=not alone):
                return f"{path} {fault}"
    return None


def _make(place: Path) -> None:
    """Make a folder, and those that it lies in, for this user alone."""
    missing = [each for each in (place, *place.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)


def processor() -> tuple[str, str, str]:
    """What code is made for: the system, the processor and its features, as LLVM names them."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def _versions() -> tuple[str, ...]:
    import llvmlite
    import numpy as np

    return llvmlite.__version__, np.__version__


def _version_of_numba() -> Path:
    """The file that has it: to ask numba is to import it."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        raise ImportError("numba is missing")
    return Path(spec.origin).parent / "_version.py"


def _root() -> Path:
    """Where all caches of kernels are. Raises `FileNotFoundError` when there is no home."""
    if chosen := os.environ.get(CHOSEN):
        return Path(chosen).absolute()
    root = _of_the_user() / "augtool"
    if not root.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "the home folder is no absolute path", str(root))
    return root


def _of_the_user() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches"
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # Its specification has a relative path ignored.
    return Path(chosen) if Path(chosen).is_absolute() else _home() / ".cache"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # who runs this is in no list of users
        raise FileNotFoundError(errno.ENOENT, str(error), "~") from None
