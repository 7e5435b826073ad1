"""A listing that outlives its run: a file that several runs over one input share.

It begins with a line of JSON, which says what it lists and which arrays follow; these are plain
numbers, one after another. The line has a digest of all that, so that a listing which has lost a
row, or was edited, is found without listing again. Nothing in it is run, and nothing is believed
before it was checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from augtool.errors import InputChanged, OutputError, UsageError
from augtool.system import strict_json
from augtool.text import shown

Opened = TypeVar("Opened")
Array = npt.NDArray[Any]

_MAGIC = b'{"augtool_listing": 1, '  # how the first line begins
_MOST_HEAD = 16 << 20
_DTYPES = ("|u1", "<i8")
_DIGEST = "sha256"  # in the first line: of the rest of it, and of the arrays
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)
"""What reading a file that is no listing can raise."""


@dataclass(frozen=True)
class Saved:
    """What a file of a listing says: plain values in ``head``, arrays of uint8 or int64 beside."""

    head: Mapping[str, Any]
    arrays: Mapping[str, Array]


def read_or_made(
    file: Path,
    read: Callable[[Saved], Opened],
    make: Callable[[], tuple[Opened, Saved | None]],
) -> Opened:
    """What ``read`` makes of the listing in ``file``; where there is none, what ``make`` returns,
    whose listing is then kept there.

    Runs that come at the same time wait for the one that makes it. It has its name when it is
    complete. Raises `UsageError` for a file that is no listing, and `OutputError` when it cannot be
    written.
    """
    if not os.path.lexists(file):
        with _turn(file) as part:
            if part is not None:
                opened, saved = make()
                if saved is not None:
                    _write(saved, part, file)
                return opened
    return read(load(file))


def check_place(file: Path, specs: Sequence[str]) -> None:
    """Raise `UsageError` when ``file`` lies in no folder, or inside an input, which it would
    change."""
    if not file.absolute().parent.is_dir():
        raise UsageError(f"--listing {_shown(file)}: its folder does not exist; create it first")
    place = file.absolute().resolve()
    for spec in specs:
        if Path(spec).exists() and Path(spec).resolve() in (place, *place.parents):
            raise UsageError(
                f"--listing {_shown(file)}: is the input or inside it; choose another place"
            )


def load(file: Path) -> Saved:
    """The listing in ``file``. Raises `UsageError`."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # to open a pipe blocks for ever
            raise ValueError("not a regular file")
        with file.open("rb") as stream:
            return _parsed(stream, file.stat().st_size)
    except OSError as error:
        raise UsageError(f"--listing {_shown(file)}: cannot be read ({error.strerror})") from error
    except DAMAGE as error:
        raise refused(file, f"is no listing of augtool ({error})") from None


def refused(file: Path, why: str) -> UsageError:
    """The error for a listing that cannot be used."""
    return UsageError(
        f"--listing {_shown(file)}: {why}; remove it to have it made again, or name another file"
    )


@contextlib.contextmanager
def advising(file: str | Path) -> Iterator[None]:
    """Starting over is of no use while ``file``, if it is named, keeps an old listing."""
    try:
        yield
    except InputChanged as error:
        if not os.fspath(file):
            raise
        raise InputChanged(f"{error}, and the listing {file} removed") from None


def texts(names: Sequence[bytes]) -> dict[str, Array]:
    """Names as two arrays, of their bytes and of their lengths."""
    lengths = np.array([len(name) for name in names], "<i8")
    return {"names": np.frombuffer(b"".join(names), "u1"), "lengths": lengths}


def split(names: Array, lengths: Array) -> list[bytes]:
    """The names of `texts` again. Raises ValueError when they do not fit each other."""
    if len(lengths) and (lengths.min() < 0 or lengths.max() > len(names)):
        raise ValueError("its names are damaged")
    ends = np.cumsum(lengths).tolist()
    if (ends[-1] if ends else 0) != len(names):
        raise ValueError("its names are damaged")
    data, starts = names.tobytes(), [0, *ends[:-1]]
    return [data[start:end] for start, end in zip(starts, ends, strict=False)]


def _parsed(stream: Any, size: int) -> Saved:
    line = stream.readline(_MOST_HEAD)
    if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
        raise ValueError("it does not begin as one")
    head = strict_json.loads(line)
    layout = {name: (str(dtype), int(length)) for name, (dtype, length) in head["arrays"].items()}
    if any(dtype not in _DTYPES or length < 0 for dtype, length in layout.values()):
        raise ValueError("its arrays are damaged")
    nbytes = sum(np.dtype(dtype).itemsize * length for dtype, length in layout.values())
    if nbytes != size - len(line):  # before anything of that size is asked for
        raise ValueError("it was cut short")
    arrays = {
        name: np.frombuffer(stream.read(np.dtype(dtype).itemsize * length), dtype)
        for name, (dtype, length) in layout.items()
    }
    if head.get(_DIGEST) != _digest(head, arrays):
        raise ValueError("its rows are not those that were written: some are missing or changed")
    return Saved(head, arrays)


def _digest(head: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """sha256 (hex) of all that a listing says, but for the digest itself."""
    said = {name: value for name, value in head.items() if name != _DIGEST}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii"))
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _write(saved: Saved, part: Path, file: Path) -> None:
    arrays = {
        name: values.astype("|u1" if values.dtype.itemsize == 1 else "<i8", copy=False)
        for name, values in saved.arrays.items()
    }
    layout = {name: (values.dtype.str, len(values)) for name, values in arrays.items()}
    head = {"augtool_listing": 1, **saved.head, "arrays": layout}
    # as it will be read: JSON knows no tuples
    digest = _digest(json.loads(json.dumps(head)), arrays)
    text = json.dumps({**head, _DIGEST: digest}) + "\n"
    try:
        with part.open("wb") as stream:
            stream.write(text.encode("ascii"))
            for values in arrays.values():
                stream.write(np.ascontiguousarray(values).data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from error


@contextlib.contextmanager
def _turn(file: Path) -> Iterator[Path | None]:
    """Wait for one's turn to make ``file``: the path to write it at, or None where another run has
    made it meanwhile. What is not renamed is removed, what a killed run left is written over."""
    part = file.with_name(f".{file.name}.augtool")
    lock = _locked(file, part)
    try:
        yield None if os.path.lexists(file) else part
    finally:
        with contextlib.suppress(OSError):
            part.unlink()  # after a rename there is none
        if lock is not None:
            os.close(lock)


def _locked(file: Path, part: Path) -> int | None:
    """A descriptor of ``part`` that no other run holds; the system frees it when a run dies. None
    on Windows, where several runs may make a listing, and the last one's stays."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        try:
            lock = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise _unwritable(file, error) from error
        try:
            with contextlib.suppress(OSError):  # a file system without locks: as on Windows
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _is(lock, part):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is(lock: int, part: Path) -> bool:
    """Whether an open file still has its name: its last holder may have renamed or removed it."""
    try:
        return os.path.samestat(os.fstat(lock), part.lstat())
    except OSError:
        return False


def _unwritable(file: Path, error: OSError) -> OutputError:
    return OutputError(
        f"--listing {_shown(file)}: cannot be written ({error.strerror}); choose another place"
    )


def _shown(file: Path) -> str:
    return shown(os.fsencode(file))
