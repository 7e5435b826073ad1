"""Label images that are one array, beside the images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from augtool.errors import UsageError
from augtool.recipe.recipe import Layout, Reading
from augtool.sources._contract import NO_MASKS, Pixels, Rows
from augtool.sources._layout import row_shape, shown_shape
from augtool.sources._mapped import ArrayFile, Extent, usable

MASK_KEY = "masks"
"""The array that is taken when none is named."""


def left_behind(place: str, reading: Reading) -> tuple[str, ...]:
    """The warning for an input of a format whose masks are not read, where it has some, unless it
    is asked for without them."""
    if reading.mask_key == NO_MASKS:
        return ()
    return (
        f"{place}: has masks, which are not read from such files; "
        "give HDF5 or npy to keep them, or --masks none",
    )


@dataclass(frozen=True)
class ArrayMasks:
    """Label images in an array (n, H, W)."""

    file: ArrayFile
    extent: Extent
    stamp = ""  # that of the images has it

    @property
    def shape(self) -> tuple[int, int]:
        _, height, width = self.extent.shape
        return height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.extent.dtype).newbyteorder("=")

    @property
    def pixels(self) -> Pixels | None:
        self.file.check_unchanged(self.extent)
        return self._stored if usable(self._stored) else None

    def read(self, rows: Rows, out: Pixels) -> None:
        self.file.gather(self.extent, rows, out)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in dataclasses.fields(self)}

    @cached_property
    def _stored(self) -> Pixels:
        return self.file.mapped(self.extent)


def check_masks(
    shape: tuple[int, ...], dtype: np.dtype[Any], images: Extent, layout: Layout | None, where: str
) -> None:
    """Raise `UsageError` unless an array can be the masks of ``images``: (n, H, W), with an axis
    of length 1 for channels or without, of integers, booleans or float32."""
    advice = "name others with --masks KEY, or leave them out with --masks none"
    if dtype.kind not in "biu" and dtype.name != "float32":
        raise UsageError(
            f"{where} is {dtype.name}: masks are whole numbers, or float32 for importance; {advice}"
        )
    height_width = row_shape(images.shape, layout)[:2]
    if layout is None:
        raise UsageError(f"{where}: the rows are no images, so they have no masks; {advice}")
    if shape[:1] != images.shape[:1]:
        raise UsageError(
            f"{where} has {(*shape, 1)[0]} rows, the images have {images.shape[0]}; {advice}"
        )
    if _without_channel(shape) != (images.shape[0], *height_width):
        raise UsageError(
            f"{where} {shown_shape(shape)}: images of {height_width[0]}x{height_width[1]} have "
            f"masks {shown_shape((images.shape[0], *height_width))}; {advice}"
        )


def mask_extent(extent: Extent) -> Extent:
    """The array that `check_masks` let pass as (n, H, W), booleans as numbers."""
    dtype = "|u1" if extent.dtype == "|b1" else extent.dtype
    return dataclasses.replace(extent, shape=_without_channel(extent.shape), dtype=dtype)


def _without_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without the axis of channels, which may be the last or the second."""
    if len(shape) == 4 and 1 in (shape[3], shape[1]):
        return shape[:3] if shape[3] == 1 else (shape[0], *shape[2:])
    return shape
