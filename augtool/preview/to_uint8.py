"""Arrays of any real type as pixels that a screen shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.preview.captions import number_in_words

Pixels = npt.NDArray[Any]

_SAMPLED = 1 << 18  # pixels of an image that its percentiles are taken from


def to_display(images: Sequence[Pixels]) -> tuple[list[npt.NDArray[np.uint8]], str]:
    """``images`` as (H, W, 3) uint8, and a note on how they were changed ("" when they were not).

    uint8 is shown as it is, and so are floats when all of them lie in 0…1. Everything else is
    stretched: the 1st percentile of all images together becomes black, the 99th white. One or two
    channels are shown as grey, of more the first three as red, green, blue. Raises `UsageError`
    for what is not an image.
    """
    notes: list[str] = []
    for image in images:
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise UsageError(
                f"rows of shape {image.shape} cannot be shown; a preview needs (H, W) or (H, W, C)"
            )
    shown = [_three_channels(image) for image in images]
    counts = {image.shape[2] for image in images if image.ndim == 3} - {1, 3}
    if counts:
        notes.append(f"channel {'1' if max(counts) == 2 else '1-3'} of {max(counts)} is shown")
    if all(map(_is_share, shown)):
        return [_stretched(image, 0.0, 1.0) for image in shown], "; ".join(notes)
    stretched = [image for image in shown if image.dtype != np.uint8]
    if stretched:
        low, high = _percentiles(stretched)
        kinds = ", ".join(sorted({image.dtype.name for image in stretched}))
        black, white = number_in_words(low), number_in_words(high)
        notes.append(
            f"{kinds} stretched: {black} is shown as black, {white} as white "
            "(percentiles 1 and 99 of these images)"
        )
        shown = [
            image if image.dtype == np.uint8 else _stretched(image, low, high) for image in shown
        ]
    return shown, "; ".join(notes)


def _three_channels(image: Pixels) -> Pixels:
    stack = image[..., None] if image.ndim == 2 else image
    return stack[..., :3] if stack.shape[2] >= 3 else np.repeat(stack[..., :1], 3, axis=2)


def _is_share(image: Pixels) -> bool:
    """Whether an image has floats that all lie in 0…1."""
    return image.dtype.kind == "f" and bool(((image >= 0) & (image <= 1)).all())


def _percentiles(images: Sequence[Pixels]) -> tuple[float, float]:
    parts = [image.ravel()[:: max(1, image.size // _SAMPLED)] for image in images]
    values = np.concatenate([part.astype(np.float64) for part in parts])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high)


def _stretched(image: Pixels, low: float, high: float) -> npt.NDArray[np.uint8]:
    span = high - low if high > low else 1.0
    shares = np.nan_to_num((image.astype(np.float64) - low) / span, posinf=1.0, neginf=0.0)
    return (np.clip(shares, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
