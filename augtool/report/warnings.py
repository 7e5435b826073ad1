"""What a reader of an output or an input should hear, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from augtool.fields import SEAL, seal_of
from augtool.mixing.source_plan import plan_warnings
from augtool.outputs.output import Output
from augtool.planning.plan import Plan
from augtool.report.label_tally import ClassTally
from augtool.report.scan import Scan
from augtool.report.words import shortened
from augtool.sources._contract import Source

_NAMED = 5  # classes


def of_output(output: Output, counted: Scan, source: Source | None, plan: Plan | None) -> list[str]:
    """What can be said of an output; of how its source was read only with ``source``."""
    return [
        *_of_attributes(output),
        *(line for target in output.targets for line in _of_labels(output, counted, target)),
        *_of_partners(output, counted),
        *(() if source is None else of_source(source)),
        *(() if source is None or plan is None else map(shortened, plan_warnings(source, plan))),
    ]


def of_source(source: Source) -> Iterator[str]:
    """What a source says of itself, and the files that it did not read."""
    yield from map(shortened, source.notes.warnings)
    if source.notes.left_out:
        yield f"files that were not read: {counts(source.notes.left_out)}"


def counts(left_out: Mapping[str, int]) -> str:
    """ "380 .heic, 30 .mov": the commonest first."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {shortened(kind)}" for kind, count in ordered)


def _of_attributes(output: Output) -> Iterator[str]:
    if output.attributes.get(SEAL) != seal_of(output.facts.fields, output.attributes):
        yield (
            "the attributes do not match their checksum, so what this page says of the recipe and "
            f"the source may be wrong; run augtool verify {shortened(output.path.name)}"
        )


def _of_labels(output: Output, counted: Scan, target: str) -> Iterator[str]:
    tally = counted.labels[target]
    of = f" of {target}" if target else ""
    if tally.unknown:
        yield f"the label{of} is not known, or not all of it, in {tally.unknown:,} rows"
    if isinstance(tally, ClassTally):
        floor = tally.floor * counted.rows * (1 + 1e-6)
        empty = [one for one, mass in enumerate(tally.mass.tolist()) if mass <= floor]
        if empty:
            names = output.class_names_of(target)
            named = [names[one] if names else f"#{one}" for one in empty[:_NAMED]]
            more = f" and {len(empty) - _NAMED:,} more" if len(empty) > _NAMED else ""
            yield f"no row shows these classes{of}: {', '.join(map(shortened, named))}{more}"


def _of_partners(output: Output, counted: Scan) -> Iterator[str]:
    if output.attributes.get("split") == "validation" or not counted.links:
        return
    if any(link.slots > 1 for link in counted.links):
        if counted.geometry.unmixed == counted.rows:
            yield "no row is mixed: every row has all of its weight on its base image"
        alone, steps = counted.geometry.alone, [one for one in counted.links if one.slots > 1]
        if alone and len(steps) == 1 and not steps[0].choice and "recipe" in output.attributes:
            unmixed = output.recipe.keep_originals
            if not unmixed:
                yield f"{alone:,} rows have no partner: their class or group has no other row"
