"""Planning a thousand million rows, and planning's share of the fastest pass."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target

_ROWS = 10**9


def race(setting: Setting) -> Race:
    images = setting.number(50_000, quick=20_000)
    source = data.arrays(setting.scratch, images, 32)
    blocks = images // 2048
    pass_ = contestants.augtool(source, setting, name="a pass, 2 processes")
    small = contestants.probe("its plan, 1 process", "plan_rows", images, blocks)
    large = contestants.probe(f"{_ROWS:,} rows", "plan_rows", _ROWS, blocks)
    return Race(
        f"Planning {_ROWS:,} rows, and all of {images:,} × 32×32",
        images,
        (pass_, small, large),
        (
            Target(large.name, "first_ms", at_most=20, unit="ms"),
            Target(large.name, "last_ms", at_most=20, unit="ms"),
            Target(large.name, "peak_MB", at_most=50, unit="MB"),
            # 10 % of what the two processes of a pass have.
            Target(small.name, against=(pass_.name,), at_least=10 / contestants.PROCESSES),
        ),
        shown=("passed", "first_ms", "last_ms", "peak_MB"),
        remark=f"The rate of {_ROWS:,} rows is that of their first {blocks} blocks.",
    )
