"""The output schema: which fields a row has, and what describes the whole.

Every sink writes the same fields under the same names; docs/schema.md is this file in words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import versions
from augtool.errors import UsageError
from augtool.fields import Field
from augtool.mixing import label_noise, labels
from augtool.mixing.label_noise import Noise
from augtool.mixing.mask_rules import has_ids
from augtool.planning.block import Block
from augtool.planning.chain import Link, is_chain
from augtool.planning.plan import Plan
from augtool.sources._contract import Source
from augtool.targets import UNKNOWN, Target

SCHEMA_VERSION = 1

CLEAN = "label_clean"  # the heaviest class before label noise

Rows = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Shape:
    """The form in which an output has its rows, which changes nothing of what they are.

    sparse
        ``classes`` (M, S) beside ``weight`` in place of ``labels`` (M, K).
    nchw
        Images (M, C, H, W).
    smoothing
        The recipe's, for dense labels.
    noise
        The recipe's label noise; ``label_clean`` is then stored too.
    """

    sparse: bool = False
    nchw: bool = False
    smoothing: float = 0.0
    noise: Noise | None = None


def fields(plan: Plan, source: Source, shape: Shape) -> tuple[Field, ...]:
    """The fields of an output, images first. Raises `UsageError` for a form that they cannot
    have."""
    slots = math.prod(link.slots for link in plan.links)
    if shape.nchw and len(plan.shape) != 3:
        raise UsageError(f"out-layout NCHW: rows of shape {plan.shape} have no axis of channels")
    size = (plan.shape[2], *plan.shape[:2]) if shape.nchw else plan.shape
    result = [Field("images", source.dtype.str, size)]
    if has_ids(source.masks):
        assert source.masks is not None
        result.append(Field("masks", source.masks.dtype.str, source.masks.shape))
    for target in source.targets:
        if shape.sparse:
            _check_sparse(target, shape.smoothing)
            result.append(Field(_named("classes", target), "<i4", (slots,)))
        else:
            result.append(Field(_named("labels", target), "<f4", (target.width,)))
        if target.has_hard_label:
            result.append(Field(_named("label", target), "<i8", ()))
        if shape.noise:
            result.append(Field(_named(CLEAN, target), "<i8", ()))
    _check_clean_names(result)
    result.append(Field("src", "<i8", (slots,)))
    result.append(Field("weight", "<f4", (slots,)))
    if plan.recipe.weight_by != "area":
        result.append(Field("area_weight", "<f4", (slots,)))
    carried = (
        Field(_carried(key), values.dtype.newbyteorder("<").str, values.shape[1:])
        for key, values in plan.carried.items()
    )
    return (*result, *carried, *plan_fields(plan.links))


def plan_fields(links: Sequence[Link]) -> Iterator[Field]:
    """A field for each column of a plan, in the order of the chain."""
    chained = is_chain(links)
    for link in links:
        if link.choice:
            yield Field(f"{link.choice}_option", "|i1", ())
        for option in link.steps:
            for column in option.columns:
                stored = np.dtype(column.dtype).newbyteorder("<").str
                yield Field(f"{option.name}_{column.name}", stored, column.shape)
            if chained and option.slots > 1:
                yield Field(f"{option.name}_partner", "<i8", (option.slots - 1,))


def _check_clean_names(fields: Sequence[Field]) -> None:
    """Raise `UsageError` when a target is called as what label noise keeps of another."""
    names = [one.name for one in fields]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"--label-noise: {name} would be two fields, since a target is named "
                f"{name.removeprefix('label_')}; rename that target"
            )


def _check_sparse(target: Target, smoothing: float) -> None:
    if target.kind != "classes":
        raise UsageError(
            f"labels-as sparse: {target.name or 'the labels'} are no single class a source; "
            "use dense"
        )
    if smoothing:
        raise UsageError("labels-as sparse: smoothed labels have all classes; use dense")


def rows(
    block: Block, targets: tuple[Target, ...], shape: Shape, carried: Rows | None = None
) -> dict[str, Any]:
    """All fields of a block's rows save the images and masks; ``carried`` are columns of the source
    that are copied from each row's base."""
    result: dict[str, npt.NDArray[Any]] = {}
    src = block.src
    for true in targets:
        target, of_target = true, src
        if shape.noise:
            clean = labels.mixed(true, src, block.weight, shape.smoothing)
            result[_named(CLEAN, true)] = labels.hard(clean)
            target, of_target = label_noise.noisy(true, src, shape.noise)
        soft = labels.mixed(target, of_target, block.weight, shape.smoothing)
        if shape.sparse:
            classes = np.where(src < 0, UNKNOWN, target.values[of_target])
            result[_named("classes", target)] = classes.astype(np.int32)
        else:
            result[_named("labels", target)] = soft
        if target.has_hard_label:
            result[_named("label", target)] = labels.hard(soft)
    area = {} if block.area is None else {"area_weight": block.area}
    copied = {_carried(key): values[src[:, 0]] for key, values in (carried or {}).items()}
    return {**result, "src": src, "weight": block.weight, **area, **copied, **block.columns}


def attributes(plan: Plan, source: Source, shape: Shape) -> dict[str, str | int]:
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
        "layout": "NCHW" if shape.nchw else _layout(plan.shape),
        "recipe": plan.recipe.as_json(),
        "schema_version": SCHEMA_VERSION,
        "augtool_version": versions.of("augtool"),
        "versions": json.dumps(versions.recorded()),
        "source_fingerprint": source.fingerprint,
        "source_rows": source.n,
        "pass_rows": plan.n,
        **({} if plan.recipe.sampling.holdout is None else {"split": plan.split}),
    }


def _carried(key: str) -> str:
    return f"carry_{key.rpartition('/')[2]}"


def _named(name: str, target: Target) -> str:
    return f"{name}_{target.name}" if target.name else name


def _layout(shape: tuple[int, ...]) -> str:
    return "NHWC"[: len(shape) + 1] if len(shape) in (2, 3) else "N…"
