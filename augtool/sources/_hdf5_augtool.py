"""What augtool's own outputs say about themselves, when they are read again.

Imports h5py, so it is imported in the child process only.
"""

from __future__ import annotations

import json
from typing import Any, get_args

import h5py

from augtool.sources._layout import known_layout
from augtool.targets import TargetKind

_LABELS = "labels"
_MOST_TARGETS = 1000


def attribute(place: h5py.HLObject, key: str) -> Any:
    """The attribute's value; None when there is none or it is of a strange type."""
    try:
        return place.attrs.get(key)
    except (OSError, TypeError):
        return None


def is_own(file: h5py.File) -> bool:
    """Whether augtool made the file."""
    return attribute(file, "schema_version") is not None


def own_layout(file: h5py.File, rank: int) -> str | None:
    """The layout that an own output of this rank wrote down."""
    layout = attribute(file, "layout") if is_own(file) else None
    return str(layout) if known_layout(layout) and len(str(layout)) == rank else None


def own_targets(file: h5py.File) -> dict[str, str]:
    """The keys of an own output's labels by the names of its targets, when there are several: in
    the order that it wrote down, else by name."""
    if not is_own(file):
        return {}
    told = _names(attribute(file, "targets"))
    names = [name.removeprefix("target_") for name in file.attrs if name.startswith("target_")]
    found = {name: f"{_LABELS}_{name}" for name in names[:_MOST_TARGETS]}
    there = {name: key for name, key in sorted(found.items()) if key in file}
    return {name: there[name] for name in told} if sorted(told) == sorted(there) else there


def own_kind(file: h5py.File, labels: h5py.Dataset) -> TargetKind | None:
    """The kind of the target whose labels an own output keeps in ``labels``."""
    name = labels.name.lstrip("/")
    if not is_own(file) or labels.ndim != 2 or not name.startswith(_LABELS):
        return None
    kind = attribute(file, "target" + name.removeprefix(_LABELS))
    return kind if kind in get_args(TargetKind) else None


def _names(value: Any) -> list[str]:
    """Names from a JSON list; none from anything else."""
    try:
        names = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else []
