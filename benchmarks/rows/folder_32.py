"""CutMix from a folder of small JPEGs, where the decoder is the bound."""

from __future__ import annotations

from pathlib import Path

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting

_SIDE = 32
# A block has about 2,000 rows of this size: with fewer images one process would work alone.
_FULL, _QUICK = 20_000, 10_000


def race(setting: Setting) -> Race:
    folder, images, whose = _folder(setting)
    return Race(
        f"CutMix, {images:,} {whose} JPEGs → HDF5",
        images,
        (
            contestants.augtool(folder, setting),
            contestants.decode(folder),
            contestants.torchvision_folder(folder, setting),
        ),
    )


def _folder(setting: Setting) -> tuple[Path, int, str]:
    """The folder to read, how many images it has, and whose they are."""
    made = setting.scratch / "jpegs"
    if setting.data is None:
        images = setting.number(_FULL, _QUICK)
        return data.jpeg_folder(made, images, _SIDE), images, f"synthetic {_SIDE}×{_SIDE}"
    there = len(data.files_by_class(setting.data))
    images = min(there, setting.number(there, _QUICK))
    if images == there:
        return setting.data, there, "given"
    return data.part_of_folder(setting.data, made, images), images, "given"
