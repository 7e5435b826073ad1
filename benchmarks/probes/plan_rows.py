"""Planning ``ROWS`` rows of 32×32×3: the first block, the last, and how many blocks ``COUNT`` says.

The time is that of the blocks that are counted, one after another in one process. The others are
drawn several times, of which the median is told, in ms; then again for the most memory that NumPy
and Python had for it at a time, in MB.
"""

from __future__ import annotations

import json
import statistics
import time
import tracemalloc

import click

import augtool
from augtool.planning.plan import Plan, make_plan

_SHAPE = (32, 32, 3)
_TIMES = 9


@click.command()
@click.argument("rows", type=int)
@click.argument("count", type=int)
def main(rows: int, count: int) -> None:
    plan = _planned(rows)
    plan.draw(0, 0)  # imports and tables
    began = time.perf_counter()
    for block in range(min(count, plan.blocks)):
        plan.draw(0, block)
    seconds = time.perf_counter() - began
    first, last = (_milliseconds(plan, block) for block in (0, plan.blocks - 1))
    peak = max(_peak(rows, block) for block in (0, plan.blocks - 1))
    figures = {"first_ms": first, "last_ms": last, "peak_MB": peak}
    click.echo(json.dumps({"seconds": seconds, **figures}))


def _planned(rows: int) -> Plan:
    return make_plan(augtool.Recipe((augtool.step("cutmix"),)), rows, _SHAPE, 1)


def _milliseconds(plan: Plan, block: int) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        plan.draw(0, block)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def _peak(rows: int, block: int) -> float:
    tracemalloc.start()
    _planned(rows).draw(0, block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
