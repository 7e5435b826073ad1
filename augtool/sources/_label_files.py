"""Labels that lie beside image files: in a table that names them, or in their own names."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from augtool.errors import UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Reading
from augtool.sources import _tables
from augtool.sources._array_names import target_names
from augtool.sources._column import Column
from augtool.sources._contract import Rows
from augtool.sources._label_cells import labels_of
from augtool.sources._mapped import Version, check_version
from augtool.sources._patterns import first_groups
from augtool.sources._stored_targets import (
    LabelArray,
    StoredTarget,
    digest_of,
    stored_targets,
)
from augtool.sources._tables import Table
from augtool.system.child import ChildDied, in_child
from augtool.text import shown

TABLE_READING = frozenset(
    {"name_column", "label_column", "label_sep", "label_from_name"}
    | {"label_missing", "target", "num_classes", "label_base"}
)
# What columns are usually called, the best first; any case.
_NAME_HEADINGS = (
    *("file_name", "filename", "file", "path", "filepath", "file_path", "image_path"),
    *("image", "image_name", "img", "image_id", "img_id", "name", "id"),
)
_LABEL_HEADINGS = (
    *("labels", "label", "class", "class_name", "classes", "category", "target", "targets"),
    *("tags", "y", "class_id", "label_id", "category_id"),
)
_AMBIGUOUS, _MISSING = -2, -1
_SHOWN = 3


@dataclass(frozen=True)
class Labelled:
    """The images that have a label: their places in the list of names, rising; their targets; the
    images that have none, counted; and what the user should hear."""

    places: list[int]
    targets: tuple[StoredTarget, ...]
    left_out: Counter[str]
    warnings: tuple[str, ...]


def metadata_in(root: bytes, follow: bool) -> tuple[Path | None, tuple[str, ...]]:
    """The table called metadata in a folder, if it has one; and the warning about one that is a
    link, which is not read unless links are followed."""
    warnings: tuple[str, ...] = ()
    for suffix in _tables.SUFFIXES:
        path = Path(os.fsdecode(root)) / f"metadata{suffix}"
        if path.is_symlink() and not follow:
            warnings += (
                f"{shown(os.fsencode(path))}: is a link, so it is not read; use --follow-links, or "
                "name the table with --labels",
            )
        elif path.is_file():
            return path, warnings
    return None, warnings


def check_no_table(spec: str, reading: Reading) -> None:
    """Raise `UsageError` for options that mean nothing where folders are the classes."""
    for field in fields(reading):
        if field.name in TABLE_READING and getattr(reading, field.name) != field.default:
            option = field.name.replace("_", "-")
            raise UsageError(
                f"{spec}: --{option} means nothing where folders are the classes; name a table of "
                "labels with --labels FILE, or leave it out"
            )


def from_names(names: Sequence[bytes], spec: str, reading: Reading, scratch: Path) -> Labelled:
    """The class of each image is the first group that ``reading.label_from_name``, a regular
    expression, finds in its relative path. Raises `UsageError`."""
    assert reading.label_from_name is not None
    option = f"--label-from-name {reading.label_from_name}"
    for field in ("name_column", "label_column", "label_sep"):
        if getattr(reading, field) is not None:
            raise UsageError(
                f"{option}: no table is read, so leave --{field.replace('_', '-')} out"
            )
    _check_pattern(reading.label_from_name, option)
    try:
        found = in_child(first_groups, reading.label_from_name, list(names))
    except ChildDied:
        raise UsageError(
            f"{option}: takes too long on these names; write it without repeats inside repeats, "
            "such as (a+)+"
        ) from None
    places = [place for place, match in enumerate(found) if match]
    if not places:
        raise UsageError(f"{option}: fits none of the names, such as {shown(names[0])!r}")
    cells = [shown(_tables.as_bytes(match)) for match in found if match]
    rows = np.arange(len(cells))
    array = labels_of(Column(cells), rows, "", f"{spec}: {option}", None, None, scratch)
    return _labelled(names, places, [array], reading, scratch, option, ())


def _check_pattern(text: str, option: str) -> None:
    """Raise `UsageError` for what is no regular expression with a group."""
    try:
        with warnings.catch_warnings(action="ignore"):
            groups = re.compile(text).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{option}: is no regular expression ({error})") from None
    if not groups:
        raise UsageError(f"{option}: put the part that is the class into parentheses")


def from_table(
    names: Sequence[bytes], path: Path, spec: str, reading: Reading, scratch: Path
) -> Labelled:
    """The labels that the table ``path`` gives the images ``names``; a .npy file has one a row, in
    the order of the names.

    Raises `UsageError` when the columns are not found, when a name stands there twice or for
    several images, and when there are more names without an image than with.
    """
    where = shown(os.fsencode(path))
    if path.suffix.lower() == ".npy":
        version = Version.of(path) if path.is_file() else None
        array = LabelArray("", _npy_labels(path, where, len(names), reading), where)
        every = list(range(len(names)))
        labelled = _labelled(names, every, [array], reading, scratch, where, ())
        if version is not None:
            check_version(path, version)
        return labelled
    table = _tables.opened(path)
    name_column = _name_column(table, reading, where)
    label_columns = _label_columns(table, reading, where, name_column)
    columns = table.columns([name_column, *label_columns])
    wanted = [_tables.as_bytes(cell) for cell in columns.pop(name_column).cells]
    found = _found(names, wanted, where)
    warnings = _missing(names, wanted, found, where, spec)
    there = np.flatnonzero(found >= 0)
    _check_once(wanted, found, there, where)
    order = there[np.argsort(found[there])]
    titles = dict(zip(label_columns, target_names(label_columns, where), strict=True))
    arrays = [
        labels_of(
            column,
            order,
            titles[key],
            f"{where}: {key}",
            reading.label_missing,
            reading.label_sep,
            scratch,
        )
        for key, column in columns.items()
    ]
    places = [int(place) for place in found[order]]
    return _labelled(names, places, arrays, reading, scratch, where, warnings)


def fingerprint(files: str, targets: Iterable[StoredTarget]) -> str:
    """sha256 (hex) of the digest of files and of all that their targets say."""
    said = digest_of(target.mapped() for target in targets)
    return hashlib.sha256(f"{files} {said}".encode()).hexdigest()


def _labelled(
    names: Sequence[bytes],
    places: list[int],
    arrays: list[LabelArray],
    reading: Reading,
    scratch: Path,
    where: str,
    warnings: tuple[str, ...],
) -> Labelled:
    targets, said = stored_targets(arrays, reading, scratch)
    have = set(places)
    without = [name for place, name in enumerate(names) if place not in have]
    left_out = Counter({"without label": len(without)} if without else {})
    if without:
        said += (
            f"{where}: {len(without)} of {len(names)} images have no label, such as "
            f"{_some(without)}; they are left out",
        )
    return Labelled(places, targets, left_out, (*warnings, *said))


def _npy_labels(path: Path, where: str, n: int, reading: Reading) -> Rows:
    for field in ("name_column", "label_column", "label_sep"):
        if getattr(reading, field) is not None:
            raise UsageError(
                f"{where}: an array has no columns, so leave --{field.replace('_', '-')} out"
            )
    labels = _tables.npy(path)
    if labels.shape[:1] != (n,):
        raise UsageError(
            f"{where}: has shape {labels.shape}, and there are {n} images; give one label for each "
            "image, in the sorted order of their paths, or a table with names"
        )
    return labels


def _name_column(table: Table, reading: Reading, where: str) -> str:
    if reading.name_column is not None:
        return _existing(table, reading.name_column, "--name-column", where)
    found = _usual(table.headings, _NAME_HEADINGS)
    if found is None:
        raise UsageError(
            f"{where}: no column has a usual name for files; say which of "
            f"{_listed(table.headings)} it is with --name-column"
        )
    return found


def _label_columns(table: Table, reading: Reading, where: str, name_column: str) -> tuple[str, ...]:
    if reading.label_column is not None:
        return tuple(
            _existing(table, name, "--label-column", where) for name in reading.label_column
        )
    rest = [name for name in table.headings if name != name_column]
    own = [name for name in rest if name.startswith("labels_")]  # of augtool's own outputs
    if own:
        return tuple(own)
    found = _usual(rest, _LABEL_HEADINGS) or (rest[0] if len(rest) == 1 else None)
    if found is None:
        raise UsageError(
            f"{where}: no column has a usual name for labels; say which of {_listed(rest)} with "
            "--label-column"
        )
    return (found,)


def _existing(table: Table, name: str, option: str, where: str) -> str:
    if name not in table.headings:
        advice = did_you_mean(name, table.headings) or f"; it has {_listed(table.headings)}"
        raise UsageError(f"{where}: {option} {name}: there is no such column{advice}")
    return name


def _usual(headings: Sequence[str], usual: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(headings)}
    return next((lower[name] for name in usual if name in lower), None)


def _listed(headings: Sequence[str]) -> str:
    more = f" and {len(headings) - 12} more" if len(headings) > 12 else ""
    return ", ".join(repr(name) for name in headings[:12]) + more


def _found(names: Sequence[bytes], wanted: Sequence[bytes], where: str) -> Rows:
    """The place in ``names`` of each wanted one, or `_MISSING`: by its path, with or without the
    extension, else by the last part of its path."""
    found = np.full(len(wanted), _MISSING, np.int64)
    for key in (_whole, _stem, _last, _last_stem):
        open_ones = np.flatnonzero(found == _MISSING).tolist()
        if not open_ones:
            break
        places = _places(names, key)
        found[open_ones] = [places.get(_plain(wanted[at]), _MISSING) for at in open_ones]
    if (found == _AMBIGUOUS).any():
        first = shown(wanted[int(np.argmax(found == _AMBIGUOUS))])
        raise UsageError(
            f"{where}: {(found == _AMBIGUOUS).sum()} names are those of several images, such as "
            f"{first!r}; give their folders and extensions too"
        )
    return found


def _places(names: Sequence[bytes], key: Callable[[bytes], bytes]) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for place, name in enumerate(names):
        if places.setdefault(key(name), place) != place:
            places[key(name)] = _AMBIGUOUS
    return places


def _plain(name: bytes) -> bytes:
    return name.strip().removeprefix(b"./")


def _whole(name: bytes) -> bytes:
    return name


def _stem(name: bytes) -> bytes:
    return os.path.splitext(name)[0]  # noqa: PTH122 (paths of bytes)


def _last(name: bytes) -> bytes:
    return name.rpartition(b"/")[2]


def _last_stem(name: bytes) -> bytes:
    return _stem(_last(name))


def _missing(
    names: Sequence[bytes], wanted: Sequence[bytes], found: Rows, where: str, spec: str
) -> tuple[str, ...]:
    """A warning about names that are no images; more of them than of others is an error."""
    missing = [wanted[at] for at in np.flatnonzero(found == _MISSING).tolist()]
    if not wanted:
        raise UsageError(f"{where}: names no image; check the file")
    said = (
        f"{where}: {len(missing)} of {len(wanted)} names have no image in {spec}, such as "
        f"{_some(missing)}"
    )
    if 2 * len(missing) > len(wanted):
        raise UsageError(
            f"{said}; its first image is {shown(names[0])!r}: check --in, or say which column has "
            "the names with --name-column"
        )
    return (said,) if missing else ()


def _check_once(wanted: Sequence[bytes], found: Rows, there: Rows, where: str) -> None:
    values, first, counts = np.unique(found[there], return_index=True, return_counts=True)
    if len(values) < len(there):
        twice = shown(wanted[int(there[first[counts > 1][0]])])
        raise UsageError(
            f"{where}: {(counts > 1).sum()} images are listed more than once, such as {twice!r}; "
            "list each once"
        )


def _some(names: Sequence[bytes]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(repr(shown(name)) for name in names[:_SHOWN]) + more
