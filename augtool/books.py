"""The books of a run: a dot-directory beside the output that holds all that is unfinished.

``.mixed.h5.augtool/`` beside ``mixed.h5`` has the lock, the listing, the job for the workers and
the output under construction. The only step that gives the output its name is `Books.publish`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augtool.errors import NO_ROOM, OutputError, OutputExists, UsageError
from augtool.flushing import flush, flush_all
from augtool.interrupts import SignalsWait

_LARGE = 1 << 16  # bytes of an array that is not pickled
_REPLACED = "replaced"  # the folder that stood where the output goes, in the books
MANIFEST = Path(".augtool") / "manifest.json"  # in a folder that augtool has made


@dataclass(frozen=True)
class Books:
    """An open dot-directory, locked for this run."""

    folder: Path
    output: Path

    @property
    def scratch(self) -> Path:
        """For what the source keeps while it is in use."""
        return self.folder / "source"

    @property
    def unfinished(self) -> Path:
        """The output while it is being made."""
        return self.folder / "output"

    def keep(self, value: Any) -> Path:
        """Write down what the workers need to know, under a name that no other run has used: a
        worker, or this process, remembers it by that name. `kept` reads it; large arrays lie beside
        it and are mapped, so that no process has a copy of its own."""
        path = self.folder / f"kept-{secrets.token_hex(8)}"
        with path.open("wb") as file:
            _Keeper(file, path).dump(value)
        return path

    def withdraw(self) -> None:
        """Take the name back from an output that was published where nothing had been."""
        self.output.replace(self.unfinished)

    def publish(self, overwrite: bool = False) -> None:
        """Give the finished output its name: flush, rename, flush the folder.

        Raises `OutputExists` when, without ``overwrite``, a file of that name has come meanwhile.
        """
        check_free(self.output, overwrite)
        try:
            flush_all(self.unfinished)
            with SignalsWait(), _moved_away(self.output, self.folder / _REPLACED):
                self.unfinished.replace(self.output)
            if os.name == "posix":
                flush(self.output.parent)
        except OSError as error:
            raise OutputError(f"{self.output}: {error.strerror}; choose another --out") from error


def publish_all(several: Sequence[Books], overwrite: bool = False) -> None:
    """Give all finished outputs their names, or none of them, as far as that can be: what replaced
    an older output stays. Raises as `Books.publish`."""
    for one in several:
        check_free(one.output, overwrite)
    with contextlib.ExitStack() as taken_back:
        for one in several:
            one.publish(overwrite)
            if not overwrite:
                taken_back.callback(one.withdraw)
        taken_back.pop_all()


def kept(path: Path) -> Any:
    """What `Books.keep` has written down."""
    with path.open("rb") as file:
        return _Finder(file).load()


class _Keeper(pickle.Pickler):
    """Puts large arrays into files of their own, beside ``path``."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path
        self._files: dict[int, tuple[str, Any]] = {}  # the array too: its number stays its own

    def persistent_id(self, value: Any) -> str | None:
        """The file of a large array; None for all else."""
        import numpy as np

        if not isinstance(value, np.ndarray) or value.nbytes < _LARGE or value.dtype.hasobject:
            return None
        if id(value) not in self._files:
            file = f"{self._path}-{len(self._files)}.npy"
            np.save(file, np.asarray(value))
            self._files[id(value)] = file, value
        return self._files[id(value)][0]


class _Finder(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        import numpy as np

        # A plain ndarray: every slice of a np.memmap pays for being one.
        return np.asarray(np.load(pid, mmap_mode="r", allow_pickle=False))


@contextlib.contextmanager
def _moved_away(output: Path, aside: Path) -> Iterator[None]:
    """A folder that stands where an output goes is out of the way, and back when that fails; else
    it goes with the books."""
    if not output.is_dir() or output.is_symlink():
        yield
        return
    output.replace(aside)
    try:
        yield
    except BaseException:
        aside.replace(output)
        raise


def size_of(path: Path) -> int:
    """The bytes in a file, or in all files of a folder."""
    if not path.is_dir():
        return path.stat().st_size
    with os.scandir(path) as found:
        return sum(
            size_of(path / one.name) if one.is_dir() else one.stat().st_size for one in found
        )


def check_place(output: Path, spec: str, *, folder: bool = False) -> None:
    """Raise `UsageError` when ``output`` is the input ``spec`` or inside it, or in no folder; when
    it is a file where a ``folder`` is meant, or the other way round; and when it is a folder that
    augtool has not made."""
    source = Path(spec)
    if spec and source.exists():
        # not by `resolve`, which raises for links in a circle
        resolved, inside = Path(os.path.realpath(source)), Path(os.path.realpath(output))
        if inside == resolved or resolved in inside.parents:
            raise UsageError(f"{output}: is the input or inside it; choose another --out")
    if output.is_dir() and not folder:
        raise UsageError(f"{output}: is a folder; give a file name such as {output / 'mixed.h5'}")
    if folder and output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is a file, where a folder is to be; choose another --out")
    if folder and output.is_dir() and not (output / MANIFEST).is_file() and any(output.iterdir()):
        raise UsageError(
            f"{output}: is a folder that augtool has not made; choose another --out, or remove it"
        )
    _check_folder(output)


def check_free(output: Path, overwrite: bool) -> None:
    """Raise `OutputExists` when ``output`` exists and must not be overwritten."""
    empty = output.is_dir() and not any(output.iterdir())
    if not overwrite and os.path.lexists(output) and not empty:
        raise OutputExists(f"{output}: exists already; use --overwrite or choose another --out")


@contextlib.contextmanager
def open_books(output: Path) -> Iterator[Books]:
    """Open the books of a run that makes ``output``; afterwards they are gone.

    What a killed run has left is cleared away. No signal comes between making the folder and
    having its removal certain, nor while it is removed. Raises `UsageError` when the folder of the
    output is missing, `OutputError` when it cannot be written, `OutputExists` when another run is
    at it.
    """
    folder = output.parent / f".{output.name}.augtool"
    _check_folder(output)
    with SignalsWait() as signals, _locked(folder, output):
        try:
            if (folder / _REPLACED).exists() and not os.path.lexists(output):
                (folder / _REPLACED).replace(output)  # a run was killed between the two renames
            _clear(folder)
            books = Books(folder, output)
            books.scratch.mkdir()
            with signals.heeded():
                yield books
        except OSError as error:
            if error.errno in NO_ROOM:  # all that a run writes is in the books
                raise OutputError(
                    f"{output}: {error.strerror}; free some space or choose another --out"
                ) from error
            raise
        finally:
            _remove(folder)


@contextlib.contextmanager
def open_notes() -> Iterator[Books]:
    """Books for a run that writes to stdout: a folder of the system's for temporary things."""
    with tempfile.TemporaryDirectory(prefix="augtool-") as folder:
        books = Books(Path(folder), Path("-"))
        books.scratch.mkdir()
        yield books


@contextlib.contextmanager
def _locked(folder: Path, output: Path) -> Iterator[None]:
    """The folder, locked for this run; its lock is free again when the folder is gone."""
    try:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
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


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise UsageError(f"{output.parent}: no such folder; create it or change --out")


def _lock(lock: int, folder: Path, output: Path) -> None:
    """Take the lock, which the system frees when its holder dies."""
    try:
        import fcntl
    except ImportError:  # Windows: a second run is not noticed there
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), (folder / "lock").stat()):
            return
    except OSError:
        pass
    raise OutputExists(f"{output}: another run is writing it; wait for it or choose another --out")


def _clear(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left.name != "lock":
            left.unlink()


def _remove(folder: Path) -> None:
    """The lock goes last: until then no other run can begin in this folder."""
    with contextlib.suppress(OSError):
        _clear(folder)
        (folder / "lock").unlink()
        folder.rmdir()
