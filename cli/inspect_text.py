"""The words in which what was inspected is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .report import counts, printable

if TYPE_CHECKING:
    from augtool.inspection.explain import RowInfo
    from augtool.inspection.summary import Inspection, SourceInfo

_SHOWN_CLASSES = 50
_NOT_PARAMS = ("method", "prob", "weight")


def output_lines(info: Inspection) -> list[str]:
    """What an output holds."""
    fields = [
        f"  {one.name:<16} {one.dtype:<8} {'×'.join(map(str, one.shape))}" for one in info.fields
    ]
    attributes = [
        f"  {name:<20} {value}" for name, value in info.attributes.items() if name != "parts"
    ]
    weight = [f"  {name:<8} {value:.4f}" for name, value in info.base_weight.items()]
    return [
        f"{info.path}: {info.rows:,} rows",
        *["fields", *fields],
        *["recipe", *_recipe_lines(info.recipe)],
        *["attributes", *attributes],
        *_by_target("label mass per class", info.label_mass),
        *["weight of the base image (λ)", *weight],
    ]


def _recipe_lines(recipe: Mapping[str, Any]) -> list[str]:
    """The steps in order, then the rest, a line for each table in it."""
    if not recipe:
        return ["  several: the outputs that were merged have their own (--json: parts)"]
    steps = [line for one in recipe["steps"] for line in _step_lines(one)]
    rest = {name: value for name, value in recipe.items() if name != "steps"}
    plain = {name: value for name, value in rest.items() if not isinstance(value, dict)}
    tables = [value for value in rest.values() if isinstance(value, dict)]
    return [*steps, *(f"  {_given(values)}" for values in (plain, *tables) if _given(values))]


def _step_lines(step: Mapping[str, Any]) -> list[str]:
    if "one_of" not in step:
        return [f"  {_step_words(step)}"]
    options = [f"    {one['weight']:.4g} {_step_words(one)}" for one in step["one_of"]]
    return ["  one of", *options]


def _step_words(step: Mapping[str, Any]) -> str:
    """ "cutmix alpha=1.0 prob=0.5"."""
    params = {name: value for name, value in step.items() if name not in _NOT_PARAMS}
    prob = {"prob": step["prob"]} if "prob" in step else {}
    return f"{step['method']} {_given({**params, **prob})}".rstrip()


def source_lines(info: SourceInfo) -> list[str]:
    """What a source holds."""
    shape = (
        "of several sizes" if info.shape is None else f"of shape {'×'.join(map(str, info.shape))}"
    )
    masks = [f"masks: {info.masks}"] if info.masks else []
    left_out = [f"not read: {counts(info.left_out)}"] if info.left_out else []
    return [
        f"{info.path}: {info.rows:,} rows {shape}, {info.dtype}",
        *masks,
        *(
            line
            for field, kind in info.targets.items()
            for line in (f"target{_of_target(field)}: {kind}", *_mass_lines(info.images[field]))
        ),
        *left_out,
    ]


def row_lines(info: RowInfo) -> list[str]:
    """What one row of an output is made of."""
    sources = [_source_words(one) for one in info.sources]
    ids = [f"  {one} {share:.6f}" for one, share in info.masks.items()]
    carried = [f"  {name} {printable(str(value))}" for name, value in info.carried.items()]
    labels = [
        line
        for field, label in info.labels.items()
        for line in (
            f"labels{_of_target(field)}",
            *(f"  {printable(name)} {value:.6f}" for name, value in label.items()),
        )
    ]
    return [
        f"row {info.row}",
        *sources,
        *["plan", *_plan_lines(info)],
        *labels,
        *(["masks (share of each id)", *ids] if ids else []),
        *(["carried along", *carried] if carried else []),
    ]


def _source_words(source: Mapping[str, Any]) -> str:
    area = f" (area {source['area_weight']:.6f})" if "area_weight" in source else ""
    name = f" {printable(source['name'])}" if "name" in source else ""
    return f"  source row {source['row']}, weight {source['weight']:.6f}{area}{name}"


def _plan_lines(info: RowInfo) -> list[str]:
    """What the steps drew; that of a chain stands under the step that it belongs to."""
    if len(info.steps) == 1 and info.steps[0].took is None:
        return [f"  {name} {value}" for name, value in info.columns.items()]
    lines = []
    for one in info.steps:
        took = "" if one.took is None else f" → {one.took or 'none'}"
        lines.append(f"  {one.name}{took}{': leaves the row as it is' * one.idle}")
        lines += [f"    {name} {value}" for name, value in one.columns.items()]
        lines += [
            f"    mixes in row {partner}, as the steps above left it" for partner in one.partners
        ]
    return lines


def _by_target(title: str, mass: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The masses of all classes, with a heading for each target."""
    return [
        line
        for field, values in mass.items()
        for line in (f"{title}{_of_target(field)}", *_mass_lines(values))
    ]


def _of_target(field: str) -> str:
    name = field.removeprefix("labels").removeprefix("_")
    return f" of {name}" if name else ""


def _mass_lines(mass: Mapping[str, float]) -> list[str]:
    shown = [f"  {value:12,.1f}  {printable(name)}" for name, value in mass.items()][
        :_SHOWN_CLASSES
    ]
    if len(mass) > len(shown):
        shown.append(f"  … and {len(mass) - len(shown):,} more (--json)")
    return shown


def _given(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)
