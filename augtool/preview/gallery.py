"""The picture that papers open with: a few images down the side, one method a column."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from augtool import methods
from augtool.errors import AugtoolError, SourceError, UsageError
from augtool.mixing.in_memory import mix
from augtool.recipe.recipe import Reading, Step, step
from augtool.sources import open_source
from augtool.sources._listing import EXTENSIONS
from augtool.system import textfile
from augtool.system.scratch import temporary
from augtool.targets import UNKNOWN

if TYPE_CHECKING:
    from PIL.Image import Image

_SIZE = (224, 224)  # when the images differ and no size is asked for
_SHOWN_LAM = 0.6
_POOL = 8  # images that partners come from, shown or not


@dataclass(frozen=True)
class Pictures:
    """Images of one size (n, H, W, C) with their class ids and names."""

    pixels: npt.NDArray[Any]
    ids: npt.NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of the gallery: a step and what stands above it."""

    heading: str
    step: Step


def gallery_of(
    inputs: Sequence[str],
    columns: Sequence[Column],
    *,
    rows: int = 4,
    seed: int = 0,
    reading: Reading | None = None,
    font: Path | None = None,
) -> Image:
    """A grid: the unmixed images first, then a column for each of ``columns``.

    ``inputs`` is one source, or image files whose names are their classes. A method that cannot
    mix these images has an empty cell that says why. Raises `UsageError` when there is nothing to
    show.
    """
    from augtool.preview.captions import captions
    from augtool.preview.grid import Cell, draw_grid

    pictures = _pictures(inputs, max(rows, _POOL), reading or Reading())
    shown = min(rows, len(pictures.pixels))
    originals = np.eye(len(pictures.names))[pictures.ids]
    table = [_cells(pictures.pixels, originals)]
    table += [_mixed(pictures, column, seed) for column in columns]
    said = captions(
        [label for cells in table for _, label in cells[:shown]], pictures.names, font=font
    )
    texts = iter(said)
    drawn = [[Cell(pixels, next(texts)) for pixels, _ in cells[:shown]] for cells in table]
    by_row = [column[row] for row in range(shown) for column in drawn]
    headings = ["original", *(column.heading for column in columns)]
    return draw_grid(by_row, len(headings), headings=headings, font=font)


def columns_of(names: Sequence[str]) -> list[Column]:
    """A column for each method, applied to every row; where a method has a λ, it is one that
    shows both images."""
    return [
        Column(name, step(name, prob=1, **({"lam": _SHOWN_LAM} if _has_lam(name) else {})))
        for name in names
    ]


def shown_methods(images: int) -> list[str]:
    """The methods that change pixels and can mix so few ``images``."""
    return [
        name
        for name in methods.names()
        if images >= methods.load(name).SLOTS and methods.load(name).columns(step(name).params)
    ]


def _has_lam(name: str) -> bool:
    return "lam" in [field.name for field in dataclasses.fields(methods.load(name).Params)]


def columns_of_lam(name: str, shares: Sequence[float]) -> list[Column]:
    """A column for each λ of one method. Raises `UsageError` when it has no λ to fix."""
    if not _has_lam(name):
        raise UsageError(f"{name} has no lam to fix; choose a method that has, such as cutmix")
    return [Column(f"{name} λ = {lam:g}", step(name, prob=1, lam=lam)) for lam in shares]


def _mixed(pictures: Pictures, column: Column, seed: int) -> list[tuple[Any, Any]]:
    try:
        made = mix(
            pictures.pixels, pictures.ids, column.step, num_classes=len(pictures.names), seed=seed
        )
    except AugtoolError as error:
        raise UsageError(f"{column.heading}: {error}; leave it out with --methods") from error
    return _cells(*made)


def _cells(pixels: npt.NDArray[Any], labels: npt.NDArray[Any]) -> list[tuple[Any, Any]]:
    return list(zip(pixels, labels, strict=True))


def _pictures(inputs: Sequence[str], count: int, reading: Reading) -> Pictures:
    files = [Path(one) for one in inputs]
    if len(inputs) > 1 or os.fsencode(files[0].suffix.lower()) in EXTENSIONS:
        return _from_files(files, reading)
    with temporary() as scratch:
        return _from_source(inputs[0], count, reading, scratch)


def _from_files(files: Sequence[Path], reading: Reading) -> Pictures:
    from augtool.codecs import decode as images

    if len(files) < 2:
        raise UsageError("one image has no partner: give --in at least twice")
    try:
        data = [textfile.content_of(file) for file in files]
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; check --in") from error
    sized = dataclasses.replace(reading, size=reading.size or _SIZE)

    def decoded(file: Path, content: bytes) -> npt.NDArray[Any]:
        try:
            return images.decode(content, sized)
        except images.BadImage as error:
            raise SourceError(f"{file}: cannot be read ({error}); replace it") from error

    pixels = np.stack([decoded(*one) for one in zip(files, data, strict=True)])
    names = tuple(sorted({file.stem for file in files}))
    return Pictures(pixels, np.array([names.index(file.stem) for file in files]), names)


def _from_source(spec: str, count: int, reading: Reading, scratch: Path) -> Pictures:
    source = open_source(spec, reading, scratch)
    if source.shape is None:
        source = open_source(spec, dataclasses.replace(reading, size=_SIZE), scratch)
    target = source.targets[0]
    if target.kind != "classes" or source.shape is None:
        raise UsageError(f"{spec}: a gallery needs images with one class each")
    known = np.flatnonzero(target.values != UNKNOWN)
    count = min(count, len(known))
    rows = known[np.arange(count) * len(known) // count + len(known) // (2 * count)]
    pixels = np.empty((count, *source.shape), source.dtype)
    source.read(rows, pixels)
    ids = np.asarray(target.values[rows], np.int64)
    names = target.class_names or tuple(f"#{one}" for one in range(target.width))
    return Pictures(pixels, ids, names)
