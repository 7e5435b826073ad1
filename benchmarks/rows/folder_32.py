"""CutMix from a folder of small JPEGs, where the decoder is the bound."""

from __future__ import annotations

from pathlib import Path

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target

_SIDE = 32
# A block has about 2,000 rows of this size: with fewer images one process would work alone.
_FULL, _QUICK = 50_000, 10_000


def race(setting: Setting) -> Race:
    folder, images, whose = _folder(setting)
    online = contestants.torchvision_folder(folder, setting)
    return Race(
        f"CutMix, {images:,} {whose} JPEGs → HDF5",
        images,
        (
            contestants.augtool(folder, setting),
            contestants.decode(folder),
            online,
        ),
        (Target("augtool", against=(online.name,), at_least=6), *_whole(images)),
    )


def _whole(images: int) -> tuple[Target, ...]:
    """25,000 images a second from shell to shell, where there are enough to make up for the
    start."""
    return (Target("augtool", "whole", at_most=images / 25_000),) if images >= _FULL else ()


def _folder(setting: Setting) -> tuple[Path, int, str]:
    """The folder to read, how many images it has, and whose they are."""
    small = [one for one in setting.given if one.size is not None and max(one.size) <= 64]
    if not small:
        images = setting.number(_FULL, _QUICK)
        folder = data.jpeg_folder(setting.scratch, images, _SIDE)
        return folder, images, f"synthetic {_SIDE}×{_SIDE}"
    there, whose = small[0].images, "given {}×{}".format(*(small[0].size or ()))
    images = min(there, setting.number(there, _QUICK))
    if images == there:
        return small[0].folder, there, whose
    return data.copies_of(small[0], setting.scratch, images), images, whose
