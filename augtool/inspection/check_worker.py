"""Looking at each image of a source, in a worker: what it holds, and what is odd about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.codecs import decode
from augtool.codecs.decode import BadImage
from augtool.errors import BrokenInput
from augtool.recipe.recipe import Reading
from augtool.sources._concat import Several
from augtool.sources._contract import Source
from augtool.system.handover import Kept, kept

DIGEST_BYTES = 16
_ORIENTATION = 0x0112
_USUAL_MODES = ("RGB", "L")
_ENDED_EARLY = ("truncated", "premature", "ends inside", "unexpected end", "not enough image data")
_ENDINGS = {  # that a format's files have
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "PNG": ("png",),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "PPM": ("ppm", "pgm", "pbm", "pnm"),
    "HEIF": ("heic", "heif"),
}


@dataclass(frozen=True)
class Oddity:
    """What is odd about a row: its kind, as the report calls it, and words."""

    row: int
    kind: str
    words: str


@dataclass
class Examined:
    """What was found in the rows from ``start`` on: their hashes (m, 16) uint8 and sizes (m, 2)
    int32, −1 for what cannot be read, and what is odd."""

    start: int
    digests: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int32]
    oddities: list[Oddity] = field(default_factory=list)
    suspects: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    """One image: its height and width, and what is odd: (kind, words)."""

    size: tuple[int, int]
    odd: tuple[tuple[str, str], ...] = ()


def examine(context: Kept, start: int, stop: int, alone: bool = False) -> Examined:
    """Look at the rows start … stop−1 of the source that is kept at ``context``.

    Those that cannot be read are ``suspects``, to be read again alone, since low memory can look
    like a bad image; then they are oddities, and a `MemoryError` passes.
    """
    source = _source(context)
    found = Examined(
        start,
        np.zeros((stop - start, DIGEST_BYTES), np.uint8),
        np.full((stop - start, 2), -1, np.int32),
    )
    for row in range(start, stop):
        try:
            digest, seen = _looked(source, row)
        except (BrokenInput, MemoryError) as error:
            if not alone:
                found.suspects.append(row)
            elif isinstance(error, BrokenInput):
                found.oddities.append(Oddity(row, _kind_of(error.reason), error.reason))
            else:
                what = f"{source.name(row)}: there is not enough memory to read it"
                raise MemoryError(what) from error
            continue
        found.digests[row - start] = np.frombuffer(digest, np.uint8)
        found.sizes[row - start] = seen.size
        found.oddities += [Oddity(row, kind, words) for kind, words in seen.odd]
    return found


def forget() -> None:
    """Let go of the source."""
    _source.cache_clear()


def part_of(source: Source, row: int) -> tuple[Any, int]:
    """The one input that a row is of, and its row there."""
    if not isinstance(source, Several):
        return source, row
    at = int(np.searchsorted(source.starts, row, "right")) - 1
    return part_of(source.parts[at], row - source.starts[at])


@lru_cache(maxsize=1)
def _source(given: Kept) -> Source:
    source: Source = kept(given)
    return source


def _looked(source: Source, row: int) -> tuple[bytes, _Seen]:
    """The hash of a row's content, and what it is. Raises `BrokenInput`."""
    part, inner = part_of(source, row)
    store = getattr(part, "store", None)
    if store is None or not hasattr(part, "header"):
        pixels = np.ascontiguousarray(part.image(inner))
        return _hash(pixels.data.cast("B") if pixels.size else b""), _seen_array(pixels)
    content: bytes = store.content(inner)
    name = part.name(inner)
    try:
        return _hash(content), _seen_image(content, name, part.reading)
    except BadImage as error:
        raise BrokenInput(row, name, str(error)) from error


def _hash(data: Any) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _seen_array(pixels: npt.NDArray[Any]) -> _Seen:
    height, width = (*pixels.shape, 1, 1)[:2]
    return _Seen((int(height), int(width)), tuple(_not_finite(pixels)))


def _not_finite(pixels: npt.NDArray[Any]) -> Iterator[tuple[str, str]]:
    if pixels.dtype.kind == "f" and not (finite := np.isfinite(pixels)).all():
        yield "not finite", f"{int((~finite).sum()):,} values are NaN or infinite"


def _seen_image(content: bytes, name: str, reading: Reading) -> _Seen:
    with decode.opened(content) as (image, kind):
        mode, orientation = image.mode, _orientation(image, kind)
    own = Reading(mode=reading.mode, background=reading.background)
    pixels = decode.decode(content, own)
    odd = (*_odd(mode, orientation, kind, name), *_not_finite(pixels))
    return _Seen(pixels.shape[:2], odd)


def _orientation(image: Any, kind: str) -> int:
    if kind not in ("JPEG", "TIFF") and "exif" not in image.info:
        return 1  # Pillow would decode a PNG to look for more
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # a broken EXIF block leaves a good picture as it is
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _odd(mode: str, orientation: int, kind: str, name: str) -> Iterator[tuple[str, str]]:
    if mode not in _USUAL_MODES:
        yield "odd mode", mode
    if orientation != 1:
        yield "turned by EXIF", f"orientation {orientation}"
    ending = name.rpartition(".")[2].lower()
    known = any(ending in endings for endings in _ENDINGS.values())
    if known and ending not in _ENDINGS.get(kind, (ending,)):
        yield "misnamed", f"is {kind}"


def _kind_of(reason: str) -> str:
    if reason == "the file is empty":
        return "zero-size"
    early = any(words in reason.lower() for words in _ENDED_EARLY)
    return "truncated" if early else "unreadable"
