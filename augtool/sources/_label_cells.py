"""From the cells of a column of labels to an array of labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.sources._column import Column
from augtool.sources._contract import Rows
from augtool.sources._stored_targets import LabelArray

Cells = Sequence[Any]
_WHOLE = re.compile("[+-]?(0|[1-9][0-9]{0,17})")  # 007 is a name, not a number
_NAME = re.compile("[+-]?0[0-9]|.*_")
_MOST_CLASSES = 1_000_000


def labels_of(
    column: Column,
    rows: Rows,
    name: str,
    where: str,
    missing: str | None,
    sep: str | None,
    scratch: Path,
) -> LabelArray:
    """The labels of ``rows`` of a column: row i of the result is cell ``rows[i]``.

    Text cells are whole numbers when all are, else numbers, else class names; with ``sep``, and in
    lists, several classes a cell, (n, K) multi-hot in a file of ``scratch``. ``missing`` is what
    stands for an unknown label; ``nan`` also covers empty cells and null.
    """
    if isinstance(column.cells, np.ndarray):
        labels = column.cells[rows]
        return LabelArray(name, labels, where, column.class_names)
    cells = [column.cells[row] for row in rows.tolist()]
    if sep is not None:
        return _multihot(
            name, (_split(cell, sep, where) for cell in cells), len(cells), where, scratch
        )
    if any(isinstance(cell, list) for cell in cells):
        return _of_lists(name, cells, where, scratch)
    labels, stands = _typed(cells, where, missing)
    return LabelArray(name, labels, where, column.class_names, missing=stands)


def _split(cell: Any, sep: str, where: str) -> list[str]:
    if cell is None:
        return []
    if not isinstance(cell, str):
        raise UsageError(
            f"{where}: holds {cell!r}, which is no text to split; leave out --label-sep"
        )
    return [word.strip() for word in cell.split(sep) if word.strip()]


def _of_lists(name: str, cells: Cells, where: str, scratch: Path) -> LabelArray:
    """Vectors when all are numbers and equally many, else sets of classes."""
    lists = [cell if isinstance(cell, list) else [cell] for cell in cells]
    lengths = {len(one) for one in lists}
    if len(lengths) == 1 and 0 not in lengths and all(map(_is_number, _flat(lists))):
        return LabelArray(name, np.array(lists, np.float64), where)
    words = ([str(word) for word in one if word is not None] for one in lists)
    return _multihot(name, words, len(lists), where, scratch)


def _flat(lists: Cells) -> Iterable[Any]:
    return (value for one in lists for value in one)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _multihot(
    name: str, sets: Iterable[list[str]], n: int, where: str, scratch: Path
) -> LabelArray:
    """(n, K): 1 where a row has a class. Classes are sorted; whole numbers are ids."""
    kept = [tuple(one) for one in sets]
    words = sorted(set(_flat(kept)))
    if not words:
        raise UsageError(f"{where}: no row has a class; check --label-column and --label-sep")
    ids, names = _ids_of(words)
    width = max(ids.values()) + 1
    if width > _MOST_CLASSES:
        raise UsageError(f"{where}: {max(ids.values())} is no class id; check --label-column")
    path = scratch / f"sets-{len(list(scratch.glob('sets-*')))}.raw"
    values: npt.NDArray[np.uint8] = np.memmap(path, np.uint8, "w+", 0, (n, width))
    for row, one in enumerate(kept):
        values[row, [ids[word] for word in one]] = 1
    return LabelArray(name, values, where, names, kind="multihot")


def _ids_of(words: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...] | None]:
    """The id of each class, and the names where they are names."""
    if all(_WHOLE.fullmatch(word) and not word.startswith("-") for word in words):
        return {word: int(word) for word in words}, None
    return {word: number for number, word in enumerate(words)}, tuple(words)


def _typed(cells: Cells, where: str, missing: str | None) -> tuple[npt.NDArray[Any], str | None]:
    """(n,) whole numbers, numbers or text, and what stands there for an unknown label."""
    words = [_word(cell) for cell in cells]
    empty = {"", "nan"} if missing is not None and missing.lower() == "nan" else {missing}
    known = [word for word in words if word.lower() not in empty and word not in empty]
    if "" in known:
        raise UsageError(
            f"{where}: {known.count('')} of {len(words)} images have an empty label, the first is "
            f"row {words.index('')}; fill them in, or use --label-missing nan"
        )
    kept = set(known)
    if kept and all(map(_WHOLE.fullmatch, kept)):
        marker = min(-1, min(map(int, kept)) - 1)
        ids = [int(word) if word in kept else marker for word in words]
        return np.array(ids, np.int64), str(marker) if missing is not None else None
    try:
        numbers = {word: _number(word) for word in kept}
    except ValueError:
        texts = np.empty(len(words), object)
        texts[:] = [word if word in kept else missing for word in words]
        return texts, None
    values = [numbers.get(word, np.nan) for word in words]
    return np.array(values, np.float64), "nan" if missing is not None else None


def _number(word: str) -> float:
    """Raises ValueError for what only looks like one: 007, 1_000."""
    if _NAME.match(word):
        raise ValueError
    return float(word)


def _word(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    return cell.strip() if isinstance(cell, str) else str(cell)
