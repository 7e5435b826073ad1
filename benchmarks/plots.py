"""The results as pictures. Needs matplotlib: the extra ``augtool[benchmarks]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

_COLOURS = {"augtool": "#2b6cb0", "bound": "#718096", "peer": "#dd6b20"}
_GROWTH = "growth"
_DPI = 110
_SMALL = 0.15

Row = Mapping[str, Any]


def rates(rows: Sequence[Row], path: Path) -> bool:
    """A panel of bars for each row that has a bound or a peer; False when there is none."""
    raced = [row for row in rows if row["name"] != _GROWTH and len(_there(row, ("bound", "peer")))]
    raced = [row for row in raced if "passed" in row["shown"]]
    if not raced:
        return False
    heights = [len(_there(row)) + 1.2 for row in raced]
    figure, axes = plt.subplots(
        len(raced),
        1,
        figsize=(9, 0.36 * sum(heights)),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
    )
    for row, panel in zip(raced, axes[:, 0], strict=True):
        _bars(row, panel)
    axes[-1, 0].set_xlabel("images a second, median; the line is from the least to the greatest")
    figure.tight_layout()
    figure.savefig(path, dpi=_DPI)
    plt.close(figure)
    return True


def growth(rows: Sequence[Row], path: Path) -> bool:
    """Seconds of the pass and of the command against rows, on two logarithmic axes, with a line of
    equal cost; False when that row was not run."""
    found = [row for row in rows if row["name"] == _GROWTH]
    if not found:
        return False
    there = _there(found[0])
    sizes = [one["images"] for one in there]
    figure, panel = plt.subplots(figsize=(7, 4.5))
    for measure, words, mark in (("pass", "the pass", "o-"), ("whole", "the command", "s-")):
        seconds = [one[measure]["median"] for one in there]
        ends = [
            [one[measure]["median"] - one[measure]["low"] for one in there],
            [one[measure]["high"] - one[measure]["median"] for one in there],
        ]
        panel.errorbar(sizes, seconds, ends, fmt=mark, capsize=3, label=words)
    last = there[-1]["pass"]["median"]
    line = [last * size / sizes[-1] for size in sizes]
    panel.plot(sizes, line, ":", color="grey", label="equal cost a row")
    panel.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds", title=found[0]["title"])
    panel.grid(alpha=0.3)
    panel.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=_DPI)
    plt.close(figure)
    return True


def _there(row: Row, kinds: Sequence[str] = ("augtool", "bound", "peer")) -> list[Any]:
    return [one for one in row["contestants"] if one["absent"] is None and one["kind"] in kinds]


def _bars(row: Row, panel: Any) -> None:
    there = _there(row)
    values = [one["images_per_second"] for one in there]
    ends = [
        [one["images_per_second"] - one["images"] / one["pass"]["high"] for one in there],
        [one["images"] / one["pass"]["low"] - one["images_per_second"] for one in there],
    ]
    places = range(len(there))
    panel.barh(
        places,
        values,
        xerr=ends,
        color=[_COLOURS[one["kind"]] for one in there],
        error_kw={"elinewidth": 1},
    )
    panel.set_yticks(places, [one["name"] for one in there], fontsize=8)
    panel.invert_yaxis()
    panel.set_title(row["title"], fontsize=9, loc="left")
    panel.tick_params(axis="x", labelsize=8)
    for place, value in zip(places, values, strict=True):
        small = value < _SMALL * max(values)  # its number stands beside the bar
        at, colour = (value, "black") if small else (0, "white")
        panel.text(at, place, f" {value:,.0f}", va="center", fontsize=8, color=colour)
