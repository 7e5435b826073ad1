"""The output schema: which fields a row has, and what describes the whole.

Every sink writes the same fields under the same names; docs/schema.md is this file in words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import labels, methods, versions
from augtool.plan import Block, Plan
from augtool.sources._contract import Source, Target

SCHEMA_VERSION = 1
RECORD = "crc32_sha256"  # the attribute of a field that holds its record

Rows = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Field:
    """One field: every row has ``shape`` values of ``dtype``."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def fields(plan: Plan, targets: tuple[Target, ...], dtype: np.dtype[Any]) -> tuple[Field, ...]:
    """The fields of an output, images first."""
    method = methods.load(plan.step.method)
    result = [Field("images", dtype.str, plan.shape)]
    for target in targets:
        result.append(Field(_named("labels", target), "<f4", (target.width,)))
        if target.has_hard_label:
            result.append(Field(_named("label", target), "<i8", ()))
    result.append(Field("src", "<i8", (method.SLOTS,)))
    result.append(Field("weight", "<f4", (method.SLOTS,)))
    for column in method.columns(plan.step.params):
        stored = np.dtype(column.dtype).newbyteorder("<").str
        result.append(Field(f"{plan.step.method}_{column.name}", stored, column.shape))
    return tuple(result)


def rows(block: Block, targets: tuple[Target, ...], smoothing: float) -> dict[str, Any]:
    """All fields of a block's rows save the images."""
    result: dict[str, npt.NDArray[Any]] = {}
    for target in targets:
        soft = labels.mixed(target, block.src, block.weight, smoothing)
        result[_named("labels", target)] = soft
        if target.has_hard_label:
            result[_named("label", target)] = labels.hard(soft)
    return {**result, "src": block.src, "weight": block.weight, **block.columns}


def attributes(plan: Plan, source: Source) -> dict[str, str | int]:
    """What describes the whole output: no path, no time, nothing of the machine."""
    names = {
        _named("class_names", target): json.dumps(target.class_names, ensure_ascii=False)
        for target in source.targets
        if target.class_names is not None
    }
    widths = {_named("num_classes", target): target.width for target in source.targets}
    return {
        **names,
        **widths,
        **{_named("target", target): target.kind for target in source.targets},
        "layout": "NHWC"[: len(plan.shape) + 1] if len(plan.shape) in (2, 3) else "N…",
        "recipe": plan.recipe.as_json(),
        "schema_version": SCHEMA_VERSION,
        "augtool_version": versions.of("augtool"),
        "versions": json.dumps(versions.recorded()),
        "source_fingerprint": source.fingerprint,
        "source_rows": source.n,
    }


def _named(name: str, target: Target) -> str:
    return f"{name}_{target.name}" if target.name else name
