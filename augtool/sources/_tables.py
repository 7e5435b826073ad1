"""Tables beside images: CSV, JSON lines, Parquet. Only the columns that are asked for are kept."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from augtool.errors import UsageError
from augtool.sources import _parquet
from augtool.sources._column import Column
from augtool.sources._listing import EXTENSIONS
from augtool.sources._mapped import Version, check_version
from augtool.sources._npy_header import mapped
from augtool.system import strict_json
from augtool.system.child import isolated
from augtool.text import shown

SUFFIXES = (".csv", ".jsonl", ".parquet")

_DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True)
class Table:
    """A table that was looked at: its headings, and how to get some of its columns."""

    headings: tuple[str, ...]
    columns: Callable[[Sequence[str]], dict[str, Column]]


def opened(path: Path) -> Table:
    """The table in the file ``path``, whose suffix says the format.

    Raises `UsageError` when it cannot be read, is empty, or has two columns of one name;
    ``columns`` raises `InputChanged` when the file has changed meanwhile.
    """
    where = shown(str(path).encode("utf-8", "surrogateescape"))
    if not path.is_file():  # and no pipe, which would block
        raise UsageError(f"{where}: there is no such file of labels; check the path")
    version = Version.of(path)
    table = _opened(path, where)

    def columns(wanted: Sequence[str]) -> dict[str, Column]:
        found = table.columns(wanted)
        check_version(path, version)
        return found

    return Table(table.headings, columns)


def _opened(path: Path, where: str) -> Table:
    suffix = path.suffix.lower()
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".jsonl": _json}
    if suffix == ".parquet":
        return _of_parquet(path)
    if suffix not in readers:
        raise UsageError(f"{where}: labels are in .csv, .jsonl, .parquet or .npy files")
    try:
        return readers[suffix](path, where)
    except OSError as error:
        raise UsageError(f"{where}: cannot be read ({error.strerror}); check its mode") from None


def check_headings(headings: Sequence[str], where: str) -> None:
    """Raise `UsageError` for two columns of one name; columns without a name are not used."""
    counts = Counter(filter(None, headings))
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise UsageError(
            f"{where}: {counts[twice]} columns are called {shown(as_bytes(twice))!r}; rename all "
            "but one, or remove them"
        )


def as_bytes(cell: Any) -> bytes:
    """A name in a table as the operating system would give it."""
    return str(cell).encode("utf-8", "surrogateescape")


def _csv(path: Path, where: str) -> Table:
    rows = _csv_rows(path, where)
    first = next(rows, None)
    if first is None:
        raise UsageError(f"{where}: is empty; give a name and a label a line")
    headless = any(_is_image(cell) for cell in first)
    headings = tuple(_invented(len(first)) if headless else [cell.strip() for cell in first])
    check_headings(headings, where)

    def columns(wanted: Sequence[str]) -> dict[str, Column]:
        places = [headings.index(name) for name in wanted]
        cells: list[list[str]] = [[] for _ in wanted]
        for number, row in enumerate(_csv_rows(path, where), start=1):
            if number == 1 and not headless:
                continue
            if len(row) != len(headings):
                raise UsageError(
                    f"{where}: row {number} has {len(row)} cells and the first row has "
                    f"{len(headings)}; mend it"
                )
            for place, column in zip(places, cells, strict=True):
                column.append(sys.intern(row[place]))
        return {name: Column(column) for name, column in zip(wanted, cells, strict=True)}

    return Table(headings, columns)


def _csv_rows(path: Path, where: str) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = file.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        file.seek(0)
        try:
            yield from (row for row in csv.reader(file, delimiter=delimiter) if row)
        except csv.Error as error:
            raise UsageError(f"{where}: is no CSV ({error}); mend it") from None


def _is_image(cell: str) -> bool:
    return any(cell.lower().endswith(extension.decode()) for extension in EXTENSIONS)


def _invented(width: int) -> list[str]:
    """Headings for a table without."""
    return ["file_name", "label", *(f"column {number}" for number in range(3, width + 1))][:width]


def _json(path: Path, where: str) -> Table:
    def columns(wanted: Sequence[str]) -> dict[str, Column]:
        cells: list[list[Any]] = [[] for _ in wanted]
        for number, record in _records(path, where):
            for name, column in zip(wanted, cells, strict=True):
                if name not in record:
                    raise UsageError(f"{where}: line {number} has no {name!r}; add it")
                value = record[name]
                column.append(sys.intern(value) if isinstance(value, str) else value)
        return {name: Column(column) for name, column in zip(wanted, cells, strict=True)}

    _, first = next(_records(path, where), (0, {}))
    if not first:
        raise UsageError(f"{where}: is empty; give an object with a name and a label a line")
    return Table(tuple(first), columns)


def _records(path: Path, where: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = strict_json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{where}: line {number} is no JSON ({error}); mend it") from None
            if not isinstance(record, dict):
                raise UsageError(f"{where}: line {number} is no JSON object; mend it")
            yield number, record


def _of_parquet(path: Path) -> Table:
    def columns(wanted: Sequence[str]) -> dict[str, Column]:
        return isolated(_parquet.columns, path, tuple(wanted))

    headings = isolated(_parquet.headings, path)
    check_headings(headings, shown(os.fsencode(path)))
    return Table(headings, columns)


def npy(path: Path) -> npt.NDArray[Any]:
    """The array in a .npy file, mapped read-only. Pickled objects are never loaded.

    Raises `UsageError`.
    """
    where = shown(str(path).encode("utf-8", "surrogateescape"))
    if not path.is_file():
        raise UsageError(f"{where}: there is no such file; check the path")
    try:
        return mapped(path)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{where}: not readable as npy ({error}); check the file") from None
