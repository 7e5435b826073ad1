"""CutMix on arrays of CIFAR-10's shape."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target
from benchmarks.rows import _arrays


def race(setting: Setting) -> Race:
    images = setting.number(50_000, quick=20_000)
    example = contestants.keras_example(data.arrays(setting.scratch, images, 32), setting)
    targets = (
        Target("augtool", against=_arrays.TORCHVISION, at_least=3),
        Target("augtool", against=(example.name,), at_least=40),
        Target("augtool", against=_arrays.COPY, at_least=0.6),
        Target("augtool", "whole", _arrays.TORCHVISION, at_least=4),
        Target("augtool", "whole", at_most=1.2),
    )
    return _arrays.race(setting, images, 32, targets, (example,))
