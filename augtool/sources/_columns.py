"""Row-aligned values beside the targets: an array of the source, or a file that names its rows."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.sources._contract import Rows, Source
from augtool.sources._mapped import Extent
from augtool.sources._npy_header import mapped
from augtool.system import textfile

Values = npt.NDArray[Any]

_TEXT_FILES = (".csv", ".txt")
_FILES = (*_TEXT_FILES, ".npy")
_HEADINGS = ("name", "file", "path", "image", "row")
_ROW = re.compile("(?:row )?([0-9]{1,18})")  # how rows without names are called
_WHOLE = re.compile("[+-]?[0-9]{1,18}")


def column_of(source: Source, key_or_file: str) -> Values:
    """One value for each row of ``source``, (n,): whole numbers, floats, booleans or text.

    What ends in .csv, .txt or .npy is a file, anything else a key of the source. A text file has
    one value a line, or ``name,value`` in any order, where a name is what the source calls the row
    or its number; a .npy file has n values. Raises `UsageError` when there is no such column, when
    it has not one value a row, and for names that are not in the source or have no value.
    """
    suffix = Path(key_or_file).suffix.lower()
    if suffix in _TEXT_FILES:
        return _from_text(source, key_or_file)
    values = _from_npy(key_or_file) if suffix in _FILES else source.column(key_or_file)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (source.n,):
        raise UsageError(
            f"{key_or_file}: has shape {tuple(values.shape)}, and {source.n} rows need one value "
            "each; choose another"
        )
    return values


def rows_of(source: Source, file: str) -> Rows:
    """The rows that a text file lists, one name or row number a line; (k,) rising, so that the
    order of the lines changes nothing.

    Raises `UsageError` for names that are not in the source, rows that are listed twice, and a
    file that lists none.
    """
    names = [line for line in _lines(file) if line.strip()]
    if not names:
        raise UsageError(f"{file}: lists no rows; give one name or row number a line")
    return np.sort(_known_rows(source, names, file))


def as_text(values: Values) -> Values:
    """An array of str and bytes objects, or of fixed-length strings, as text (dtype U)."""
    words = [
        one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else str(one)
        for one in values.reshape(-1).tolist()
    ]
    return np.array(words, np.str_).reshape(values.shape)


def column_path(scratch: Path, key: str) -> Path:
    """Where the column ``key``, whatever its name, is unpacked to."""
    return scratch / f"column-{hashlib.sha256(key.encode()).hexdigest()[:16]}.raw"


def text_extent(values: Values, path: Path) -> Extent:
    """Strings written to ``path`` as text."""
    text = as_text(values)
    text.tofile(path)
    return Extent(path, 0, text.shape, text.dtype.str)


def _from_npy(file: str) -> Values:
    try:
        values: Values = mapped(Path(file))
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{file}: not readable as npy ({error}); check the path") from None
    if values.dtype.kind not in "biufSU":
        raise UsageError(f"{file}: holds {values.dtype}; a column holds numbers or strings")
    values = as_text(values) if values.dtype.kind in "SU" else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _from_text(source: Source, file: str) -> Values:
    lines = [cells for cells in csv.reader(_lines(file)) if cells]
    if lines and len(lines[0]) == 2 and lines[0][0].strip().lower() in _HEADINGS:
        lines = lines[1:]
    widths = {len(cells) for cells in lines}
    if widths == {1}:
        if len(lines) != source.n:
            raise UsageError(
                f"{file}: holds {len(lines)} values, the source has {source.n} rows; "
                "give one a row, or lines of name,value"
            )
        return _typed([cells[0] for cells in lines])
    if widths != {2}:
        raise UsageError(f"{file}: its lines are not all one value, or all name,value; mend them")
    rows = _known_rows(source, [cells[0] for cells in lines], file)
    if len(rows) < source.n:
        first = source.name(int(np.setdiff1d(np.arange(source.n), rows)[0]))
        raise UsageError(
            f"{file}: {source.n - len(rows)} of {source.n} rows have no value, such as {first}; "
            "add a line for each"
        )
    values = _typed([cells[1] for cells in lines])
    return values[np.argsort(rows)]


def _lines(file: str) -> list[str]:
    """The lines of a text file; bytes that are not UTF-8 as sources show them in names."""
    try:
        data = textfile.content_of(Path(file))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); check the path") from None
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace").splitlines()


def _known_rows(source: Source, names: Sequence[str], file: str) -> Rows:
    """The row of each name. Raises `UsageError` when one is unknown or two are the same row."""
    numbers = [_ROW.fullmatch(name.strip()) for name in names]
    by_name: dict[str, int] = {}
    if not all(numbers):
        by_name = {source.name(row): row for row in range(source.n)}
    found = [
        int(number[1]) if number and int(number[1]) < source.n else by_name.get(name.strip(), -1)
        for name, number in zip(names, numbers, strict=True)
    ]
    unknown = [name for name, row in zip(names, found, strict=True) if row < 0]
    if unknown:
        raise UsageError(
            f"{file}: {len(unknown)} of {len(names)} names are not in the source, such as "
            f"{unknown[0].strip()!r}; its first row is {source.name(0)!r}"
        )
    rows = np.array(found, np.int64)
    values, counts = np.unique(rows, return_counts=True)
    if len(values) < len(rows):
        twice = source.name(int(values[counts > 1][0]))
        raise UsageError(
            f"{file}: {(counts > 1).sum()} rows are listed more than once, such as {twice}; "
            "list each once"
        )
    return rows


def _typed(cells: Sequence[str]) -> Values:
    """Whole numbers when all are, else floats when all are numbers, else text."""
    words = [cell.strip() for cell in cells]
    if all(map(_WHOLE.fullmatch, words)):
        return np.array([int(word) for word in words], np.int64)
    try:
        return np.array([float(word.replace("_", "?")) for word in words], np.float64)
    except ValueError:
        return np.array(words, np.str_)
