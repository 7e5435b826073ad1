"""CutMix from one contiguous HDF5 file to another, at any size."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting


def race(setting: Setting, images: int, side: int) -> Race:
    """augtool against a copy of the input and against torchvision."""
    source = data.arrays(setting.scratch / f"arrays-{side}.h5", images, side)
    return Race(
        f"CutMix, {images:,} × {side}×{side}×3 uint8, HDF5 → HDF5",
        images,
        (
            contestants.augtool(source, setting),
            contestants.copy(source, setting),
            contestants.torchvision_arrays(source, setting, threads=1),
            contestants.torchvision_arrays(source, setting, threads=contestants.PROCESSES),
        ),
    )
