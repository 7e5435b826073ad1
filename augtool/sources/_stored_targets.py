"""Targets in files of the scratch folder, so that a source stays small whatever its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from augtool.recipe.recipe import Reading
from augtool.sources._targets import blocks, takes_base, target_of
from augtool.sources._unknown_labels import Labels, float_for, marked
from augtool.targets import Target, TargetKind


@dataclass(frozen=True)
class LabelArray:
    """An array of labels as a file has it.

    name
        What its target is called.
    where
        What messages call it: "data.h5: labels".
    class_names, num_classes, kind
        What the file says about it.
    missing
        What stands for an unknown label in ``labels``, where it is not ``reading.label_missing``.
    """

    name: str
    labels: Labels
    where: str
    class_names: tuple[str, ...] | None = None
    num_classes: int | None = None
    kind: TargetKind | None = None
    missing: str | None = None


@dataclass(frozen=True)
class StoredTarget:
    """A `Target` whose values lie in a ``.npy`` file: small, and can be pickled."""

    path: Path
    kind: TargetKind
    width: int
    class_names: tuple[str, ...] | None
    name: str

    def mapped(self) -> Target:
        """The target, its values memory-mapped read-only."""
        values = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return Target(self.kind, values, self.width, self.class_names, self.name)


def stored_targets(
    arrays: Sequence[LabelArray], reading: Reading, scratch: Path
) -> tuple[tuple[StoredTarget, ...], tuple[str, ...]]:
    """The targets that arrays of labels mean, in files of ``scratch``, and warnings about them.

    The options for class ids apply to all arrays of ids; see `target_of` for the errors.
    """
    targets: list[StoredTarget] = []
    warnings: list[str] = []
    with_ids = [takes_base(array.labels, reading) for array in arrays]
    for number, (array, has_ids) in enumerate(zip(arrays, with_ids, strict=True)):
        own = reading if has_ids or not any(with_ids) else replace(reading, label_base=0)
        own = own if array.missing is None else replace(own, label_missing=array.missing)
        target, said = target_of(
            array.labels, own, array.where, array.class_names, array.num_classes, array.kind
        )
        path = scratch / f"labels-{number}.npy"
        targets.append(stored(replace(target, name=array.name), path, own.label_missing))
        warnings.extend(said)
    return tuple(targets), tuple(warnings)


def stored(target: Target, path: Path, missing: str | None = None) -> StoredTarget:
    """``target`` with its values written to ``path``, block by block; entries that are ``missing``
    become NaN."""
    values, vector = target.values, target.kind != "classes"
    dtype = float_for(values.dtype) if vector else np.dtype(np.int64)
    header = {"descr": dtype.str, "fortran_order": False, "shape": values.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _, block in blocks(values):
            known = marked(block, missing, target.name) if vector else block
            file.write(np.ascontiguousarray(known, dtype).data)
    return StoredTarget(path, target.kind, target.width, target.class_names, target.name)


def digest_of(targets: Iterable[Target]) -> str:
    """sha256 (hex) of everything that targets say: kinds, names, class names and values."""
    digest = hashlib.sha256()
    for target in targets:
        values = target.values
        facts = (target.name, target.kind, target.width, target.class_names, values.shape)
        digest.update(json.dumps([*facts, values.dtype.str]).encode())
        for _, block in blocks(values):
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()
