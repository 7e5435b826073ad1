"""What one row of an output is made of, as plain values for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.fields import field_of
from augtool.inspection.summary import named
from augtool.mixing.rows import CLEAN
from augtool.outputs.output import Output
from augtool.outputs.rows import idle_in, taken
from augtool.planning.block import NO_SOURCE
from augtool.planning.chain import Link, links_of
from augtool.sources._contract import Source


@dataclass(frozen=True)
class StepInfo:
    """What a step did to one row.

    name
        The step's, or that of the choice.
    took
        The option that a choice took, "" for none.
    columns
        The stored values of the step, and of the option that was taken, by field.
    idle
        Whether these values are those that leave a row as it is.
    partners
        The output rows that were mixed in, as the steps before had left them.
    """

    name: str
    took: str | None
    columns: Mapping[str, Any]
    idle: bool
    partners: tuple[int, ...]


@dataclass(frozen=True)
class RowInfo:
    """One row of an output: the sources it is made of, what its steps did, all columns of the plan,
    its labels by field and class, the share of each id of its label image, and what was carried
    along from its base."""

    row: int
    sources: tuple[Mapping[str, Any], ...]
    steps: tuple[StepInfo, ...]
    columns: Mapping[str, Any]
    labels: Mapping[str, Mapping[str, float]]
    masks: Mapping[int, float]
    carried: Mapping[str, Any]


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
    links = links_of(output.recipe.steps)
    steps = tuple(_step(output, link, row) for link in links)
    planned, carried = _columns(output, row, links)
    return RowInfo(
        row=row,
        sources=tuple(_sources(output, row, source)),
        steps=steps,
        columns=planned,
        labels={field_of(target): _label(output, target, row) for target in output.targets},
        masks={} if output.masks is None else _shares(output.masks[row]),
        carried=carried,
    )


def _sources(output: Output, row: int, source: Source | None) -> Iterator[dict[str, Any]]:
    """The slots of a row that have a source."""
    weights = [name for name in ("weight", "area_weight") if name in output.fields]
    for slot, one in enumerate(output.field("src")[row].tolist()):
        if one != NO_SOURCE:
            found: dict[str, Any] = {"row": one}
            found.update({name: float(output.field(name)[row, slot]) for name in weights})
            if source is not None:
                found["name"] = source.name(one)
            yield found


def _step(output: Output, link: Link, row: int) -> StepInfo:
    took = taken(output, link, row)
    columns: dict[str, Any] = {}
    if link.choice:
        name, said = link.choice, "" if took is None else took.name
        columns[f"{name}_option"] = int(output.field(f"{name}_option")[row])
    else:
        name, said = "" if took is None else took.name, None
    if took is None:
        return StepInfo(name, said, columns, True, ())
    fields = [f"{took.name}_{column.name}" for column in took.columns]
    columns.update({field: np.asarray(output.field(field)[row]).tolist() for field in fields})
    partner = f"{took.name}_partner"
    partners = output.field(partner)[row].tolist() if partner in output.fields else []
    return StepInfo(name, said, columns, idle_in(output, took, row), tuple(partners))


def _plain(value: npt.NDArray[Any]) -> Any:
    """A value as Python has it; carried text is stored as UTF-8."""
    text = np.char.decode(value, "utf-8") if value.dtype.kind == "S" else value
    return text.tolist()


def _columns(
    output: Output, row: int, links: Sequence[Link]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a row that steps drew, and those that were carried along."""
    targets = [field_of(target) for target in output.targets]
    others = [name.replace("labels", one, 1) for name in targets for one in ("label", "classes")]
    known = {"images", "masks", "src", "weight", "area_weight", *targets, *others}
    steps = [option.name for link in links for option in link.steps]
    drawn = tuple(f"{name}_" for name in (*steps, *(link.choice for link in links if link.choice)))
    values = {
        name: _plain(np.asarray(output.field(name)[row]))
        for name in output.fields
        if name not in known
    }
    planned = {name: value for name, value in values.items() if name.startswith((*drawn, CLEAN))}
    return planned, {name: value for name, value in values.items() if name not in planned}


def _label(output: Output, target: str, row: int) -> dict[str, float]:
    """What is not 0 of a row's soft label."""
    soft = np.asarray(output.labels_of(target)[row], np.float64)
    shares = named(soft, output.class_names_of(target))
    return {name: value for name, value in shares.items() if value}


def _shares(mask: Any) -> dict[int, float]:
    """The share of the pixels that each id has."""
    ids, counts = np.unique(mask, return_counts=True)
    return dict(zip(ids.tolist(), (counts / counts.sum()).tolist(), strict=True))
