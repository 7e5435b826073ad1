"""The report of ``--errors``: a line of JSON for every file of a source that no row is made of.

Names are kept whole: what is no UTF-8 stands as a lone surrogate, ``\\udcXX`` for the byte XX, as
Python's ``surrogateescape`` has it, and a line break as ``\\n``. All is ASCII.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from augtool.errors import OutputError, OutputExists, SourceError, UsageError
from augtool.sources._unused import Unused
from augtool.system import mounts, publishing

_KEYS = ("path", "reason", "row")
_LONGEST = 1 << 20  # bytes of a line


def write(path: str, unused: Iterable[Unused], several: bool, *, overwrite: bool = False) -> None:
    """Write the report, sorted by input and path, under its name once it is whole; ``several``
    inputs are named.

    Raises `OutputExists` when what is there must stay, see `check_place`, and `OutputError` when it
    cannot be written.
    """
    place = Path(path)
    try:
        with publishing.written(place, overwrite=overwrite or is_report(place)) as file:
            for one in sorted(unused, key=_place):
                said = {"path": one.path, "reason": one.reason, "row": one.row}
                if several:
                    said = {"input": one.input, **said}
                file.write(f"{json.dumps(said, ensure_ascii=True)}\n".encode("ascii"))
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; choose another --errors") from error


def _place(one: Unused) -> tuple[str, str, int]:
    return one.input, one.path, -1 if one.row is None else one.row


def is_report(place: Path) -> bool:
    """Whether there is a report at ``place``, which another one may replace: a regular file with
    nothing in it but lines such as `write` makes."""
    try:
        if place.is_symlink() or not place.is_file():
            return False
        with place.open("rb") as file:
            return all(map(_is_line, iter(lambda: file.readline(_LONGEST), b"")))
    except OSError:
        return False


def _is_line(line: bytes) -> bool:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict) or tuple(said)[-3:] != _KEYS:
        return False
    return tuple(said)[:-3] in ((), ("input",)) and line == f"{json.dumps(said)}\n".encode()


def _taken(path: str) -> OutputExists:
    return OutputExists(
        f"--errors {path}: exists already, and is no report of augtool; "
        "use --overwrite or choose another --errors"
    )


def check_place(path: str, *, overwrite: bool) -> None:
    """Raise `UsageError` when no report can be written there, and `OutputExists` when, without
    ``overwrite``, something is there that is no older report."""
    place = Path(path).absolute()
    if path == "-":
        raise UsageError("errors -: the report is a file; name one, such as unused.jsonl")
    if not place.parent.is_dir():
        raise UsageError(f"errors {path}: its folder does not exist; create it first")
    if place.is_dir() or (place.exists() and not place.is_file()):
        raise UsageError(f"errors {path}: is no regular file; choose another place")
    if mounts.is_mount(place):
        raise UsageError(f"errors {path}: is a mount, which nothing can replace; choose another")
    if not overwrite and os.path.lexists(place) and not is_report(place):
        raise _taken(path)


def check_count(skipped: int, most: int | None, first: str) -> None:
    """Raise `SourceError` when more images than ``most`` cannot be read."""
    if most is not None and skipped > most:
        raise SourceError(
            f"{skipped:,} images cannot be read, more than max-errors {most:,} allows; the first, "
            f"{first}"
        )
