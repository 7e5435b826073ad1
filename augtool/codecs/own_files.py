"""One image from the bytes of a file that `augtool.codecs.encoding` has made."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]


def decode(data: bytes, extension: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pixels:
    """The image, of this shape and dtype, that a file with this ``extension`` holds.

    Raises ValueError when it is not there, or another one is.
    """
    image = _DECODERS[extension](data, shape, dtype)
    if image.dtype != dtype:
        raise ValueError(f"an image of {image.dtype}, not {dtype}")
    return image.reshape(shape)


def _jpg(data: bytes, shape: tuple[int, ...], _dtype: np.dtype[Any]) -> Pixels:
    try:
        import simplejpeg
    except ImportError:
        return _by_pillow(data, shape)
    grey = len(shape) == 2 or shape[2] == 1
    _check_size(simplejpeg.decode_jpeg_header(data)[:2], shape)
    image: Pixels = simplejpeg.decode_jpeg(data, colorspace="GRAY" if grey else "RGB")
    return image


def _npy(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pixels:
    return npy_values(data, shape, dtype)


def npy_values(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pixels:
    """What a .npy file of this shape and dtype holds; its header is passed over."""
    count = int(np.prod(shape))
    if len(data) < count * dtype.itemsize:
        raise ValueError("an array that is cut short")
    return np.frombuffer(data, dtype, count, len(data) - count * dtype.itemsize).reshape(shape)


def _pillow(data: bytes, shape: tuple[int, ...], _dtype: np.dtype[Any]) -> Pixels:
    return _by_pillow(data, shape)


def _by_pillow(data: bytes, shape: tuple[int, ...]) -> Pixels:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            _check_size((image.height, image.width), shape)
            return np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise what they like on broken files
        raise ValueError(" ".join(str(error).split())) from error


def _check_size(size: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise ValueError, before it is decoded, for an image of another size than its row."""
    if tuple(size) != tuple(shape[:2]):
        raise ValueError(f"an image of {size[0]}x{size[1]}, not {shape[0]}x{shape[1]}")


_DECODERS: dict[str, Callable[[bytes, tuple[int, ...], np.dtype[Any]], Pixels]] = {
    "jpg": _jpg,
    "npy": _npy,
    "png": _pillow,
    "webp": _pillow,
}
