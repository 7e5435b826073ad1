"""Folders of photos, and what one would do with them instead."""

from __future__ import annotations

from pathlib import Path

from benchmarks import data
from benchmarks._contract import Setting

SIDE = 224
FULL, QUICK = 4_000, 600
_OWN = 400
_SIZES = ((375, 500), (500, 375), (333, 500), (375, 500), (500, 334))


def folder(setting: Setting) -> tuple[Path, int, str]:
    """A folder of JPEGs of about 500×375, how many there are, and whose they are."""
    images = setting.number(FULL, QUICK)
    large = [one for one in setting.given if one.size is None]
    if large:
        return data.copies_of(large[0], setting.scratch, images), images, "given"
    own = min(_OWN, images)
    return data.photo_folder(setting.scratch, images, _SIZES, own), images, "synthetic 500×375"
