"""CutMix on arrays of CIFAR-10's shape."""

from __future__ import annotations

from benchmarks._contract import Race, Setting
from benchmarks.rows import _arrays


def race(setting: Setting) -> Race:
    return _arrays.race(setting, setting.number(50_000, quick=20_000), side=32)
