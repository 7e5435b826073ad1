"""How long commands take that do nothing large."""

from __future__ import annotations

from benchmarks import contestants, data
from benchmarks._contract import Race, Setting, Target


def race(setting: Setting) -> Race:
    images = setting.number(20_000, quick=5_000)
    array = data.arrays(setting.scratch, images, 32)
    folder = data.jpeg_folder(setting.scratch, images, 32)
    out = ("--out", setting.output(), "--dry-run")
    there = (
        contestants.augtool_silent("--help", "--help"),
        contestants.augtool_silent("cutmix --help", "cutmix", "--help"),
        contestants.augtool_silent("cutmix --dry-run, HDF5", "cutmix", "--in", array, *out),
        contestants.augtool_silent("cutmix --dry-run, folder", "cutmix", "--in", folder, *out),
    )
    return Race(
        f"Start, and a dry run over {images:,} × 32×32 images",
        1,
        there,
        (
            Target("--help", "whole", at_most=0.15),
            Target("cutmix --dry-run, HDF5", "whole", at_most=0.6),
            Target("cutmix --dry-run, folder", "whole", at_most=0.6),
        ),
        shown=("whole",),
    )
