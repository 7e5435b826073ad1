"""Results as an aligned table for people, and as JSON with every sample for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from benchmarks._contract import Race
from benchmarks.measure import Measured, Spread, ratios, spread

_HEADINGS = ("", "pass s", "images/s", "augtool is", "command s", "augtool is")


def as_data(name: str, race: Race, results: Sequence[Measured]) -> dict[str, Any]:
    """One row for JSON: of each contestant the figures, the samples, and augtool's lead on it."""
    return {
        "name": name,
        "title": race.title,
        "images": race.images,
        "contestants": [_contestant_data(race, one, results[0]) for one in results],
    }


def as_table(race: Race, results: Sequence[Measured]) -> str:
    """One row as a titled table: medians, with the least and the greatest in brackets."""
    there = [one for one in results if one.samples]
    lines = [_HEADINGS, *(_cells(race, one, results[0]) for one in there)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [race.title]
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        text.append("  ".join((first.ljust(widths[0]), *cells)).rstrip())
    for one in there:
        fsyncs = [sample.fsync for sample in one.samples if sample.fsync is not None]
        if fsyncs:
            text.append(
                f"fsync after {one.contestant.name}, in its command and not in its pass: "
                f"{_shown(spread(fsyncs))} s"
            )
    absent = (one.contestant for one in results if one.contestant.absent)
    text += [f"absent: {one.name}: {one.absent}" for one in absent]
    return "\n".join(text)


def _contestant_data(race: Race, one: Measured, ours: Measured) -> dict[str, Any]:
    known = {"name": one.contestant.name, "kind": one.contestant.kind}
    if not one.samples:
        return {**known, "absent": one.contestant.absent}
    passes, wholes = _passes(one), _wholes(one)
    return {
        **known,
        "absent": None,
        "images_per_second": race.images / spread(passes).median,
        "pass": dataclasses.asdict(spread(passes)),
        "whole": dataclasses.asdict(spread(wholes)),
        "pass_ratio": dataclasses.asdict(ratios(passes, _passes(ours))),
        "whole_ratio": dataclasses.asdict(ratios(wholes, _wholes(ours))),
        "samples": [dataclasses.asdict(sample) for sample in one.samples],
    }


def _cells(race: Race, one: Measured, ours: Measured) -> tuple[str, ...]:
    passes, wholes = _passes(one), _wholes(one)
    lead, whole_lead = "", ""
    if one is not ours:
        lead = _shown(ratios(passes, _passes(ours)), "×")
        whole_lead = _shown(ratios(wholes, _wholes(ours)), "×")
    rate = f"{race.images / spread(passes).median:,.0f}"
    seconds, whole_seconds = _shown(spread(passes)), _shown(spread(wholes))
    return (one.contestant.name, seconds, rate, lead, whole_seconds, whole_lead)


def _passes(one: Measured) -> list[float]:
    return [sample.passed for sample in one.samples]


def _wholes(one: Measured) -> list[float]:
    return [sample.whole for sample in one.samples]


def _shown(values: Spread, unit: str = "") -> str:
    return f"{values.median:.2f}{unit} ({values.low:.2f}–{values.high:.2f})"
