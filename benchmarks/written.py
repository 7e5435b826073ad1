"""The results as a part of a page: a table of targets, a table for each row, plots, and samples.

Beside ``benchmarks.md`` go ``benchmarks.json`` with every sample, from which rows that are not run
again are taken, and ``benchmarks-rates.png`` and ``benchmarks-growth.png``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results -->", "<!-- end of results -->"

Row = Mapping[str, Any]


def write(page: Path, measured: Sequence[Row]) -> None:
    """Put rows into a page, between its two marks; those of the same name are replaced."""
    samples = page.with_suffix(".json")
    rows: dict[str, Row] = {}
    if samples.exists():
        rows = {row["name"]: row for row in json.loads(samples.read_text("utf-8"))["rows"]}
    rows.update((row["name"], row) for row in measured)
    known = [rows[name] for name in sorted(rows)]
    samples.write_text(
        json.dumps({"rows": known}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    done = [row for row in known if "failed" not in row]
    plots = _drawn(page, done)
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [BEGIN, *_setups(known), _targets(done), *plots, *map(_section, known), END]
    page.write_text(before + "\n\n".join(parts) + after, encoding="utf-8")


def versions_of(setup: Mapping[str, Any]) -> str:
    """Packages and their versions on a line."""
    return ", ".join(f"{name} {version}" for name, version in setup["versions"].items())


def _setups(rows: Sequence[Row]) -> list[str]:
    """The machines and versions that rows were measured with: usually one."""
    by_setup: dict[str, list[str]] = {}
    for row in rows:
        setup = row["setup"]
        said = (
            f"{setup['cpu']}, {setup['cores']} cores, {setup['free_memory_gb']} GB free, "
            f"{setup['system']}. {versions_of(setup)}. Medians of up to {setup['runs']} "
            "alternating runs after one warm-up (least–greatest). Load at the start "
            f"{' '.join(map(str, setup['load']))}."
        )
        by_setup.setdefault(said, []).append(row["name"])
    if len(by_setup) == 1:
        return list(by_setup)
    return [f"`{'`, `'.join(names)}`: {said}" for said, names in by_setup.items()]


def _targets(rows: Sequence[Row]) -> str:
    lines = ["| row | target | measured | |", "|---|---|---|---|"]
    lines += [
        f"| `{row['name']}` | {one['asked']} | {one['said']} | {one['judged']} |"
        for row in rows
        for one in row["targets"]
    ]
    return "\n".join(lines)


def _section(row: Row) -> str:
    remark = f"\n\n{row['remark']}" if row.get("remark") else ""
    return f"### `{row['name']}`\n\n```\n{row['table']}\n```{remark}"


def _drawn(page: Path, rows: Sequence[Row]) -> list[str]:
    """The plots, as images of the page; none where they cannot be drawn."""
    if find_spec("matplotlib") is None:
        return []
    from benchmarks import plots

    rates = page.with_name(f"{page.stem}-rates.png")
    growth = page.with_name(f"{page.stem}-growth.png")
    there = []
    if plots.rates(rows, rates):
        there.append(f"![Images a second, against the bound and the peers]({rates.name})")
    if plots.growth(rows, growth):
        there.append(f"![Seconds against the number of rows]({growth.name})")
    return there
