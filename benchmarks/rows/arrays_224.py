"""CutMix on arrays of ImageNet's usual shape."""

from __future__ import annotations

from benchmarks._contract import Race, Setting
from benchmarks.rows import _arrays


def race(setting: Setting) -> Race:
    return _arrays.race(setting, setting.number(8_000, quick=2_000), side=224)
