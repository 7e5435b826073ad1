"""From an array of labels to a `Target`, whatever file the array came from.

Arrays may be memory-mapped and larger than memory: they are looked at and written block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._unknown_labels import unknown
from augtool.targets import UNKNOWN, Target, TargetKind

Labels = npt.NDArray[Any]

SUM_TOLERANCE = 1e-3
"""How far from 1 the weights of a soft label may add up to."""

MOST_IMPLIED_CLASSES = 1_000_000
"""A largest id beyond this is a mistake, not a number of classes, unless the number is given."""

_NO_WHOLE = ", which is no whole number; leave --target out"

_BLOCK_BYTES = 4 << 20
_KINDS: tuple[TargetKind, ...] = ("soft", "multihot", "values")  # each is also of those after it


def target_of(
    labels: Labels,
    reading: Reading,
    where: str,
    class_names: tuple[str, ...] | None = None,
    num_classes: int | None = None,
    kind: TargetKind | None = None,
) -> tuple[Target, tuple[str, ...]]:
    """The target that ``labels`` means, and warnings about it.

    labels
        (n,) or (n, 1): whole numbers are class ids, strings are classes, floats are a regression
        value; (n, K): soft labels when every row is ≥ 0 and sums to 1, multi-hot when all entries
        are in 0…1, else regression values.
    reading
        ``target`` overrides that; ``num_classes`` and ``label_base`` apply to class ids;
        ``label_missing`` says what stands for an unknown class or entry.
    where
        What the labels are called in messages: "data.h5: labels".
    class_names, num_classes, kind
        What the file itself says.

    Vectors keep the dtype of ``labels``, and what is unknown as it is, until they are stored.
    Raises `UsageError` when the options do not fit the labels, and `SourceError`, with the row and
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
    if reading.target == "classes":
        return _one_hot(labels, known) if flat is None else _classes(flat, known)
    if flat is None or kind is not None:
        return _looked_at(labels, known, kind or "soft")
    if flat.dtype.kind == "f":
        return _vector("values", flat, known), _looks_like_ids(flat, known)
    return _classes(flat, known)


def takes_base(labels: Labels, reading: Reading) -> bool:
    """Whether ``labels`` are numbered classes, which begin somewhere."""
    flat = labels.ndim == 1 or labels.shape[1:] == (1,)
    whole = labels.dtype.kind in "biu" and reading.target != "vector"
    return flat and (whole or (labels.dtype.kind == "f" and reading.target == "classes"))


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

    def unknown(self, labels: Labels) -> npt.NDArray[np.bool_]:
        return unknown(labels, self.reading.label_missing, self.where)

    def refuse(
        self, labels: Labels, bad: npt.NDArray[np.bool_], fault: str, start: int = 0
    ) -> None:
        """Raise with the first bad row and its value; row 0 of ``labels`` is row ``start``."""
        if not bad.any():
            return
        place = np.unravel_index(int(np.argmax(bad)), bad.shape)
        row, value = start + int(place[0]), labels[place]
        hint = f"; if it stands for an unknown label, use --label-missing {value}"
        if self.reading.label_missing is not None or fault == _NO_WHOLE or np.isinf(value):
            hint = ""
        raise SourceError(f"{self.where}: row {row} is {value}{fault}{hint}")

    def check_finite(self, labels: Labels, start: int = 0) -> None:
        if labels.dtype.kind == "f":
            bad = ~(np.isfinite(labels) | self.unknown(labels))
            self.refuse(labels, bad, "; labels are finite numbers", start)

    def check_some(self, unknowns: npt.NDArray[np.bool_]) -> None:
        if unknowns.all():
            raise SourceError(
                f"{self.where}: every label is unknown (--label-missing "
                f"{self.reading.label_missing}); check the value"
            )


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
    names = tuple(sorted(set(words) - {reading.label_missing}))
    if not names:
        raise SourceError(
            f"{where}: every label is unknown (--label-missing {reading.label_missing!r}); "
            "check the value"
        )
    if reading.num_classes not in (None, len(names)):
        raise UsageError(
            f"{where}: there are {len(names)} classes, --num-classes is {reading.num_classes}; "
            "leave it out"
        )
    ids = {name: number for number, name in enumerate(names)}
    values = np.fromiter((ids.get(word, UNKNOWN) for word in words), np.int64, len(words))
    return Target("classes", values, len(names), names)


def _word(value: object, row: int, where: str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return value
    raise SourceError(f"{where}: row {row} is {value!r}; labels are numbers or strings")


def _classes(labels: Labels, known: _Known) -> tuple[Target, tuple[str, ...]]:
    """Classes from numbers, which must be whole and in range."""
    known.check_finite(labels)
    unknowns = known.unknown(labels)
    known.check_some(unknowns)
    ids = labels[~unknowns]
    if labels.dtype.kind == "f":
        known.refuse(labels, ~unknowns & (labels != np.floor(labels)), _NO_WHOLE)
    base = known.reading.label_base
    width, reason = known.width(ids)
    last = width - 1 + base
    from_one = base == 0 and int(ids.min()) == 1
    advice = "; if ids are counted from 1, use --label-base 1" if from_one else ""
    known.refuse(labels, ~unknowns & (labels < base), f", and class ids start at {base}")
    known.refuse(
        labels, ~unknowns & (labels > last), f", and class ids end at {last} ({reason}){advice}"
    )
    values = np.where(unknowns, base, labels).astype(np.int64) - base
    values[unknowns] = UNKNOWN
    target = Target("classes", values, width, known.names_for(width))
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
        hidden = True
        for start, block in blocks(labels):
            known.check_finite(block, start)
            hidden = hidden and bool(known.unknown(block).all())
        known.check_some(np.array(hidden))
    width = 1 if labels.ndim == 1 else labels.shape[1]
    if kind != "values" and known.reading.num_classes not in (None, width):
        raise UsageError(
            f"{known.where} {labels.shape}: there are {width} classes, "
            f"--num-classes is {known.reading.num_classes}; leave it out"
        )
    return Target(kind, labels.reshape(-1, width), width, known.names_for(width))


def _kind_of(labels: Labels, known: _Known, said: TargetKind) -> TargetKind:
    """What the rows of an (n, K) array look like, all of them taken together; or what is ``said``
    of them, where they can be that. Rows that are known in part are not soft."""
    shares, positive, sums, some = True, True, True, False
    for start, block in blocks(labels):
        known.check_finite(block, start)
        unknowns = known.unknown(block)
        whole, empty = ~unknowns.any(axis=1), unknowns.all(axis=1)
        values = np.where(unknowns, 0, block) if unknowns.any() else block
        off = np.abs(values.sum(axis=1, dtype=np.float64) - 1)
        sums = sums and bool((empty | whole & (off <= SUM_TOLERANCE)).all())
        positive = positive and bool((values >= 0).all())
        shares = shares and positive and bool((values <= 1).all())
        some = some or not empty.all()
    known.check_some(np.array(not some))
    found = "soft" if positive and sums else "multihot" if shares else "values"
    said = "soft" if said == "classes" else said
    return _KINDS[max(_KINDS.index(found), _KINDS.index(said))]


def _looked_at(labels: Labels, known: _Known, said: TargetKind) -> tuple[Target, tuple[str, ...]]:
    """A vector a row, of the kind that its values can be."""
    kind = _kind_of(labels.reshape(len(labels), -1), known, said)
    target = _vector(kind, labels, known)
    return target, known.complaints(target.width) + _looks_multihot(target, known)


def _one_hot(labels: Labels, known: _Known) -> tuple[Target, tuple[str, ...]]:
    """Classes from one-hot rows."""
    target = replace(_vector("soft", labels, known), kind="classes")
    ids = _ids_of_one_hot(labels, known)
    return replace(target, values=ids), known.complaints(target.width)


def _ids_of_one_hot(labels: Labels, known: _Known) -> Labels:
    """The ids that one-hot rows stand for."""
    ids = np.empty(len(labels), np.int64)
    for start, block in blocks(labels):
        stop = start + len(block)
        hidden = known.unknown(block).any(axis=1)
        one_hot = ((block == 0) | (block == 1)).all(axis=1) & (block.sum(axis=1) == 1)
        if not (one_hot | hidden).all():
            row = start + int(np.argmin(one_hot | hidden))
            raise UsageError(f"{known.where}: row {row} is not one-hot; leave --target classes out")
        ids[start:stop] = np.where(hidden, UNKNOWN, block.argmax(axis=1))
    known.check_some(ids == UNKNOWN)
    return ids


def _looks_like_ids(labels: Labels, known: _Known) -> tuple[str, ...]:
    values = labels[~known.unknown(labels)]
    if (values < 0).any() or (values != np.floor(values)).any():
        return ()
    return (
        f"{known.where}: whole numbers kept as {labels.dtype.name} are read as a regression value; "
        "if they are class ids, use --target classes.",
    )


def _looks_multihot(target: Target, known: _Known) -> tuple[str, ...]:
    """A warning about −1, 0 and 1 that were taken for values."""
    if target.kind != "values" or target.values.dtype.kind not in "if":
        return ()
    ternary = all(np.isin(block, (-1, 0, 1)).all() for _, block in blocks(target.values))
    return ternary * (
        f"{known.where}: entries of -1, 0 and 1 are read as values to regress; "
        "if -1 stands for unknown, use --label-missing -1.",
    )


def blocks(values: Labels) -> Iterator[tuple[int, Labels]]:
    """The rows a few megabytes at a time, with the number of the first."""
    row_bytes = max(1, values.nbytes // max(1, len(values)))
    rows = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(values), rows):
        yield start, values[start : start + rows]
