"""One image as the bytes of a file: JPEG, PNG, WebP or npy."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError

Pixels = npt.NDArray[Any]

_PNG_LEVEL = 1  # a third of the time of the usual 6, for a tenth more bytes
_HOLDS = {  # (dtype, channels) that each format has
    "jpg": {("uint8", 1), ("uint8", 3)},
    "png": {("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 1)},
    "webp": {("uint8", 3), ("uint8", 4)},
}


@dataclass(frozen=True)
class Encoding:
    """How images become files. ``extension`` names it, without a dot; ``quality`` is 1 … 100."""

    extension: str
    quality: int = 0

    @property
    def is_lossless(self) -> bool:
        """Whether a reader gets the same pixels."""
        return self.extension in ("png", "npy")

    def encode(self, image: Pixels) -> bytes:
        """The bytes of one image (H, W[, C]); of any array for npy."""
        return _ENCODERS[self.extension](image, self.quality)


def encoding(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Encoding:
    """The encoding of ``jpg:95``, ``png``, ``webp:90`` or ``npy`` for rows of this shape.

    Raises `UsageError` when it cannot hold them.
    """
    extension, _, quality = name.partition(":")
    channels = shape[2] if len(shape) == 3 else 1
    holds = _HOLDS.get(extension)
    if holds is not None and (len(shape) not in (2, 3) or (dtype.name, channels) not in holds):
        words = ", ".join(f"{channels} × {depth}" for depth, channels in sorted(holds))
        raise UsageError(
            f"encode {name}: holds images of {words} a pixel; rows here are "
            f"{'×'.join(map(str, shape))} {dtype.name}; use npy"
        )
    return Encoding(extension, int(quality or 0))


def _jpg(image: Pixels, quality: int) -> bytes:
    try:
        import simplejpeg
    except ImportError:
        return _by_pillow(image, "JPEG", quality=quality, subsampling=0)
    grey = image.ndim == 2 or image.shape[2] == 1
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image.reshape(*image.shape[:2], -1)),
        quality=quality,
        colorspace="GRAY" if grey else "RGB",
        colorsubsampling="Gray" if grey else "444",
    )
    return data


def _png(image: Pixels, _quality: int) -> bytes:
    return _by_pillow(image, "PNG", compress_level=_PNG_LEVEL)


def _webp(image: Pixels, quality: int) -> bytes:
    return _by_pillow(image, "WEBP", quality=quality)


def _npy(image: Pixels, _quality: int) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(image), version=(1, 0))
    return stream.getvalue()


def _by_pillow(image: Pixels, kind: str, **options: Any) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    flat = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, kind, **options)
    return stream.getvalue()


_ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    "jpg": _jpg,
    "png": _png,
    "webp": _webp,
    "npy": _npy,
}
