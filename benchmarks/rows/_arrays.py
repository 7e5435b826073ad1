"""CutMix from one contiguous HDF5 file to another, at any size."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Contestant, Race, Setting, Target


def race(
    setting: Setting,
    images: int,
    side: int,
    targets: tuple[Target, ...],
    more: tuple[Contestant, ...] = (),
) -> Race:
    """augtool against a copy of the input and against torchvision, and whoever ``more`` is."""
    source = data.arrays(setting.scratch, images, side)
    return Race(
        f"CutMix, {images:,} × {side}×{side}×3 uint8, HDF5 → HDF5",
        images,
        (
            contestants.augtool(source, setting),
            contestants.copy(source, setting),
            *torchvision(setting, images, side),
            *more,
        ),
        targets,
    )


def torchvision(setting: Setting, images: int, side: int) -> tuple[Contestant, ...]:
    """With one thread, and with as many as there are processes."""
    source = data.arrays(setting.scratch, images, side)
    return tuple(
        contestants.torchvision_arrays(source, setting, threads)
        for threads in (1, contestants.PROCESSES)
    )


TORCHVISION = ("torchvision v2.CutMix, 1 thread", "torchvision v2.CutMix, 2 threads")
COPY = ("copy of the input",)
