"""Thumbnails as data URIs, small enough that all of a page fit a budget of bytes."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.preview.to_uint8 import to_display

Pixels = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

SIDE = 128
"""No picture of a page is longer than so many pixels."""

_LOSSLESS_SIDE = 64  # smaller pictures are PNGs: JPEG would blur the few pixels that they have


@dataclass(frozen=True)
class _Rung:
    """How pictures are stored: their long side, and the quality of JPEG, 0 for PNG."""

    side: int
    quality: int


# The best first; each takes about two thirds of the bytes of the one before.
_RUNGS = (
    _Rung(SIDE, 85),
    _Rung(SIDE, 65),
    _Rung(96, 65),
    _Rung(80, 55),
    _Rung(64, 50),
    _Rung(48, 45),
    _Rung(32, 40),
)


def thumbnail(pixels: Pixels, side: int = SIDE) -> Pixels:
    """An image (H, W) or (H, W, C) of any dtype at most ``side`` long: each pixel is the mean of
    those it stands for, in float32 unless nothing changes."""
    factor = -(-max(pixels.shape[:2]) // side)
    if factor <= 1:
        return pixels
    sums: Pixels = pixels.astype(np.float32)
    for axis in (0, 1):
        starts = np.arange(0, pixels.shape[axis], factor)
        lengths = np.diff([*starts, pixels.shape[axis]]).astype(np.float32)
        shape = [1] * pixels.ndim
        shape[axis] = len(lengths)
        sums = np.add.reduceat(sums, starts, axis=axis) / lengths.reshape(shape)
    if pixels.dtype == np.uint8:
        return np.rint(sums).astype(np.uint8)
    return sums


def picked(pixels: Pixels, side: int = SIDE) -> Pixels:
    """An image of ids at most ``side`` long: each pixel is one of those it stands for, so that no
    two are blended."""
    factor = -(-max(pixels.shape[:2]) // side)
    return pixels[factor // 2 :: factor, factor // 2 :: factor] if factor > 1 else pixels


def data_uris(images: Sequence[Pixels], most_bytes: int) -> tuple[list[str], str]:
    """A data URI for each of ``images``, thumbnails of any dtype, and a note on how pixels were
    changed ("" when they were not); together at most ``most_bytes``, as far as smaller pictures
    can do it."""
    if not images:
        return [], ""
    shown, note = to_display(images)
    if max(max(image.shape[:2]) for image in shown) <= _LOSSLESS_SIDE:
        uris = _limited(shown, png_uri, most_bytes)
        if uris is not None:
            return uris, note
    for rung in _RUNGS:
        uris = _limited(shown, functools.partial(_jpeg_uri, rung), most_bytes)
        if uris is not None:
            return uris, note
    return [_jpeg_uri(_RUNGS[-1], image) for image in shown], note


def png_uri(image: Bytes) -> str:
    """An image (H, W, 3) as it is."""
    return _uri(image, "png", format="PNG", optimize=True)


def _limited(
    images: Sequence[Bytes], uri_of: Callable[[Bytes], str], most_bytes: int
) -> list[str] | None:
    """The URIs, or None as soon as they are too large."""
    uris, total = list[str](), 0
    for image in images:
        uris.append(uri_of(image))
        total += len(uris[-1])
        if total > most_bytes:
            return None
    return uris


def _jpeg_uri(rung: _Rung, image: Bytes) -> str:
    return _uri(thumbnail(image, rung.side), "jpeg", format="JPEG", quality=rung.quality)


def _uri(image: Bytes, kind: str, **given: Any) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(content, **given)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
