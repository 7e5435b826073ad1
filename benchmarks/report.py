"""Results as an aligned table for people, and as JSON with every sample for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks._contract import TIMES, Race, Target
from benchmarks.measure import Measured, Spread, Verdict, lead, spread, verdicts

_HEADINGS = {"passed": "pass s", "whole": "command s"}


def as_data(name: str, race: Race, results: Sequence[Measured]) -> dict[str, Any]:
    """One row for JSON: of each contestant the figures, the samples, and the first one's lead on
    it; and what became of the targets."""
    return {
        "name": name,
        "title": race.title,
        "images": race.images,
        "shown": list(race.shown),
        "remark": race.remark,
        "contestants": [_contestant_data(race, one, results[0]) for one in results],
        "targets": [_verdict_data(one) for one in verdicts(race, results)],
        "table": as_table(race, results),
    }


def as_table(race: Race, results: Sequence[Measured]) -> str:
    """One row as a titled table: medians, with the least and the greatest in brackets; then the
    targets."""
    there = [one for one in results if one.samples]
    first = results[0].contestant.name
    headings = [""]
    for measure in race.shown:
        headings.append(_HEADINGS.get(measure, measure.replace("_", " ")))
        if measure == "passed":
            headings.append("images/s")
        if measure in TIMES and len(results) > 1:
            headings.append(f"{first} is")
    lines = [tuple(headings), *(_cells(race, one, results[0]) for one in there)]
    text = [race.title, *_aligned(lines)]
    for one in there:
        if one.values("fsync"):
            text.append(
                f"fsync after {one.contestant.name}, in its command and not in its pass: "
                f"{shown(spread(one.values('fsync')))} s"
            )
    absent = (one.contestant for one in results if one.contestant.absent)
    text += [f"absent: {one.name}: {one.absent}" for one in absent]
    text += [f"target: {said(one)}" for one in verdicts(race, results)]
    return "\n".join(text)


def said(one: Verdict) -> str:
    """A target, what was measured, and whether it is met, on a line."""
    return f"{asked(one.target)}: {measured(one)}, {judged(one)}"


def asked(target: Target) -> str:
    """A target in words."""
    sign, limit = ("≥", target.at_least) if target.at_most is None else ("≤", target.at_most)
    words = {"passed": "pass", "whole": "command"}.get(target.of, target.of.replace("_", " "))
    if not target.against:
        unit = "s" if target.of in TIMES else target.unit
        return f"{target.ours}: {words} {sign} {limit:,g} {unit}".rstrip()
    best = " (the better)" if len(target.against) > 1 else ""
    return f"{target.ours}: {words} {sign} {limit:,g}× {' / '.join(target.against)}{best}"


def measured(one: Verdict) -> str:
    """What was measured for a target."""
    if one.measured is None:
        return "not measured"
    unit = "×" if one.target.against else ""
    return shown(one.measured, unit)


def judged(one: Verdict) -> str:
    """``met``, ``short`` or a dash."""
    return "–" if one.met is None else "met" if one.met else "SHORT"


def shown(values: Spread, unit: str = "") -> str:
    """A median and, in brackets, its ends."""
    numbers = (_number(one) for one in (values.median, values.low, values.high))
    median, low, high = numbers
    return f"{median}{unit} ({low}–{high})"


def _number(value: float) -> str:
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        text.append("  ".join((first.ljust(widths[0]), *cells)).rstrip())
    return text


def _contestant_data(race: Race, one: Measured, ours: Measured) -> dict[str, Any]:
    images = one.contestant.images or race.images
    known = {"name": one.contestant.name, "kind": one.contestant.kind, "images": images}
    if not one.samples:
        return {**known, "absent": one.contestant.absent}
    return {
        **known,
        "absent": None,
        "images_per_second": images / spread(one.values("passed")).median,
        "pass": dataclasses.asdict(spread(one.values("passed"))),
        "whole": dataclasses.asdict(spread(one.values("whole"))),
        "pass_ratio": dataclasses.asdict(lead(race, ours, one)),
        "whole_ratio": dataclasses.asdict(lead(race, ours, one, "whole")),
        "samples": [dict(sample) for sample in one.samples],
    }


def _verdict_data(one: Verdict) -> dict[str, Any]:
    return {
        **dataclasses.asdict(one.target),
        "asked": asked(one.target),
        "measured": None if one.measured is None else dataclasses.asdict(one.measured),
        "said": measured(one),
        "judged": judged(one),
    }


def _cells(race: Race, one: Measured, ours: Measured) -> tuple[str, ...]:
    cells = [one.contestant.name]
    images = one.contestant.images or race.images
    for measure in race.shown:
        values = one.values(measure)
        cells.append(shown(spread(values)) if values else "")
        if measure == "passed":
            cells.append(f"{images / spread(values).median:,.0f}")
        if measure in TIMES and len(race.contestants) > 1:
            cells.append("" if one is ours else shown(lead(race, ours, one, measure), "×"))
    return tuple(cells)
