"""What the page of an output shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from augtool.fields import SEAL, seal_of
from augtool.inspection import cite
from augtool.mixing.inputs import open_for
from augtool.mixing.source_plan import plan_of
from augtool.outputs.output import Output
from augtool.recipe.recipe import Recipe
from augtool.recipe.toml import to_toml
from augtool.report import findings, warnings
from augtool.report.label_tally import SHOWN_PAIRS, ClassTally, ValueTally
from augtool.report.ownership import COLOURS
from augtool.report.rows import rows_of, spread
from augtool.report.runs import attribute, commands, recipes_of
from augtool.report.scan import Scan, scan
from augtool.report.words import shortened
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.sources._origin import check_origin
from augtool.targets import Target
from augtool.verification.rerender import Input

if TYPE_CHECKING:
    from augtool.report.options import Options

MOST_CLASSES = 2000
"""Of more classes the page lists those of most mass."""


def data_of(
    output: Output, options: Options, tell: Callable[[int], None], scratch: str | None
) -> dict[str, Any]:
    """All that the page of an output shows. Raises `UsageError` for a source that the output was
    not made from."""
    recipes = recipes_of(output)
    recipe = recipes[0] if recipes else None
    source = None
    if options.source is not None and scratch is not None:
        source = _source(output, options.source, Path(scratch))
    counted = scan(output, tell)
    floors = {
        target: tally.floor
        for target, tally in counted.labels.items()
        if isinstance(tally, ClassTally)
    }
    chosen = spread(len(output), options.rows)
    shown = rows_of(output, recipe, counted.links, chosen, source, floors)
    name = shortened(output.path.name)
    plan = None
    if source is not None and recipe is not None and "parts" not in output.attributes:
        plan = plan_of(output.recipe, source)
    targets = [
        _target(output, target, tally, counted, source) for target, tally in counted.labels.items()
    ]
    for at, target in enumerate(output.targets):
        add_names(targets[at], at, shown.rows, output.class_names_of(target))
    return {
        "kind": "output",
        "title": name,
        "total": len(output),
        "estimated": counted.rows if counted.estimated else 0,
        "summary": _summary(output, options, source is not None),
        "warnings": warnings.of_output(output, counted, source, plan),
        "targets": targets,
        "geometry": counted.geometry.as_json(),
        "sources": None if counted.uses is None else _uses(counted, source),
        "check": findings.of_source(options, source, plan) if options.check else None,
        "rows": shown.rows,
        "source_rows": {str(row): about for row, about in shown.sources.items()},
        "note": shown.note,
        "size": _size(output),
        "colours": [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in COLOURS],
    }


def _size(output: Output) -> list[int]:
    shape = list(output.images.shape[1:])
    return shape[1:3] if output.layout == "NCHW" else shape[:2]


def _source(output: Output, given: Input, scratch: Path) -> Source:
    source = open_for(output.recipe, given.spec, scratch, given.masks, given.labels, given.kind)
    if not given.other_source:
        files = [*expanded(given.spec), *filter(None, (given.masks, given.labels))]
        check_origin(str(output.path), output.attributes, source, files)
    return source


def _summary(output: Output, options: Options, with_source: bool) -> dict[str, Any]:
    attributes = output.attributes
    shape = "×".join(map(str, output.images.shape[1:]))
    source_rows, versions = attribute(attributes, "source_rows"), attribute(attributes, "versions")
    sealed = attributes.get(SEAL) == seal_of(output.facts.fields, attributes)
    facts = [
        ["rows", f"{len(output):,}"],
        ["a row", f"{shape} {output.images.dtype}, {output.layout}"],
        ["source", f"{int(source_rows):,} rows" if source_rows else "several, merged"],
        ["split", str(attributes.get("split", ""))],
        ["images stored as", output.encode],
        ["augtool", str(attribute(attributes, "augtool_version"))],
        ["versions", _versions(versions)],
        ["source fingerprint", str(attribute(attributes, "source_fingerprint"))],
        ["digest of the records", output.digest],
        ["attributes", "match their checksum" if sealed else "DO NOT match their checksum"],
    ]
    merged = "parts" in attributes
    recipes = recipes_of(output)
    return {
        "facts": [[term, shortened(text)] for term, text in facts if text],
        "sentence": _sentence(output, recipes),
        "commands": [] if merged else list(commands(output)),
        "recipe": "" if merged else to_toml(output.recipe),
        "citation": "" if merged else cite.paragraph(output),
        "bibtex": "" if merged else cite.references(output),
        "verify": findings.verified(output, options.workers) if options.verify else None,
        "with_source": with_source,
    }


def _sentence(output: Output, recipes: tuple[Recipe, ...]) -> str:
    """What was made of what, in one sentence."""
    rows = f"{len(output):,} rows"
    source_rows = attribute(output.attributes, "source_rows")
    if output.attributes.get("split") == "validation":
        return f"{rows}, held out of {int(source_rows):,} source rows for validation, unmixed."
    if not recipes:
        return f"{rows} of several runs with different steps, merged into one output."
    steps = ", then ".join(cite.step_in_words(one) for one in recipes[0].steps)
    if "parts" in output.attributes:
        return f"{rows} of {len(recipes)} runs, merged into one output. Each row: {steps}."
    return f"{rows}, made of {int(source_rows):,} source rows. Each row: {steps}."


def _versions(text: str | None) -> str:
    found: Mapping[str, Any] = json.loads(text or "{}")
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _target(
    output: Output,
    name: str,
    tally: ClassTally | ValueTally,
    counted: Scan,
    source: Source | None,
) -> dict[str, Any]:
    """What the page shows of a target: masses of classes, or histograms of values."""
    before = None
    if source is not None and counted.uses is not None:
        target = next(one for one in source.targets if one.name == name)
        before = _before(target, counted.uses.base)
    return target_json(name, output.kind_of(name), output.class_names_of(name), tally, before)


def target_json(
    name: str,
    kind: str,
    class_names: tuple[str, ...] | None,
    tally: ClassTally | ValueTally,
    before: Any = None,
) -> dict[str, Any]:
    """A target as the page draws it; ``before`` (K,) is the mass before anything was mixed."""
    shown: dict[str, Any] = {"name": name, "kind": kind, "unknown": tally.unknown}
    if isinstance(tally, ValueTally):
        return {**shown, "values": [one.as_json() for one in tally.histograms], "classes": []}
    order = np.argsort(-tally.mass, kind="stable")
    listed = np.sort(order[:MOST_CLASSES])
    names = class_names or tuple(f"#{one}" for one in range(tally.width))
    pairs = np.sort(order[:SHOWN_PAIRS])
    return {
        **shown,
        "width": tally.width,
        "floor": tally.floor,
        "classes": [[one, shortened(names[one])] for one in listed.tolist()],
        "after": _rounded(tally.mass[listed]),
        "before": None if before is None else _rounded(before[listed]),
        "hard": None if tally.hard is None else tally.hard[listed].tolist(),
        "entropy": None if tally.entropy is None else tally.entropy.as_json(),
        "per_row": None if tally.per_row is None else _trimmed(tally.per_row.tolist()),
        "pairs": {
            "classes": [[one, shortened(names[one])] for one in pairs.tolist()],
            "rows": tally.pairs.among(pairs).tolist(),
        },
    }


def add_names(
    target: dict[str, Any], at: int, rows: list[dict[str, Any]], names: tuple[str, ...] | None
) -> None:
    """Add the names of classes that shown rows have in their label ``at`` and the list lacks."""
    listed = {one for one, _ in target["classes"]}
    used = {one for row in rows for one, _ in row["labels"][at].get("entries", ())}
    target["names"] = {
        str(one): shortened(names[one]) if names else f"#{one}" for one in sorted(used - listed)
    }


def _before(target: Target, uses: Any) -> Any:
    """(K,) the labels of the bases of all rows: what the labels were before anything was mixed."""
    if target.kind == "values":
        return None
    if target.kind == "classes":
        known = target.values >= 0
        return np.bincount(target.values[known], uses[known], target.width)
    total = np.zeros(target.width)
    for low in range(0, len(target.values), 1 << 14):
        values = np.nan_to_num(np.asarray(target.values[low : low + (1 << 14)], np.float64))
        total += uses[low : low + (1 << 14)].astype(np.float64) @ values
    return total


def _rounded(values: Any) -> list[float]:
    return [round(float(one), 4) for one in values]


def _trimmed(counts: list[int]) -> list[int]:
    """Counts without the zeros at their end."""
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    return counts


def _uses(counted: Scan, source: Source | None) -> dict[str, Any]:
    assert counted.uses is not None
    shown = counted.uses.as_json()
    if source is not None:
        for one in shown["most"]:
            one["name"] = shortened(source.name(one["row"]))
    return shown
