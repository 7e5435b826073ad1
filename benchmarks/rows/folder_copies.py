"""Four copies of a folder of photos, each image decoded once, against four epochs."""

from __future__ import annotations

import dataclasses

from benchmarks import contestants
from benchmarks._contract import Race, Setting, Target
from benchmarks.rows import _photos

_COPIES = 4


def race(setting: Setting) -> Race:
    folder, images, whose = _photos.folder(setting)
    online = contestants.torchvision_folder(folder, setting, _photos.SIDE, epochs=_COPIES)
    online = dataclasses.replace(online, name=f"{online.name}, {_COPIES} epochs")
    options = ("--size", str(_photos.SIDE), "--copies", str(_COPIES))
    return Race(
        f"CutMix, {images:,} {whose} JPEGs → {_COPIES} copies of {_photos.SIDE}×{_photos.SIDE}",
        _COPIES * images,
        (contestants.augtool(folder, setting, *options), online),
        (
            Target("augtool", against=(online.name,), at_least=3),
            Target("augtool", "decodes", at_most=images, unit="images"),
        ),
        shown=("passed", "whole", "decodes"),
    )
