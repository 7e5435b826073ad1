"""What sampling has to know of a source before any row is drawn: classes, groups and weights."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.planning.row_info import Known
from augtool.recipe.sampling import Sampling
from augtool.sources._columns import column_of, rows_of
from augtool.sources._contract import Source
from augtool.targets import UNKNOWN, Target

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[Any]

_FILES = (".csv", ".txt", ".npy")  # what else is a KEY
_PIN = re.compile("#[0-9a-f]{16}$")
_AT_ONCE = 1 << 16


def known_of(sampling: Sampling, source: Source) -> Known:
    """Look up what ``sampling`` needs. Raises `UsageError`, with the option, for keys and files
    that the source does not have or that do not fit, and for targets that cannot be sampled so."""
    known = Known(sampling)
    if sampling.group_by is not None:
        groups, name = _column(source, "group-by", sampling.group_by)
        sampling = dataclasses.replace(sampling, group_by=name)
        known = dataclasses.replace(known, groups=_numbered(groups))
    if sampling.row_weights is not None:
        weights, name = _column(source, "row-weights", sampling.row_weights)
        sampling = dataclasses.replace(sampling, row_weights=name)
        known = dataclasses.replace(known, weights=_checked(weights))
    if sampling.rows is not None:
        rows = _rows(source, _PIN.sub("", sampling.rows))
        sampling = dataclasses.replace(sampling, rows=_pinned("rows", sampling.rows, rows))
        known = dataclasses.replace(known, rows=rows)
    why = _needs_classes(sampling)
    target = source.targets[0]
    if why is not None or (sampling.holdout is not None and target.has_hard_label):
        names = target.class_names or tuple(map(str, range(target.width)))
        known = dataclasses.replace(known, classes=classes_of(target, why or ""), names=names)
    return dataclasses.replace(
        known,
        sampling=sampling,
        carried={key: _carried(source, key) for key in sampling.carry},
    )


def classes_of(target: Target, why: str) -> Ints:
    """(n,) the class id of each row, of soft labels the heaviest; −1 where it is not known.

    Raises `UsageError`, which begins with ``why``, for targets that are no classes.
    """
    if not target.has_hard_label:
        what = "multi-hot" if target.kind == "multihot" else "values to regress"
        by_draws = why.startswith("balance")
        instead = "row-weights KEY" if by_draws else "groups of a column, with group-by KEY"
        raise UsageError(
            f"{why}: {target.name or 'the labels'} are {what}, not classes; use {instead}"
        )
    if target.kind == "classes":
        return np.asarray(target.values, np.int64)
    ids = np.empty(len(target.values), np.int64)
    for start in range(0, len(ids), _AT_ONCE):
        soft = np.asarray(target.values[start : start + _AT_ONCE])
        unknown = np.isnan(soft).any(axis=1)
        ids[start : start + _AT_ONCE] = np.where(unknown, UNKNOWN, soft.argmax(axis=1))
    return ids


def _needs_classes(sampling: Sampling) -> str | None:
    """The option that needs classes, if any does."""
    options = {
        f"balance {sampling.balance}": sampling.balance != "none",
        f"pair {sampling.pair}": sampling.pair.endswith("-class"),
        "only-classes": sampling.only_classes is not None,
        "per-class": sampling.per_class is not None,
    }
    return next((option for option, needs in options.items() if needs), None)


def _column(source: Source, option: str, given: str) -> tuple[Values, str]:
    """The values of a KEY or FILE, and what the recipe calls it."""
    where = _PIN.sub("", given)
    try:
        values = column_of(source, where)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    is_file = Path(where).suffix.lower() in _FILES
    return values, _pinned(option, given, values) if is_file else given


def _rows(source: Source, file: str) -> Ints:
    try:
        return rows_of(source, file)
    except UsageError as error:
        raise UsageError(f"rows: {error}") from None


def _pinned(option: str, given: str, values: Values) -> str:
    """The name of a file and a hash of what it says. Raises `UsageError` when ``given`` has one
    already and it is another."""
    plain = values if values.dtype.kind == "U" else values.astype(values.dtype.newbyteorder("<"))
    words = "\n".join(plain.tolist()).encode() if plain.dtype.kind == "U" else plain.tobytes()
    file = Path(_PIN.sub("", given))
    made = f"{file.name}#{hashlib.sha256(words).hexdigest()[:16]}"
    if _PIN.search(given) and given.rpartition("#")[2] != made.rpartition("#")[2]:
        raise UsageError(
            f"{option}: {file} does not say what it said when this recipe was stored; "
            "give the same file, or leave out what follows the #"
        )
    return made


def _numbered(values: Values) -> Ints:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _checked(weights: Values) -> Values:
    if weights.dtype.kind not in "biuf":
        raise UsageError("row-weights: these are words; weights are numbers from 0")
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise UsageError(f"row-weights: row {row} has {weights[row]}; weights are numbers from 0")
    return weights


def _carried(source: Source, key: str) -> Values:
    """A column as it is stored: text as UTF-8 of fixed length."""
    try:
        values = source.column(key)
    except UsageError as error:
        raise UsageError(f"carry: {error}") from None
    return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
