"""CutMix from a folder of photos, where decoding and resizing are the bound."""

from __future__ import annotations

from benchmarks import contestants
from benchmarks._contract import Race, Setting, Target
from benchmarks.rows import _photos


def race(setting: Setting) -> Race:
    folder, images, whose = _photos.folder(setting)
    online = contestants.torchvision_folder(folder, setting, _photos.SIDE)
    bare = contestants.decode_to(folder, _photos.SIDE)
    return Race(
        f"CutMix, {images:,} {whose} JPEGs → {_photos.SIDE}×{_photos.SIDE} HDF5",
        images,
        (
            contestants.augtool(folder, setting, "--size", str(_photos.SIDE)),
            bare,
            online,
        ),
        (
            Target("augtool", against=(online.name,), at_least=1.25),
            Target("augtool", against=(bare.name,), at_least=0.9),
        ),
    )
