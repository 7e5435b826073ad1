"""What a run costs, from a thousand rows to a million."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Contestant, Race, Setting, Target

_SIDE = 16
_FULL = (1_000, 10_000, 100_000, 1_000_000)
_QUICK = (1_000, 10_000, 100_000)
_LINEAR = 0.67  # of the rate at a tenth of the rows: start-up must not be what is compared


def race(setting: Setting) -> Race:
    sizes = _QUICK if setting.quick else _FULL

    def at(images: int) -> Contestant:
        source = data.arrays(setting.scratch, images, _SIDE)
        return contestants.augtool(source, setting, name=f"{images:,} rows", images=images)

    there = tuple(map(at, sizes))
    before, last = there[-2:]
    return Race(
        f"Cost against size, {_SIDE}×{_SIDE}×3 uint8, HDF5 → HDF5",
        sizes[-1],
        there,
        (Target(last.name, against=(before.name,), at_least=_LINEAR),),
    )
