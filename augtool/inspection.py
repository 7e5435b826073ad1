"""What is in an output or a source, as plain values for people and programs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool import labels
from augtool.errors import UsageError
from augtool.output import Output
from augtool.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Source, Target

_SLICE = 65536
_QUANTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class FieldInfo:
    """A field of an output."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Inspection:
    """What an output holds. ``base_weight`` has the mean, standard deviation and quantiles of
    the base's weight (λ after clipping), and the share of rows that were left unmixed."""

    path: str
    rows: int
    fields: tuple[FieldInfo, ...]
    attributes: Mapping[str, Any]
    recipe: Mapping[str, Any]
    label_mass: Mapping[str, float]
    base_weight: Mapping[str, float]


@dataclass(frozen=True)
class SourceInfo:
    """What a source holds: ``images`` counts the rows of each class."""

    path: str
    rows: int
    shape: tuple[int, ...] | None
    dtype: str
    target: str
    images: Mapping[str, float]
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class RowInfo:
    """One row of an output: the sources it is made of, its plan columns and its labels."""

    row: int
    sources: tuple[Mapping[str, Any], ...]
    columns: Mapping[str, Any]
    labels: Mapping[str, float]


def inspect(output: Output) -> Inspection:
    """Look through a whole output, a slice at a time."""
    return Inspection(
        path=str(output.path),
        rows=len(output),
        fields=tuple(
            FieldInfo(name, str(output.field(name).dtype), tuple(output.field(name).shape))
            for name in output.fields
        ),
        attributes={
            k: v for k, v in output.attributes.items() if k not in ("recipe", "class_names")
        },
        recipe=json.loads(output.attributes["recipe"]),
        label_mass=_named(_mass(output), output.class_names),
        base_weight=_base_weight(output),
    )


def inspect_source(spec: str, reading: Reading) -> SourceInfo:
    """Look at a source without reading its pixels."""
    with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
        source = open_source(spec, reading, Path(scratch))
        target = source.targets[0]
        return SourceInfo(
            path=spec,
            rows=source.n,
            shape=source.shape,
            dtype=str(source.dtype),
            target=target.kind,
            images=_named(labels.mass(target, None), target.class_names),
            left_out=dict(source.notes.left_out),
            warnings=source.notes.warnings,
        )


def listing(source: Source) -> Iterator[tuple[int, str, str]]:
    """(row, class id or label, name) of every row of a source."""
    target = source.targets[0]
    for row in range(source.n):
        yield row, _written(target, row), source.name(row)


def explain(output: Output, row: int, source: Source | None = None) -> RowInfo:
    """What one row is made of, with file names when its source is given.

    Raises `UsageError` for a row that is not there or a source that it was not made from.
    """
    if not 0 <= row < len(output):
        raise UsageError(f"row {row}: {output.path} has rows 0…{len(output) - 1}")
    if source is not None and source.fingerprint != output.attributes["source_fingerprint"]:
        raise UsageError(
            f"{output.path} was made from another source (fingerprints differ); "
            "give the same --in and reading options"
        )
    src, weight = output.field("src")[row], output.field("weight")[row]
    sources = tuple(
        {
            "row": int(one),
            "weight": float(share),
            **({"name": source.name(int(one))} if source is not None and one >= 0 else {}),
        }
        for one, share in zip(src, weight, strict=True)
    )
    known = ("images", "labels", "label", "src", "weight")
    columns = {
        name: np.asarray(output.field(name)[row]).tolist()
        for name in output.fields
        if name not in known
    }
    soft = np.asarray(output.labels[row], np.float64)
    named = _named(soft, output.class_names)
    return RowInfo(row, sources, columns, {name: one for name, one in named.items() if one})


def _mass(output: Output) -> Any:
    total = np.zeros(output.labels.shape[1], np.float64)
    for start in range(0, len(output), _SLICE):
        total += np.asarray(output.labels[start : start + _SLICE], np.float64).sum(axis=0)
    return total


def _base_weight(output: Output) -> dict[str, float]:
    weight = np.asarray(output.field("weight")[:, 0], np.float64)
    quantiles = np.percentile(weight, _QUANTILES)
    return {
        "mean": float(weight.mean()),
        "sd": float(weight.std()),
        **{f"{q}%": float(value) for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "unmixed": float((weight == 1).mean()),
    }


def _named(values: Any, names: tuple[str, ...] | None) -> dict[str, float]:
    names = names or tuple(map(str, range(len(values))))
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _written(target: Target, row: int) -> str:
    value = target.values[row]
    if target.kind == "classes":
        return str(int(value))
    return " ".join(f"{float(one):g}" for one in np.atleast_1d(value))
