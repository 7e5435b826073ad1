"""The output schema: which fields a row has, and what describes the whole.

Every sink writes the same fields under the same names; docs/schema.md is this file in words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import labels, versions
from augtool.block import Block
from augtool.chain import is_chain
from augtool.masks import has_ids
from augtool.plan import Plan
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


def fields(plan: Plan, source: Source) -> tuple[Field, ...]:
    """The fields of an output, images first."""
    slots = math.prod(link.slots for link in plan.links)
    result = [Field("images", source.dtype.str, plan.shape)]
    if has_ids(source.masks):
        assert source.masks is not None
        result.append(Field("masks", source.masks.dtype.str, source.masks.shape))
    for target in source.targets:
        result.append(Field(_named("labels", target), "<f4", (target.width,)))
        if target.has_hard_label:
            result.append(Field(_named("label", target), "<i8", ()))
    result.append(Field("src", "<i8", (slots,)))
    result.append(Field("weight", "<f4", (slots,)))
    if plan.recipe.weight_by != "area":
        result.append(Field("area_weight", "<f4", (slots,)))
    return (*result, *_plan_fields(plan))


def _plan_fields(plan: Plan) -> Iterator[Field]:
    """A field for each column of the plan, in the order of the chain."""
    chained = is_chain(plan.links)
    for link in plan.links:
        if link.choice:
            yield Field(f"{link.choice}_option", "|i1", ())
        for option in link.steps:
            for column in option.columns:
                stored = np.dtype(column.dtype).newbyteorder("<").str
                yield Field(f"{option.name}_{column.name}", stored, column.shape)
            if chained and option.slots > 1:
                yield Field(f"{option.name}_partner", "<i8", (option.slots - 1,))


def rows(block: Block, targets: tuple[Target, ...], smoothing: float) -> dict[str, Any]:
    """All fields of a block's rows save the images and masks."""
    result: dict[str, npt.NDArray[Any]] = {}
    src = block.src
    for target in targets:
        soft = labels.mixed(target, src, block.weight, smoothing)
        result[_named("labels", target)] = soft
        if target.has_hard_label:
            result[_named("label", target)] = labels.hard(soft)
    area = {} if block.area is None else {"area_weight": block.area}
    return {**result, "src": src, "weight": block.weight, **area, **block.columns}


def attributes(plan: Plan, source: Source) -> dict[str, str | int]:
    """What describes the whole output: no path, no time, nothing of the machine."""
    names = {
        _named("class_names", target): json.dumps(target.class_names, ensure_ascii=False)
        for target in source.targets
        if target.class_names is not None
    }
    widths = {_named("num_classes", target): target.width for target in source.targets}
    several = [target.name for target in source.targets if target.name]
    return {
        **names,
        **({"targets": json.dumps(several, ensure_ascii=False)} if several else {}),
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
