"""The report of ``--errors``: a line of JSON for every file of a source that no row is made of.

Names are kept whole: what is no UTF-8 stands as a lone surrogate, ``\\udcXX`` for the byte XX, as
Python's ``surrogateescape`` has it, and a line break as ``\\n``. All is ASCII.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from augtool.errors import OutputError, SourceError, UsageError
from augtool.left_out import Unused


def write(path: str, unused: Iterable[Unused], several: bool) -> None:
    """Write the report, sorted by input and path, under its name once it is whole; ``several``
    inputs are named.

    Raises `OutputError` when it cannot be written.
    """
    place = Path(path)
    unfinished = place.with_name(f".{place.name}.part")
    try:
        with unfinished.open("w", encoding="ascii", newline="\n") as file:
            for one in sorted(unused, key=_place):
                said = {"path": one.path, "reason": one.reason, "row": one.row}
                if several:
                    said = {"input": one.input, **said}
                file.write(f"{json.dumps(said, ensure_ascii=True)}\n")
        unfinished.replace(place)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; choose another --errors") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _place(one: Unused) -> tuple[str, str, int]:
    return one.input, one.path, -1 if one.row is None else one.row


def check_place(path: str, output: str, sources: Iterable[str]) -> None:
    """Raise `UsageError` when a report must not be written there."""
    place = Path(path).absolute()
    if path == "-":
        raise UsageError("errors -: the report is a file; name one, such as unused.jsonl")
    if not place.parent.is_dir():
        raise UsageError(f"errors {path}: its folder does not exist; create it first")
    if place.is_dir() or (os.path.lexists(place) and not place.is_file()):
        raise UsageError(f"errors {path}: is no regular file; choose another place")
    for taken in filter(None, (output, *sources)):
        if taken != "-" and Path(taken).resolve() in (place.resolve(), *place.resolve().parents):
            raise UsageError(f"errors {path}: is {taken} or inside it; choose another place")


def check_count(skipped: int, most: int | None, first: str) -> None:
    """Raise `SourceError` when more images than ``most`` cannot be read."""
    if most is not None and skipped > most:
        raise SourceError(
            f"{skipped:,} images cannot be read, more than max-errors {most:,} allows; the first, "
            f"{first}"
        )
