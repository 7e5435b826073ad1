"""One encoded label image as an array of ids, at the size of its image.

Ids are never blended: where an image is resized by whatever filter, its label image takes the
nearest pixel of the same place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from augtool.codecs import decode as images
from augtool.codecs.decode import BadImage, Size
from augtool.recipe.recipe import MAX_PIXELS, Reading

if TYPE_CHECKING:
    from PIL.Image import Image

Ids = npt.NDArray[Any]

_DTYPES = {"1": "u1", "L": "u1", "P": "u1", "I;16": "u2", "I;16B": "u2", "I;16N": "u2", "I": "i4"}
_FAITHFUL = ("PNG", "GIF", "BMP", "TIFF")
_STRETCHED = {2: 85, 4: 17}  # what Pillow multiplies grey of so few bits by
_BITS = 258  # the TIFF tag


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Ids:
    """The ids (h, w) in a label image: a palette's indices, or the values of a grey image.

    uint8 up to 8 bits a pixel, else uint16, int32 for TIFFs of 32 bits. What EXIF says of an
    orientation is not looked at. Raises `BadImage`, for colours and for JPEG too, whose pixels are
    not exact; MemoryError passes.
    """
    with images.opened(data) as (image, kind):
        if kind not in _FAITHFUL:
            raise BadImage(f"a {kind} does not keep ids as they were; save label images as PNG")
        images.checked_size(image.height, image.width, max_pixels)
        if image.mode not in _DTYPES:
            raise BadImage(
                f"its pixels are {image.mode}; label images are grey or have a palette, an id a "
                "pixel"
            )
        dtype = "u2" if (kind, image.mode) == ("PNG", "I") else _DTYPES[image.mode]
        image.load()
        ids = np.asarray(image).astype(dtype)
        bits = _bits(image, kind, data) if image.mode == "L" else 8
    return ids // np.uint8(_STRETCHED[bits]) if bits in _STRETCHED else ids


def fitted(ids: Ids, reading: Reading, fill: int) -> Ids:
    """Ids (h, w) at ``reading``'s size, by the geometry of images; ``fill`` is around them where
    images are padded."""
    size: Size = ids.shape[0], ids.shape[1]
    if reading.size in (None, size):
        return ids
    place = images.placement(reading.fit, size, reading.size)
    y0, x0, y1, x1 = place.box
    inner = ids[_nearest(y0, y1, place.inner[0])][:, _nearest(x0, x1, place.inner[1])]
    if place.inner == reading.size:
        return inner
    out = np.full(reading.size, fill, ids.dtype)
    top, left = place.corner
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def _nearest(low: float, high: float, length: int) -> npt.NDArray[np.int64]:
    """The pixels in which the centres of ``length`` parts of low…high lie."""
    middles = np.arange(length, dtype=np.float64) + 0.5
    return np.floor(low + middles * ((high - low) / length)).astype(np.int64)


def _bits(image: Image, kind: str, data: bytes) -> int:
    """Bits a pixel of a grey image, as it is stored."""
    if kind == "PNG":
        return data[24]
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (8,))
    return int(bits[0]) if isinstance(bits, tuple) else int(bits)
