"""One encoded image file as an upright array of a chosen mode and size.

The content chooses the decoder, never the name. JPEGs go to simplejpeg where it can be imported
and Pillow takes everything else, and whatever simplejpeg refuses; where both decode a file their
pixels are the same (CMYK within ±1). Pixels of 8 bits are resized by a kernel of our own when the
resampling is bilinear, whoever decoded them; all else by Pillow. Pixels are ``(h, w, c)``.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from augtool.recipe.recipe import MAX_PIXELS, Fit, Mode, Reading

if TYPE_CHECKING:
    from PIL import Image

Pixels = npt.NDArray[Any]
Size = tuple[int, int]

_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "PPM": "PpmImagePlugin",
}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_JPEG = b"\xff\xd8\xff"
_SIGNATURES = (
    (_JPEG, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    *((b"P%d" % number, "PPM") for number in range(1, 7)),
)
_SCAN = b"\xff\xda"
_SHORTEST_SCAN = 10  # bytes
_MOST_SCANS = 20  # of a progressive JPEG of the largest size; smaller ones may have more
_PROGRESSIVE = (0xC2, 0xCA)
_BAND_PIXELS = 1 << 20  # what is converted at a time
_ADDRESS = re.compile(r" <[^<>]* at 0x[0-9a-fA-F]+>")  # of an object: another in each process
_ROOM_BYTES = 16 << 20
_EXIF_MARK = b"Exif\0\0"
_EXIF_REACH = 65536
_ORIENTATION = 0x0112
_WIDTH, _HEIGHT = 256, 257
# What undoes each EXIF orientation but 1, by Pillow's names (its turns are counter-clockwise).
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class BadImage(Exception):
    """The bytes are not an image that can be read; the message is the reason, in one line."""


@dataclass(frozen=True)
class Header:
    """What a file says about itself: its upright size, its format ("JPEG"), and whether it is a
    grey image of 16 bits."""

    height: int
    width: int
    format: str
    grey16: bool


@dataclass(frozen=True)
class Placement:
    """How an image is brought to a size: ``box`` (y0, x0, y1, x1, half-open, in its own pixels)
    is resized to ``inner`` (h, w), which is put at ``corner`` (y, x) of the target."""

    box: tuple[float, float, float, float]
    inner: Size
    corner: Size = (0, 0)


def layout_of(mode: Mode | None) -> tuple[int, np.dtype[Any]]:
    """Channels and dtype of the pixels that ``mode`` gives; None is RGB."""
    channels = 3 if mode in (None, "RGB") else 1
    return channels, np.dtype(np.uint16 if mode == "L16" else np.uint8)


def header(data: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """The header of a file of which ``data`` is all, or a beginning that holds the header.

    Raises `BadImage`, also for more than ``max_pixels``.
    """
    try:
        return _turbo_header(data, max_pixels) or _pillow_header(data, max_pixels)
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # decoders raise what they like on broken files
        raise BadImage(_one_line(error)) from error


def kernels_of(reading: Reading) -> tuple[str, ...]:
    """The kernels that images of this reading may need."""
    return ("resample",) if reading.size is not None and _by_kernel(reading) else ()


def decode(data: bytes, reading: Reading) -> Pixels:
    """The pixels of the file ``data`` in ``reading``'s mode, at its size when it gives one.

    (h, w, 3) uint8 for RGB and None, (h, w, 1) uint8 for L, (h, w, 1) uint16 for L16: upright,
    the first picture of an animation, transparency laid over the background. 8-bit images become
    16-bit ones by ×257. Pixels of 32 bits are taken as 0…65535 when they are integers, as 0…1 or
    0…255 when they are floats. Raises `BadImage`; MemoryError passes through, since a full memory
    does not make an image bad.
    """
    straight = _straight(data, reading)
    return _by_pillow(data, reading) if straight is None else straight


def decode_into(data: bytes, reading: Reading, out: Pixels) -> bool:
    """Put `decode`'s pixels into ``out``, without a copy when that can be.

    Returns False, with ``out`` undefined, when the image is not of ``out``'s shape. Raises
    `BadImage`.
    """
    straight = _straight(data, reading, out)
    if straight is not None:
        return straight.shape == out.shape
    pixels = _by_pillow(data, reading)
    if pixels.shape != out.shape:
        return False
    out[...] = pixels
    return True


@contextmanager
def opened(data: bytes) -> Iterator[tuple[Image.Image, str]]:
    """The file ``data`` as Pillow opens it, not yet loaded, and its format ("PNG").

    Raises `BadImage`, also in place of what goes wrong while it is open; MemoryError passes.
    """
    kind = _format_of(data)
    try:
        with warnings.catch_warnings(), _opened(data, kind) as image:
            yield image, kind
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # decoders raise what they like on broken files
        raise BadImage(_one_line(error)) from error


def placement(fit: Fit, image: Size, target: Size) -> Placement:
    """Where an image of one size goes in a target of another, all sizes (h, w).

    For ``crop`` and ``pad`` the scale is the same in both directions (for ``pad`` to the nearest
    whole pixel).
    """
    (height, width), (th, tw) = image, target
    wider = width * th > height * tw
    if fit == "stretch":
        return Placement((0, 0, height, width), target)
    if fit == "pad":
        inner = (_share(height, tw, width), tw) if wider else (th, _share(width, th, height))
        corner = (th - inner[0]) // 2, (tw - inner[1]) // 2
        return Placement((0, 0, height, width), inner, corner)
    if wider:
        x0, x1 = _middle(width, height * tw / th, whole=height == th)
        return Placement((0, x0, height, x1), target)
    y0, y1 = _middle(height, width * th / tw, whole=width == tw)
    return Placement((y0, 0, y1, width), target)


def _share(length: int, numerator: int, denominator: int) -> int:
    return max(1, round(length * numerator / denominator))


def _middle(length: int, part: float, whole: bool) -> tuple[float, float]:
    """The middle ``part`` of 0…length; ``whole`` keeps it on pixel borders, so that a crop
    without a resize does not blur."""
    start = (length - part) // 2 if whole else (length - part) / 2
    return start, start + part


@cache
def reads_heif() -> bool:
    """Whether HEIC and HEIF files can be read: by pillow-heif, the extra ``augtool[heic]``."""
    return importlib.util.find_spec("pillow_heif") is not None


def load_decoder() -> None:
    """Import the decoder of JPEGs now, where it is there, and not with the first of them."""
    _simplejpeg()


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        return importlib.import_module("simplejpeg")
    except ImportError:  # no wheel for this platform: Pillow decodes everything
        return None


def _straight(data: bytes, reading: Reading, out: Pixels | None = None) -> Pixels | None:
    """An upright JPEG, by simplejpeg, which writes ``out`` if it is given and large enough. None
    where the file is for Pillow to decode, or to judge."""
    simplejpeg = _simplejpeg()
    if (
        simplejpeg is None
        or reading.mode == "L16"
        or not data.startswith(_JPEG)
        or _jpeg_orientation(data) != 1
    ):
        return None
    try:
        if out is None or reading.size is not None:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
            size = checked_size(height, width, reading.max_pixels)
        else:
            size = out.shape[0], out.shape[1]  # simplejpeg refuses larger ones
        check_scans(data, size, reading.max_pixels)
        if reading.size not in (None, size):
            return _straight_to_size(data, size, reading, out)
        colour = "GRAY" if reading.mode == "L" else "RGB"
        return cast(Pixels, simplejpeg.decode_jpeg(data, colour, buffer=out))
    except MemoryError:
        raise
    except Exception:  # Pillow reads some files that simplejpeg refuses, and explains the others
        return None


def _straight_to_size(
    data: bytes, size: Size, reading: Reading, out: Pixels | None
) -> Pixels | None:
    """An upright JPEG of this size at ``reading``'s, decoded smaller where that is enough, and also
    in ``out`` if it has that shape; None where Pillow resizes. Raises what simplejpeg does."""
    if not _by_kernel(reading):
        return None
    divisor = _divisor(size, reading)
    pixels = cast(ModuleType, _simplejpeg()).decode_jpeg(
        data,
        "GRAY" if reading.mode == "L" else "RGBX",  # a kernel takes four bytes best
        min_height=max(1, size[0] // divisor),
        min_width=max(1, size[1] // divisor),
        buffer=_room(size, divisor),
    )
    return _resampled(pixels, size, reading, out)


_rooms = threading.local()


def _room(size: Size, divisor: int) -> npt.NDArray[np.uint8]:
    """Memory for the pixels of one image, the same each time: fresh memory is dear."""
    needed = 4 * -(-size[0] // divisor) * -(-size[1] // divisor)
    if needed > _ROOM_BYTES:
        return np.empty(needed, np.uint8)
    if not hasattr(_rooms, "room"):
        _rooms.room = np.empty(_ROOM_BYTES, np.uint8)
    room: npt.NDArray[np.uint8] = _rooms.room
    return room


def _by_kernel(reading: Reading) -> bool:
    return reading.resample == "bilinear" and reading.mode != "L16"


def _resampled(pixels: Pixels, size: Size, reading: Reading, out: Pixels | None = None) -> Pixels:
    """``pixels`` (h, w, p), of an image once ``size`` large and perhaps decoded smaller, at
    ``reading``'s size; of p = 4 channels the first three count. They are put into ``out`` if it is
    given and has that shape."""
    assert reading.size is not None
    from augtool.kernels.resample import bilinear

    place = placement(reading.fit, size, reading.size)
    shape = (*reading.size, min(pixels.shape[2], 3))
    made = out if out is not None and _fits(out, shape) else np.empty(shape, np.uint8)
    whole = place.inner == reading.size
    inner = made if whole else np.empty((*place.inner, shape[2]), np.uint8)
    bilinear(pixels, _scaled(place, size, pixels.shape[:2]), inner)
    if not whole:
        (y, x), (height, width) = place.corner, place.inner
        made[:] = _background(reading)
        made[y : y + height, x : x + width] = inner
    if out is not None and made is not out and out.shape == shape:
        out[...] = made
    return made


def _fits(out: Pixels, shape: tuple[int, ...]) -> bool:
    """Whether a kernel can write an image of this shape into ``out``."""
    return out.shape == shape and out.flags.c_contiguous and out.dtype == np.uint8


def _scaled(place: Placement, size: Size, decoded: Size) -> tuple[float, float, float, float]:
    """The box of a placement in an image of which ``decoded`` pixels are there."""
    down, across = decoded[0] / size[0], decoded[1] / size[1]
    y0, x0, y1, x1 = place.box
    bottom, right = min(y1 * down, decoded[0]), min(x1 * across, decoded[1])  # despite rounding
    return y0 * down, x0 * across, bottom, right


def _background(reading: Reading) -> Pixels:
    """The background as a pixel of 8 bits in ``reading``'s mode."""
    from PIL import Image

    return _pixels(_in_mode(Image.new("RGB", (1, 1), reading.background), reading), reading.mode)


def _turbo_header(data: bytes, max_pixels: int) -> Header | None:
    simplejpeg = _simplejpeg()
    if simplejpeg is None or not data.startswith(_JPEG):
        return None
    try:
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
    except ValueError:
        return None
    size = _turned(checked_size(height, width, max_pixels), _jpeg_orientation(data))
    return Header(*size, "JPEG", False)


def _pillow_header(data: bytes, max_pixels: int) -> Header:
    kind = _format_of(data)
    with warnings.catch_warnings(), _opened(data, kind) as image:
        stored = checked_size(*_stored_size(image, kind), max_pixels)
        size = _turned(stored, _orientation(image, kind, data))
        # Pillow names 16-bit grey "I;16", "I;16B" or, in PPM and by older versions PNG, "I".
        return Header(*size, kind, image.mode.startswith("I"))


def _by_pillow(data: bytes, reading: Reading) -> Pixels:
    with opened(data) as (image, kind):
        upright, size = _upright(image, kind, data, reading)
        if reading.size not in (None, size) and _by_kernel(reading):
            return _resampled(_pixels(upright, reading.mode), size, reading)
        return _pixels(_fitted(upright, size, reading), reading.mode)


def _upright(
    image: Image.Image, kind: str, data: bytes, reading: Reading
) -> tuple[Image.Image, Size]:
    """The image in its final mode, and its own size (h, w): a JPEG may be decoded smaller."""
    orientation = _orientation(image, kind, data)
    size = checked_size(*_turned(_stored_size(image, kind), orientation), reading.max_pixels)
    if kind == "JPEG":
        check_scans(data, size, reading.max_pixels)
        divisor = _divisor(size, reading)
        colour = "RGB" if reading.mode in (None, "RGB") else "L"
        image.draft(colour, (max(1, image.width // divisor), max(1, image.height // divisor)))
    image.load()
    in_mode = _in_mode(image, reading)
    if orientation == 1 or kind == "TIFF":  # Pillow turns TIFFs while it loads them
        return in_mode, size
    from PIL.Image import Transpose

    return in_mode.transpose(Transpose[_TURNS[orientation]]), size


def _format_of(data: bytes) -> str:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        if not reads_heif():
            raise BadImage("a HEIC image, which needs an extra: pip install 'augtool[heic]'")
        return "HEIF"
    if not data.strip(b"\0"):
        raise BadImage("the file holds only zeros" if data else "the file is empty")
    raise BadImage("not a JPEG, PNG, GIF, BMP, WebP, TIFF or PPM image, whatever its name says")


def _opened(data: bytes, kind: str) -> Image.Image:
    """The file, by the one Pillow plug-in it is for. Silences warnings: call it in a
    ``warnings.catch_warnings()``.

    Not by ``Image.open``, whose own bound on sizes is one for the whole process.
    """
    from PIL import Image

    warnings.simplefilter("ignore")
    _hush()
    if kind == "HEIF":
        importlib.import_module("pillow_heif").register_heif_opener()
    else:
        importlib.import_module(f"PIL.{_PLUGINS[kind]}")
    factory, _ = Image.OPEN[kind]
    return factory(io.BytesIO(data), "")


@cache
def _hush() -> None:
    """What Pillow logs about broken files goes nowhere, unless the caller has set up logging."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def _stored_size(image: Image.Image, kind: str) -> Size:
    """(h, w) as stored. Of TIFFs, newer Pillows turn ``image.size`` and older ones do not."""
    tags = cast(Any, image).tag_v2 if kind == "TIFF" else {}
    return tags.get(_HEIGHT, image.height), tags.get(_WIDTH, image.width)


def checked_size(height: int, width: int, max_pixels: int) -> Size:
    """(h, w), unless it is larger than images may be, or nothing: then `BadImage`."""
    if height * width > max_pixels:
        raise BadImage(
            f"{height}x{width} pixels are more than {max_pixels:,}; if they are meant, raise "
            "--max-pixels"
        )
    if min(height, width) < 1:
        raise BadImage(f"{height}x{width} pixels are none")
    return height, width


def check_scans(data: bytes, size: Size, max_pixels: int) -> None:
    """Raise `BadImage` for a progressive JPEG that begins again so often that it would take
    minutes: each scan walks over all pixels, for a few bytes."""
    height, width = size
    most = _MOST_SCANS * max_pixels // max(1, height * width)
    if len(data) <= most * _SHORTEST_SCAN or not _is_progressive(data):
        return
    scans = data.count(_SCAN)
    if scans > most:
        raise BadImage(
            f"{scans:,} scans of {height}x{width} pixels would take very long; if they are meant, "
            "raise --max-pixels"
        )


def _is_progressive(data: bytes) -> bool:
    """What a JPEG says before its first scan."""
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker == _SCAN[1]:
            return False
        if marker in _PROGRESSIVE:
            return True
        # 0xFF fills; markers from 0xD0 to 0xD9, and 0x01, stand alone
        alone = 1 if marker == 0xFF else 2 if marker == 1 or 0xD0 <= marker <= 0xD9 else 0
        at += alone or 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _jpeg_orientation(data: bytes) -> int:
    """1…8. The search spares files without EXIF a parser that costs more than a small decode."""
    start = data.find(_EXIF_MARK, 0, _EXIF_REACH)
    if start < 0:
        return 1
    from PIL.Image import Exif

    exif = Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif.load(data[start : start + _EXIF_REACH])
            return _known_orientation(exif.get(_ORIENTATION))
        except Exception:  # a broken EXIF block leaves a good picture as it is
            return 1


def _orientation(image: Image.Image, kind: str, data: bytes) -> int:
    if kind == "JPEG":
        return _jpeg_orientation(data)
    if kind != "TIFF" and not {"exif", "Raw profile type exif"} & image.info.keys():
        return 1  # and Pillow would decode a PNG to look for more
    try:
        return _known_orientation(image.getexif().get(_ORIENTATION))
    except Exception:  # as above
        return 1


def _known_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(size: Size, orientation: int) -> Size:
    return (size[1], size[0]) if orientation >= 5 else size


def _in_mode(image: Image.Image, reading: Reading) -> Image.Image:
    """The image as RGB, L or, for L16, F: Pillow cannot resize 16 bits, and floats hold them."""
    if image.mode.startswith("I") or image.mode == "F":
        scale = _scale(image)
        if reading.mode == "L16":
            return _in_bands(image, "F", lambda band: _grey16(band, scale).astype(np.float32))
        image = _in_bands(image, "L", lambda band: _narrowed(_grey16(band, scale)))
    elif image.has_transparency_data:
        image = _in_bands(image, "RGB", lambda band: _composited(band, reading.background))
    colour = "RGB" if reading.mode in (None, "RGB") else "L"
    if image.mode != colour:
        image = image.convert(colour)
    if reading.mode == "L16":
        wide = np.float32(257)
        return _in_bands(image, "F", lambda band: np.asarray(band, np.float32) * wide)
    return image


def _in_bands(
    image: Image.Image, mode: str, convert: Callable[[Image.Image], Pixels]
) -> Image.Image:
    """The image in another mode, by a function of some of its rows: what is needed on the way to
    it would take several times the memory of a large image."""
    from PIL import Image

    out = Image.new(mode, image.size)
    for band, top in _bands(image):
        out.paste(Image.fromarray(convert(band)), (0, top))
    return out


def _bands(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    """(some rows, where they begin), from the first to the last."""
    step = max(1, _BAND_PIXELS // image.width)
    if step >= image.height:
        yield image, 0
        return
    for top in range(0, image.height, step):
        yield image.crop((0, top, image.width, min(top + step, image.height))), top


def _pixels(image: Image.Image, mode: Mode | None) -> Pixels:
    """The inverse of `_in_mode`: (h, w, c) in the mode's dtype."""
    channels, dtype = layout_of(mode)
    values = np.empty((image.height, image.width, channels), dtype)
    for band, top in _bands(image):
        some = np.asarray(band).reshape(band.height, band.width, channels)
        if mode == "L16":
            some = np.clip(np.rint(some), 0, 65535)
        values[top : top + band.height] = some
    return values


def _composited(image: Image.Image, background: tuple[int, int, int]) -> Pixels:
    from PIL import Image

    canvas = Image.new("RGBA", image.size, (*background, 255))
    return np.asarray(Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB"))


def _scale(image: Image.Image) -> int:
    """What the pixels of an image of 16 or 32 bits a pixel are to be multiplied by. Raises
    `BadImage` when they are in no known range."""
    if image.mode not in ("I", "F"):
        return 1
    ends = [(part.min(), part.max()) for part in (np.asarray(band) for band, _ in _bands(image))]
    low, high = np.min([end[0] for end in ends]), np.max([end[1] for end in ends])
    if image.mode == "F":
        if not (low >= 0 and high <= 255):
            raise BadImage(f"float pixels from {low:g} to {high:g}; they must be in 0…1 or 0…255")
        return 65535 if high <= 1 else 257
    if low < 0 or high > 65535:
        raise BadImage(f"32-bit pixels from {low} to {high}; they must be in 0…65535")
    return 1


def _grey16(image: Image.Image, scale: int) -> Pixels:
    """Rows of an image of 16 or 32 bits a pixel as (h, w) uint16."""
    grey = np.asarray(image)
    if grey.dtype.kind == "f":
        grey = np.rint(grey.astype(np.float64) * scale)
    return grey.astype(np.uint16)


def _narrowed(pixels: Pixels) -> Pixels:
    """16 bits as 8, to the nearest: the inverse of ×257."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _divisor(size: Size, reading: Reading) -> int:
    """By how much a JPEG of this size may be decoded smaller: what is left is at least three times
    as large as needed, so that the resize that follows still sets the quality."""
    if reading.size is None or reading.resample == "nearest":
        return 1
    place = placement(reading.fit, size, reading.size)
    y0, x0, y1, x1 = place.box
    spare = min((y1 - y0) / place.inner[0], (x1 - x0) / place.inner[1]) / 3
    return next((divisor for divisor in (8, 4, 2) if spare >= divisor), 1)


def _fitted(image: Image.Image, size: Size, reading: Reading) -> Image.Image:
    """The image, once ``size`` large and perhaps decoded smaller, at ``reading``'s size."""
    if reading.size in (None, size):
        return image
    from PIL import Image

    place = placement(reading.fit, size, reading.size)
    y0, x0, y1, x1 = _scaled(place, size, (image.height, image.width))
    inner = image.resize(
        (place.inner[1], place.inner[0]),
        Image.Resampling[reading.resample.upper()],
        box=(x0, y0, x1, y1),
    )
    if place.inner == reading.size:
        return inner
    height, width = reading.size
    dot = _in_mode(Image.new("RGB", (1, 1), reading.background), reading)
    canvas = dot.resize((width, height), Image.Resampling.NEAREST)
    canvas.paste(inner, (place.corner[1], place.corner[0]))
    return canvas


def _one_line(error: Exception) -> str:
    if type(error).__name__ == "DecompressionBombError":  # where a plug-in of Pillow has its own
        return "it declares more pixels than Pillow opens in this format"
    words = _ADDRESS.sub("", " ".join(str(error).split())) or type(error).__name__
    words = "".join(char if char.isprintable() else repr(char)[1:-1] for char in words)
    said = isinstance(error, OSError | SyntaxError | ValueError)  # about the file, by its decoder
    return words if said else f"damaged ({words})"
