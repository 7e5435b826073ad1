"""What is in an output or a source, as plain values for people and programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augtool.fields import SEAL, field_of
from augtool.mixing import labels
from augtool.mixing.mask_rules import with_folder
from augtool.outputs.output import Output
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources._contract import Source
from augtool.system.scratch import temporary
from augtool.targets import UNKNOWN, Target

_SLICE = 65536
_QUANTILES = (5, 25, 50, 75, 95)
_UNKNOWN = "nan"  # as in the vectors of other targets


@dataclass(frozen=True)
class FieldInfo:
    """A field of an output."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Inspection:
    """What an output holds.

    recipe
        Empty where outputs with several recipes were merged.
    label_mass
        The sum of the labels of each class, under the name of each target's field.
    base_weight
        Mean, standard deviation and quantiles of the base's weight (λ after clipping), and the
        share of rows that were left unmixed.
    """

    path: str
    rows: int
    fields: tuple[FieldInfo, ...]
    attributes: Mapping[str, Any]
    recipe: Mapping[str, Any]
    label_mass: Mapping[str, Mapping[str, float]]
    base_weight: Mapping[str, float]


@dataclass(frozen=True)
class SourceInfo:
    """What a source holds: ``targets`` has the kind of each target, ``images`` the rows of each
    class, under the name that the target's labels would have; ``masks`` is a dtype, or None."""

    path: str
    rows: int
    shape: tuple[int, ...] | None
    dtype: str
    targets: Mapping[str, str]
    images: Mapping[str, Mapping[str, float]]
    masks: str | None
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]


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
            name: value
            for name, value in output.attributes.items()
            if name not in ("recipe", SEAL) and not name.startswith("class_names")
        },
        recipe=json.loads(output.attributes.get("recipe", "{}")),
        label_mass={
            field_of(target): named(_mass(output.labels_of(target)), output.class_names_of(target))
            for target in output.targets
        },
        base_weight=_base_weight(output),
    )


def inspect_source(
    spec: str,
    reading: Reading,
    masks: str | None = None,
    labels_in: str | None = None,
    kind: str | None = None,
) -> SourceInfo:
    """Look at a source without reading its pixels; ``masks`` is a folder of label images,
    ``labels_in`` a file of labels, ``kind`` the name of its format."""
    with temporary() as scratch:
        source = open_source(spec, reading, scratch, labels_in, kind)
        if masks is not None:
            source = with_folder(source, masks, scratch, 0)
        return SourceInfo(
            path=spec,
            rows=source.n,
            shape=source.shape,
            dtype=str(source.dtype),
            targets={field_of(one.name): one.kind for one in source.targets},
            images={
                field_of(one.name): named(labels.mass(one, None), one.class_names)
                for one in source.targets
            },
            masks=None if source.masks is None else str(source.masks.dtype),
            left_out=dict(source.notes.left_out),
            warnings=source.notes.warnings,
        )


def listing(source: Source) -> Iterator[tuple[Any, ...]]:
    """(row, class id or label of each target, name) of every row of a source."""
    for row in range(source.n):
        yield row, *(_written(target, row) for target in source.targets), source.name(row)


def listed(source: Source) -> tuple[str, ...]:
    """What the columns of `listing` are called."""
    labels = [f"label_{target.name}" if target.name else "label" for target in source.targets]
    return "row", *labels, "path"


def _mass(soft: Any) -> Any:
    """(K,) the sum of all soft labels; what is not known counts as nothing."""
    total = np.zeros(soft.shape[1], np.float64)
    for start in range(0, len(soft), _SLICE):
        total += np.nansum(np.asarray(soft[start : start + _SLICE], np.float64), axis=0)
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


def named(values: Any, names: tuple[str, ...] | None) -> dict[str, float]:
    """(K,) values by class name, or by number where there are no names."""
    names = names or tuple(map(str, range(len(values))))
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _written(target: Target, row: int) -> str:
    value = target.values[row]
    if target.kind == "classes":
        return _UNKNOWN if value == UNKNOWN else str(int(value))
    return " ".join(f"{float(one):g}" for one in np.atleast_1d(value))
