"""CutMix on arrays of ImageNet's usual shape."""

from __future__ import annotations

from benchmarks._contract import Race, Setting, Target
from benchmarks.rows import _arrays


def race(setting: Setting) -> Race:
    targets = (
        Target("augtool", against=_arrays.TORCHVISION, at_least=2.5),
        Target("augtool", against=_arrays.COPY, at_least=0.7),
    )
    return _arrays.race(setting, setting.number(8_000, quick=2_000), 224, targets)
