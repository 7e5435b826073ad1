"""CutMix from a folder of 12-megapixel photos, of which most pixels need not be decoded."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target

_SIDE = 224
_SIZES = ((3024, 4032), (4032, 3024))
_FULL, _QUICK = 160, 24
_OWN = 8


def race(setting: Setting) -> Race:
    images = setting.number(_FULL, _QUICK)
    folder = data.photo_folder(setting.scratch, images, _SIZES, _OWN)
    online = contestants.torchvision_folder(folder, setting, _SIDE)
    # The job is too small to be cut by itself: blocks have at least 64 rows.
    return Race(
        f"CutMix, {images:,} synthetic JPEGs of 12 megapixels → {_SIDE}×{_SIDE} HDF5",
        images,
        (
            contestants.augtool(folder, setting, "--size", str(_SIDE)),
            contestants.decode_to(folder, _SIDE),
            online,
        ),
        (Target("augtool", against=(online.name,), at_least=3),),
        remark=f"{_OWN} different photos, each several times.",
    )
