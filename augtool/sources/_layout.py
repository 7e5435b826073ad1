"""What the axes of an image array mean."""

from __future__ import annotations

from typing import cast, get_args

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Layout

_RANKS = {"NHWC": 4, "NCHW": 4, "NHW": 3}


def layout_of(shape: tuple[int, ...], asked: str | None, where: str) -> Layout | None:
    """The layout of an array whose first axis counts rows; None for ranks that are no images.

    An axis counts as channels only when it is 1 to 4 long, unless ``asked`` says so. ``where``
    begins error messages. Raises `UsageError` with the possible readings when the shape has none
    or more than one, or does not fit what was asked; `SourceError` when there is nothing in it.
    """
    rank = len(shape)
    if rank < 2:
        raise UsageError(f"{where} {shown_shape(shape)}: one value a row is no image array")
    if 0 in shape:
        raise SourceError(f"{where} {shown_shape(shape)}: holds no pixels; choose another data set")
    if asked is not None:
        if rank != _RANKS[asked]:
            raise UsageError(
                f"{where} {shown_shape(shape)}: layout {asked} needs {_RANKS[asked]} axes; "
                "leave --layout out"
            )
        return cast(Layout, asked)
    if rank == 4:
        return _four_axes(shape, where)
    return "NHW" if rank == 3 else None


def row_shape(shape: tuple[int, ...], layout: Layout | None) -> tuple[int, ...]:
    """The shape of one row as sources give it, (H, W, C) for images with channels."""
    if layout == "NCHW":
        return (*shape[2:], shape[1])
    return shape[1:]


def known_layout(word: object) -> bool:
    """Whether ``word`` is the name of a layout."""
    return word in get_args(Layout)


def shown_shape(shape: tuple[int, ...]) -> str:
    """A shape as messages show it: (50000, 32, 32, 3)."""
    return str(tuple(shape))


def _four_axes(shape: tuple[int, ...], where: str) -> Layout:
    first, last = shape[1] <= 4, shape[3] <= 4
    if first != last:
        return "NCHW" if first else "NHWC"
    readings = " or ".join(
        f"{height}x{width} with {channels} {'channel' if channels == 1 else 'channels'} "
        f"(--layout {layout})"
        for layout, (height, width, channels) in (
            ("NHWC", shape[1:]),
            ("NCHW", row_shape(shape, "NCHW")),
        )
    )
    raise UsageError(f"{where} {shown_shape(shape)}: the images could be {readings}; choose one")
