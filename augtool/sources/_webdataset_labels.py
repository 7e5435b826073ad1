"""The labels of WebDataset samples: members ``cls``, ``soft.npy``, ``npy``, or keys of ``json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Reading
from augtool.sources._array_names import target_names
from augtool.sources._column import Column
from augtool.sources._label_cells import labels_of
from augtool.sources._npy_header import array_in
from augtool.sources._stored_targets import LabelArray, StoredTarget, stored_targets
from augtool.sources._webdataset import Member, Sample
from augtool.system import strict_json
from augtool.text import shown

Data = Callable[[Member], bytes]
_USUAL = ("soft.npy", "cls", "npy")
_MOST_BYTES = 64 << 20  # of one label
_MOST_JSON = 16 << 20  # bytes: lists in lists take twenty times as much in memory
_OWN = "labels_"


class _Kept(Protocol):
    """The labels of one target while they are found."""

    def keep(self, data: bytes, where: str) -> None: ...

    def array(self, where: str) -> LabelArray: ...


@dataclass
class Labels:
    """The labels of all rows while they are found, by the member or the key that has them."""

    members: Mapping[str, _Kept]
    columns: Mapping[str, list[Any]]
    names: tuple[str, ...]
    class_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, sample: Sample, data: Data) -> bool:
        """Keep the labels of a sample; False, and nothing is kept, when it has not all."""
        if any(one not in sample.members for one in self.members):
            return False
        record: dict[str, Any] = {}
        if self.columns:
            record = _record(sample, data)
            if any(one not in record for one in self.columns):
                return False
        for extension, kept in self.members.items():
            member = sample.members[extension]
            if member.size > _MOST_BYTES:
                raise SourceError(f"{shown(member.name)}: {member.size:,} bytes are no label")
            kept.keep(data(member), shown(member.name))
        for key, cells in self.columns.items():
            value = record[key]
            cells.append(sys.intern(value) if isinstance(value, str) else value)
        return True

    def know(self, record: Mapping[str, object]) -> None:
        """Take the names of classes from what augtool wrote about an archive of its own."""
        said = record.get("attributes")
        if not isinstance(said, dict):
            return
        for name in self.names:
            try:
                names = json.loads(said[f"class_names_{name}" if name else "class_names"])
            except (KeyError, ValueError, TypeError):
                continue
            if isinstance(names, list) and all(isinstance(one, str) for one in names):
                self.class_names[name] = tuple(names)

    def targets(
        self, reading: Reading, place: str, scratch: Path
    ) -> tuple[tuple[StoredTarget, ...], tuple[str, ...]]:
        """The targets, in files of ``scratch``, and warnings. Raises as `target_of`."""
        arrays = [
            _with_names(kept.array(f"{place}: {extension}"), name, self.class_names.get(name))
            for name, (extension, kept) in zip(self.names, self.members.items(), strict=False)
        ]
        arrays += [
            labels_of(
                Column(cells), np.arange(len(cells)), name, f"{place}: {key}",
                reading.label_missing, None, scratch,
            )
            for name, (key, cells) in zip(self.names, self.columns.items(), strict=False)
        ]  # fmt: skip
        return stored_targets(arrays, reading, scratch)


def labels_in(sample: Sample, image: str, reading: Reading, spec: str, scratch: Path) -> Labels:
    """Where the labels are, by the first sample. Raises `UsageError`."""
    if reading.label_column is not None:
        if reading.label_key not in (None, ("json",)):
            raise UsageError(f"{spec}: --label-column is of json members; leave --label-key out")
        if "json" not in sample.members:
            raise UsageError(f"{spec}: the first row has no json; it has {_listed(sample)}")
        names = target_names(reading.label_column, spec)
        return Labels({}, {key: [] for key in reading.label_column}, names)
    own = tuple(one for one in sample.members if one.startswith(_OWN) and one.endswith(".npy"))
    keys = (
        reading.label_key
        or own
        or tuple(one for one in _USUAL if one in sample.members and one != image)[:1]
    )
    if not keys:
        json_hint = " or a key of its json with --label-column" if "json" in sample.members else ""
        raise UsageError(
            f"{spec}: no member of the first row has a usual name for labels (cls, soft.npy, npy); "
            f"choose one of {_listed(sample)} with --label-key{json_hint}"
        )
    for key in keys:
        if key not in sample.members:
            advice = did_you_mean(key, list(sample.members)) or f"; it has {_listed(sample)}"
            raise UsageError(f"{spec}: the first row has no member {key!r}{advice}")
    names = target_names([key.removesuffix(".npy") for key in keys], spec)
    kept: dict[str, _Kept] = {
        key: _Vectors(scratch / f"vectors-{number}.raw") if key.endswith("npy") else _Words()
        for number, key in enumerate(keys)
    }
    return Labels(kept, {}, names)


@dataclass
class _Words:
    """Class ids or names, as text."""

    cells: list[str] = field(default_factory=list)

    def keep(self, data: bytes, where: str) -> None:
        text = data.decode("utf-8", "backslashreplace").strip()
        if not text:
            raise SourceError(f"{where}: holds no class; mend the archive")
        self.cells.append(sys.intern(text))

    def array(self, where: str) -> LabelArray:
        rows = np.arange(len(self.cells))
        return labels_of(Column(self.cells), rows, "", where, None, None, Path())


@dataclass
class _Vectors:
    """Arrays of one shape and dtype, written one after another to a file."""

    path: Path
    n: int = 0
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))

    def keep(self, data: bytes, where: str) -> None:
        value = loaded(data, where)
        if not self.n:
            self.shape, self.dtype = value.shape, value.dtype
        if value.shape != self.shape or value.dtype != self.dtype:
            raise SourceError(
                f"{where}: is {value.dtype} {value.shape}, and the labels before it are "
                f"{self.dtype} {self.shape}; make them alike"
            )
        with self.path.open("ab" if self.n else "wb", buffering=0) as file:
            file.write(value.tobytes())
        self.n += 1

    def array(self, where: str) -> LabelArray:
        values = np.memmap(self.path, self.dtype, "r", 0, (self.n, *self.shape))
        return LabelArray("", values, where)


def loaded(data: bytes, where: str) -> npt.NDArray[Any]:
    """The array in the bytes of a .npy file. Raises `SourceError`, also for pickled objects."""
    try:
        return array_in(data)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{where}: not readable as npy ({error}); mend the archive") from None


def _record(sample: Sample, data: Data) -> dict[str, Any]:
    member = sample.members.get("json")
    if member is None:
        return {}
    if member.size > _MOST_JSON:
        raise SourceError(f"{shown(member.name)}: {member.size:,} bytes are no label")
    try:
        record = strict_json.loads(data(member))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{shown(member.name)}: is no JSON ({error})") from None
    return record if isinstance(record, dict) else {}


def _with_names(array: LabelArray, name: str, class_names: tuple[str, ...] | None) -> LabelArray:
    return replace(array, name=name, class_names=class_names)


def _listed(sample: Sample) -> str:
    return ", ".join(sample.members)
