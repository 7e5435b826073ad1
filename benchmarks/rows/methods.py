"""Other methods, and float pixels, against CutMix on the same bytes."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target

_SIDE = 224
_FULL, _QUICK = 4_000, 400
_METHODS = ("mixup", "cutout", "erase", "gridmask", "resizemix")
_AT_LEAST = 0.5


def race(setting: Setting) -> Race:
    images = setting.number(_FULL, _QUICK)
    source = data.arrays(setting.scratch, images, _SIDE)
    floats = data.arrays(setting.scratch, images // 4, _SIDE, "float32")
    others = [
        *(contestants.augtool(source, setting, method=name, name=name) for name in _METHODS),
        contestants.augtool(floats, setting, name="cutmix, float32"),
    ]
    return Race(
        f"Methods on {images:,} × {_SIDE}×{_SIDE}×3 uint8, or as many bytes of float32",
        images,
        (contestants.augtool(source, setting, name="cutmix"), *others),
        tuple(Target(one.name, against=("cutmix",), at_least=_AT_LEAST) for one in others),
        shown=("passed",),
        remark="Of float32 there are a quarter as many images; the rates count bytes.",
    )
