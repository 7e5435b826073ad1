"""From an array of labels to a `Target`, whatever file the array came from.

Arrays may be memory-mapped and larger than memory: they are looked at and written block by block.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe import Reading
from augtool.sources._contract import Target, TargetKind

Labels = npt.NDArray[Any]

SUM_TOLERANCE = 1e-3
"""How far from 1 the weights of a soft label may add up to."""

MOST_IMPLIED_CLASSES = 1_000_000
"""A largest id beyond this is a mistake, not a number of classes, unless the number is given."""

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class StoredTarget:
    """A `Target` whose values lie in a ``.npy`` file: small, and can be pickled."""

    path: Path
    kind: TargetKind
    width: int
    class_names: tuple[str, ...] | None

    def mapped(self) -> Target:
        """The target, its values memory-mapped read-only."""
        values = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return Target(self.kind, values, self.width, self.class_names)


def target_of(
    labels: Labels,
    reading: Reading,
    where: str,
    class_names: tuple[str, ...] | None = None,
    num_classes: int | None = None,
) -> tuple[Target, tuple[str, ...]]:
    """The target that ``labels`` means, and warnings about it.

    labels
        (n,) or (n, 1): whole numbers are class ids, strings are classes, floats are a regression
        value; (n, K): soft labels when every row is ≥ 0 and sums to 1, multi-hot when all entries
        are in 0…1, else regression values.
    reading
        ``target`` overrides that; ``num_classes`` and ``label_base`` apply to class ids.
    where
        What the labels are called in messages: "data.h5: labels".
    class_names, num_classes
        What the file itself says.

    Vectors keep the dtype of ``labels`` until they are `stored`. Raises `UsageError` when the
    options do not fit the labels, and `SourceError`, with the row and
    its value, for a label that is out of range or not finite.
    """
    if labels.ndim not in (1, 2) or 0 in labels.shape:
        raise UsageError(
            f"{where} {labels.shape}: labels are (n,), (n, 1) or (n, K); use --label-key"
        )
    flat = labels.reshape(-1) if labels.ndim == 1 or labels.shape[1] == 1 else None
    if labels.dtype.kind in "OSU":
        return _named_classes(_flat_or_refused(flat, labels, where), reading, where), ()
    if labels.dtype.kind not in "biuf":
        raise UsageError(f"{where} is {labels.dtype}: labels are numbers or strings")
    known = _Known(class_names, num_classes, reading, where)
    if reading.target == "vector":
        return _vector("values", labels, known), ()
    if flat is None and reading.target == "classes":
        one_hot = _vector("soft", labels, known)
        ids = _ids_of_one_hot(labels, where)
        return replace(one_hot, kind="classes", values=ids), known.complaints(one_hot.width)
    if flat is None:
        vector = _vector(_kind_of(labels, where), labels, known)
        return vector, known.complaints(vector.width)
    if flat.dtype.kind == "f" and reading.target != "classes":
        return _vector("values", flat, known), _looks_like_ids(flat, where)
    return _classes(flat, known)


def stored(target: Target, path: Path) -> StoredTarget:
    """``target`` with its values written to ``path``, block by block."""
    values = target.values
    dtype = _stored_dtype(target.kind, values.dtype)
    header = {"descr": dtype.str, "fortran_order": False, "shape": values.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _, block in _blocks(values):
            file.write(np.ascontiguousarray(block, dtype).data)
    return StoredTarget(path, target.kind, target.width, target.class_names)


def digest_of(targets: Sequence[Target]) -> str:
    """sha256 (hex) of everything that targets say: kinds, names, class names and values."""
    digest = hashlib.sha256()
    for target in targets:
        values = target.values
        facts = (target.name, target.kind, target.width, target.class_names, values.shape)
        digest.update(json.dumps([*facts, values.dtype.str]).encode())
        for _, block in _blocks(values):
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Known:
    """What is known about the classes before the labels are read."""

    class_names: tuple[str, ...] | None
    num_classes: int | None
    reading: Reading
    where: str

    def names_for(self, width: int) -> tuple[str, ...] | None:
        fits = self.class_names is not None and len(self.class_names) == width
        return self.class_names if fits else None

    def complaints(self, width: int) -> tuple[str, ...]:
        if self.class_names is None or self.names_for(width) is not None:
            return ()
        return (
            f"{self.where}: the {len(self.class_names)} class names in the file are not used, "
            f"because there are {width} classes.",
        )

    def width(self, ids: Labels) -> tuple[int, str]:
        """K, and what it comes from."""
        if self.reading.num_classes is not None:
            return self.reading.num_classes, f"--num-classes is {self.reading.num_classes}"
        if self.class_names is not None:
            return len(self.class_names), f"the file names {len(self.class_names)} classes"
        if self.num_classes is not None:
            return self.num_classes, f"the file says num_classes = {self.num_classes}"
        implied = max(1, int(ids.max()) - self.reading.label_base + 1)
        return min(implied, MOST_IMPLIED_CLASSES), "where there are more, give --num-classes"


def _flat_or_refused(flat: Labels | None, labels: Labels, where: str) -> Labels:
    if flat is None:
        raise UsageError(f"{where} {labels.shape}: strings name one class a row, (n,)")
    return flat


def _named_classes(labels: Labels, reading: Reading, where: str) -> Target:
    """Classes from strings: sorted, ids in that order."""
    if reading.target == "vector":
        raise UsageError(f"{where}: strings are no vector; leave --target out")
    if reading.label_base:
        raise UsageError(f"{where}: strings have no first id; leave --label-base out")
    words = [_word(value, row, where) for row, value in enumerate(labels.tolist())]
    names = tuple(sorted(set(words)))
    if reading.num_classes not in (None, len(names)):
        raise UsageError(
            f"{where}: there are {len(names)} classes, --num-classes is {reading.num_classes}; "
            "leave it out"
        )
    ids = {name: number for number, name in enumerate(names)}
    values = np.fromiter((ids[word] for word in words), np.int64, len(words))
    return Target("classes", values, len(names), names)


def _word(value: object, row: int, where: str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return value
    raise SourceError(f"{where}: row {row} is {value!r}; labels are numbers or strings")


def _classes(labels: Labels, known: _Known) -> tuple[Target, tuple[str, ...]]:
    """Classes from numbers, which must be whole and in range."""
    _check_finite(labels, known.where)
    fractions = labels != np.floor(labels) if labels.dtype.kind == "f" else np.zeros(1, bool)
    _refuse(labels, fractions, f"{known.where}: %s, which is no whole number; leave --target out")
    base = known.reading.label_base
    width, reason = known.width(labels)
    last = width - 1 + base
    from_one = base == 0 and int(labels.min()) == 1
    advice = "; if ids are counted from 1, use --label-base 1" if from_one else ""
    _refuse(labels, labels < base, f"{known.where}: %s, and class ids start at {base}")
    _refuse(
        labels,
        labels > last,
        f"{known.where}: %s, and class ids end at {last} ({reason}){advice}",
    )
    target = Target("classes", labels.astype(np.int64) - base, width, known.names_for(width))
    warnings = known.complaints(width)
    if from_one:
        warnings += (
            f"{known.where}: the smallest class id is 1, so class 0 has no rows; "
            "if ids are counted from 1, use --label-base 1.",
        )
    return target, warnings


def _vector(kind: TargetKind, labels: Labels, known: _Known) -> Target:
    """A vector a row, as it is."""
    if known.reading.label_base:
        raise UsageError(f"{known.where}: vectors have no first id; leave --label-base out")
    if kind == "values":
        for start, block in _blocks(labels):
            _check_finite(block, known.where, start)
    width = 1 if labels.ndim == 1 else labels.shape[1]
    if kind != "values" and known.reading.num_classes not in (None, width):
        raise UsageError(
            f"{known.where} {labels.shape}: there are {width} classes, "
            f"--num-classes is {known.reading.num_classes}; leave it out"
        )
    return Target(kind, labels.reshape(-1, width), width, known.names_for(width))


def _kind_of(labels: Labels, where: str) -> TargetKind:
    """What the rows of an (n, K) array look like, all of them taken together."""
    shares, positive, sums = True, True, True
    for start, block in _blocks(labels):
        _check_finite(block, where, start)
        off = np.abs(block.sum(axis=1, dtype=np.float64) - 1)
        sums = sums and bool((off <= SUM_TOLERANCE).all())
        positive = positive and bool((block >= 0).all())
        shares = shares and positive and bool((block <= 1).all())
    if positive and sums:
        return "soft"
    return "multihot" if shares else "values"


def _ids_of_one_hot(labels: Labels, where: str) -> Labels:
    """The ids that one-hot rows stand for."""
    ids = np.empty(len(labels), np.int64)
    for start, block in _blocks(labels):
        stop = start + len(block)
        one_hot = ((block == 0) | (block == 1)).all(axis=1) & (block.sum(axis=1) == 1)
        if not one_hot.all():
            row = start + int(np.argmin(one_hot))
            raise UsageError(f"{where}: row {row} is not one-hot; leave --target classes out")
        ids[start:stop] = block.argmax(axis=1)
    return ids


def _looks_like_ids(labels: Labels, where: str) -> tuple[str, ...]:
    if (labels < 0).any() or (labels != np.floor(labels)).any():
        return ()
    return (
        f"{where}: whole numbers kept as {labels.dtype.name} are read as a regression value; "
        "if they are class ids, use --target classes.",
    )


def _check_finite(labels: Labels, where: str, start: int = 0) -> None:
    if labels.dtype.kind == "f":
        _refuse(labels, ~np.isfinite(labels), f"{where}: %s; labels are finite numbers", start)


def _refuse(labels: Labels, bad: npt.NDArray[np.bool_], message: str, start: int = 0) -> None:
    """Raise with the first bad row and its value, where ``message`` says ``%s``."""
    if bad.any():
        place = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise SourceError(message % f"row {start + int(place[0])} is {labels[place]}")


def _stored_dtype(kind: TargetKind, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """int64 for ids; for vectors the smallest of float32 and float64 that keeps every value."""
    if kind == "classes":
        return np.dtype(np.int64)
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)


def _blocks(values: Labels) -> Iterator[tuple[int, Labels]]:
    row_bytes = max(1, values.nbytes // max(1, len(values)))
    rows = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]
