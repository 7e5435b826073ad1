"""The few images that a figure mixes: rows of a source, or image files named by their classes."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.sources._listing import EXTENSIONS
from augtool.system import textfile
from augtool.targets import UNKNOWN

_SIZE = (224, 224)  # when the images differ and no size is asked for


@dataclass(frozen=True)
class Pool:
    """Images of one size (n, H, W, C) with their class ids and names. The first ``bases`` of them
    are the A of a row of the figure."""

    pixels: npt.NDArray[Any]
    ids: npt.NDArray[np.int64]
    names: tuple[str, ...]
    bases: int

    def group(self, row: int, slots: int) -> list[int]:
        """The images that a row is made of, base first, each once: as many as there are ``slots``,
        if there are so many. The first partner is half of the pool away: of another class."""
        n = len(self.pixels)
        around = [(row + n // 2 + one) % n for one in range(n)]
        return [row, *(one for one in around if one != row)][:slots]

    def name(self, image: int) -> str:
        """The class of an image."""
        return self.names[int(self.ids[image])]


def pool_of(
    inputs: Sequence[str], rows: int, slots: int, reading: Reading, pick: Sequence[int] | None
) -> Pool:
    """Images for ``rows`` rows, each made of at most ``slots``; ``pick`` are source rows to be A.

    Raises `UsageError` where there are too few, `SourceError` for an image that cannot be read.
    """
    if len(inputs) > 1 or os.fsencode(Path(inputs[0]).suffix.lower()) in EXTENSIONS:
        if pick is not None:
            raise UsageError("--pick: names rows of a source; leave it out, --in has image files")
        pool = _from_files([Path(one) for one in inputs], rows, reading)
    else:
        with tempfile.TemporaryDirectory(prefix="augtool-") as scratch:
            pool = _from_source(inputs[0], rows, slots, reading, pick, Path(scratch))
    if len(pool.pixels) < slots:
        raise UsageError(
            f"--in has {len(pool.pixels)} images, and a row is made of {slots}; give more of them"
        )
    return pool


def _from_files(files: Sequence[Path], rows: int, reading: Reading) -> Pool:
    from augtool.codecs import decode

    if len(files) < 2:
        raise UsageError("one image has no partner: give --in at least twice")
    try:
        data = [textfile.content_of(file) for file in files]
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; check --in") from error
    sized = dataclasses.replace(reading, size=reading.size or _SIZE)

    def decoded(file: Path, content: bytes) -> npt.NDArray[Any]:
        try:
            return decode.decode(content, sized)
        except decode.BadImage as error:
            raise SourceError(f"{file}: cannot be read ({error}); replace it") from error

    pixels = np.stack([decoded(*one) for one in zip(files, data, strict=True)])
    names = tuple(sorted({file.stem for file in files}))
    ids = np.array([names.index(file.stem) for file in files])
    return Pool(pixels, ids, names, min(rows, len(files)))


def _from_source(
    spec: str,
    rows: int,
    slots: int,
    reading: Reading,
    pick: Sequence[int] | None,
    scratch: Path,
) -> Pool:
    source = open_source(spec, reading, scratch)
    if source.shape is None:
        source = open_source(spec, dataclasses.replace(reading, size=_SIZE), scratch)
    target = source.targets[0]
    if target.kind != "classes" or source.shape is None:
        raise UsageError(f"{spec}: a figure of methods needs images with one class each")
    wrong = [row for row in pick or () if row >= source.n]
    if wrong:
        raise UsageError(f"--pick {wrong[0]}: {spec} has rows 0…{source.n - 1}")
    known = np.flatnonzero(target.values != UNKNOWN)
    bases = len(pick) if pick is not None else min(rows, len(known))
    count = min(max(2 * bases, slots), len(known))
    spread = known[np.arange(count) * len(known) // count + len(known) // (2 * count)]
    if pick is not None:  # those first, then others
        spread = np.array([*pick, *np.setdiff1d(spread, pick)[: max(bases, slots - 1)]])
    pixels = np.empty((len(spread), *source.shape), source.dtype)
    source.read(spread, pixels)
    ids = np.maximum(np.asarray(target.values[spread], np.int64), 0)
    names = target.class_names or tuple(f"#{one}" for one in range(target.width))
    return Pool(pixels, ids, names, bases)
