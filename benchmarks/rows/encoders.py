"""CutMix to encoded outputs, where the encoder is the bound."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Contestant, Race, Setting, Target

_SIDE = 224
_FULL, _QUICK = 2_000, 300
_AT_LEAST = 0.85
# What augtool is asked for, and what the bare encoder is: name, output, options, encoding.
_OUTPUTS = (
    ("gzip-4 HDF5", "out.h5", ("--compression", "gzip:4"), "gzip"),
    ("PNG tar", "out.tar", ("--encode", "png"), "png"),
    ("JPEG tar", "out.tar", ("--encode", "jpg:95"), "jpg"),
)


def race(setting: Setting) -> Race:
    images = setting.number(_FULL, _QUICK)
    source = data.photo_arrays(setting.scratch, images, _SIDE)
    there: list[Contestant] = []
    targets = []
    for name, output, options, encoding in _OUTPUTS:
        ours = contestants.augtool(source, setting, *options, name=name, output=output)
        bare = contestants.encode(source, encoding, f"bare {encoding} encoder")
        there += [ours, bare]
        targets.append(Target(name, against=(bare.name,), at_least=_AT_LEAST))
    return Race(
        f"CutMix, {images:,} × {_SIDE}×{_SIDE}×3 HDF5 → encoded outputs",
        images,
        tuple(there),
        tuple(targets),
        shown=("passed",),
    )
