"""Drawn shapes with classes, so that a first run needs no data.

``sample:`` or ``sample:?n=2000&size=64&classes=10``. Images are made when they are read, each from
its row number alone, with integer hashes and exactly rounded arithmetic: the same bytes on every
machine. Up to 25 classes are shapes, up to 200 shapes of a colour, up to 1,000 shapes of a colour
on a ground.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Mode, Reading
from augtool.sources._contract import Masks, Notes, Pixels, Rows
from augtool.sources._shapes import SHAPES, coverage
from augtool.targets import Target

_SCHEME = "sample:"
_EXAMPLE = "sample:?n=2000&size=64&classes=10"

# Each name has a light and a deep tone; a row's colour lies between them.
_COLOURS = {
    "red": ((240, 84, 84), (198, 40, 57)),
    "orange": ((255, 150, 66), (226, 99, 28)),
    "yellow": ((250, 206, 62), (236, 172, 16)),
    "green": ((92, 188, 104), (34, 134, 72)),
    "teal": ((48, 184, 178), (10, 124, 134)),
    "blue": ((80, 140, 240), (36, 84, 198)),
    "purple": ((156, 108, 224), (104, 58, 178)),
    "pink": ((246, 120, 176), (212, 58, 130)),
}
_GROUNDS = {
    "night": ((38, 48, 82), (64, 62, 110)),
    "sand": ((240, 226, 204), (226, 206, 180)),
    "sky": ((206, 226, 240), (180, 204, 230)),
    "mint": ((208, 234, 220), (182, 218, 204)),
    "rose": ((242, 218, 222), (226, 198, 210)),
}
_TONES = np.array(list(_COLOURS.values()), np.int32)  # (8, light or deep, 3)
_GROUND_TONES = np.array(list(_GROUNDS.values()), np.int32)  # (5, one side or other, 3)
_NIGHT = list(_GROUNDS).index("night")
_SHAPE_LIST = tuple(SHAPES.items())
_MOST_CLASSES = len(_SHAPE_LIST) * len(_COLOURS) * len(_GROUNDS)

# Sine and cosine of −21°, −14°, … 21°; literals, because libm's differ between machines.
_TURNS = (
    (-0.3583679, 0.9335804),
    (-0.2419219, 0.9702957),
    (-0.1218693, 0.9925462),
    (0.0, 1.0),
    (0.1218693, 0.9925462),
    (0.2419219, 0.9702957),
    (0.3583679, 0.9335804),
)
_RADIUS_LOW, _RADIUS_STEP = 28, 4  # radii are 28, 32, 36 or 40 % of the short side
_FULL = 128  # the weight 1 in a stamp: 128 · 255 fits uint16
_STAMP_BYTES = 48 << 20

_BOUNDS = {"n": (1, 100_000_000), "size": (8, 4096), "classes": (1, _MOST_CLASSES)}
READING = frozenset({"size", "mode"})


def sniff(spec: str) -> bool:
    """Whether ``spec`` asks for drawn shapes."""
    return spec.startswith(_SCHEME)


def open(spec: str, reading: Reading, scratch: Path) -> Sample:  # noqa: ARG001
    """The source that ``spec`` describes; it needs no ``scratch``.

    Shapes are drawn at ``reading.size`` when there is one. Raises `UsageError` for an unknown key,
    a value out of bounds, or the mode L16.
    """
    options = _options(spec)
    own_size = _size(options.get("size", "64"))
    if reading.mode == "L16":
        raise UsageError(f"{spec}: shapes are drawn with 8 bits; use --mode L or RGB")
    return Sample(
        n=_whole("n", options.get("n", "2000")),
        classes=_whole("classes", options.get("classes", "10")),
        own_size=own_size,
        size=reading.size or own_size,
        mode=reading.mode or "RGB",
    )


@dataclass(frozen=True)
class Sample:
    """An open ``sample:``; sizes are (H, W). Row i has class i·classes // n, as in a folder."""

    n: int
    classes: int
    own_size: tuple[int, int]
    size: tuple[int, int]
    mode: Mode

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, 3), or (H, W, 1) for mode L."""
        return (*self.size, self._channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8."""
        return np.dtype(np.uint8)

    @property
    def targets(self) -> tuple[Target, ...]:
        """One target of kind ``classes``."""
        return (_target(self.n, self.classes),)

    @property
    def notes(self) -> Notes:
        """Nothing: there is nothing to warn about."""
        return Notes()

    @property
    def nbytes(self) -> int:
        """0: rows are made when they are read."""
        return 0

    @property
    def fingerprint(self) -> str:
        """sha256 of all that decides the rows. The 1 stands for this way of drawing."""
        text = f"sample 1 n={self.n} classes={self.classes} shape={self.shape}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def stamp(self) -> str:
        """Empty: there is no file."""
        return ""

    @property
    def pixels(self) -> Pixels | None:
        """None: there is no file to map."""
        return None

    @property
    def masks(self) -> Masks | None:
        """None: shapes are drawn without them."""
        return None

    def column(self, key: str) -> npt.NDArray[Any]:
        """Raises `UsageError`: there are none."""
        raise UsageError(f"{_SCHEME} has no column {key!r}, and no others: use a file or real data")

    def name(self, row: int) -> str:
        """Class and number in the class, as in a folder: ``"star/0012"``."""
        label = row * self.classes // self.n
        first = -(-label * self.n // self.classes)
        return f"{class_names(self.classes)[label]}/{row - first:04d}"

    def read(self, rows: Rows, out: Pixels) -> None:
        """Draw ``rows`` into ``out`` (len(rows), H, W, C) uint8."""
        if self._channels == 3:
            _draw(np.asarray(rows, np.int64), self.n, self.classes, out)
            return
        for image, row in zip(out, rows, strict=True):
            colour = np.empty((1, *image.shape[:2], 3), np.uint8)
            _draw(np.array([row], np.int64), self.n, self.classes, colour)
            image[..., 0] = _grey(colour[0])

    def image(self, row: int) -> Pixels:
        """One row at the size that the spec asks for."""
        out: Pixels = np.empty((1, *self.own_size, self._channels), np.uint8)
        self.read(np.array([row], np.int64), out)
        image: Pixels = out[0]
        return image

    @property
    def _channels(self) -> int:
        return 1 if self.mode == "L" else 3


@lru_cache(maxsize=8)
def class_names(classes: int) -> tuple[str, ...]:
    """The names of the first ``classes`` classes, as long as they must be to differ."""
    names: list[str] = []
    for label in range(classes):
        shape, colour, ground = _parts(label)
        words = _SHAPE_LIST[shape][0]
        if classes > len(_SHAPE_LIST):
            words = f"{list(_COLOURS)[colour]} {words}"
        if classes > len(_SHAPE_LIST) * len(_COLOURS):
            words = f"{words} on {list(_GROUNDS)[ground]}"
        names.append(words)
    return tuple(names)


@lru_cache(maxsize=2)
def _target(n: int, classes: int) -> Target:
    labels = np.arange(n, dtype=np.int64) * classes // n
    labels.flags.writeable = False
    return Target("classes", labels, classes, class_names(classes))


def _parts(label: int) -> tuple[int, int, int]:
    """Shape, colour and ground of a class."""
    rest, shape = divmod(label, len(_SHAPE_LIST))
    ground, colour = divmod(rest, len(_COLOURS))
    return shape, colour, ground


# What the spec says


def _options(spec: str) -> dict[str, str]:
    query = spec[len(_SCHEME) :]
    if query and not query.startswith("?"):
        raise UsageError(f"{spec}: options begin with a question mark, as in {_EXAMPLE}")
    options: dict[str, str] = {}
    for key, value in parse_qsl(query[1:], keep_blank_values=True):
        if key not in _BOUNDS:
            raise UsageError(f"{spec}: unknown option {key!r}{did_you_mean(key, _BOUNDS)}")
        if key in options:
            raise UsageError(f"{spec}: {key!r} is given twice; give it once")
        options[key] = value
    return options


def _whole(key: str, text: str) -> int:
    low, high = _BOUNDS[key]
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise UsageError(f"{_SCHEME} {key}={text}: must be a whole number in {low}…{high}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    height, cross, width = text.partition("x")
    return _whole("size", height), _whole("size", width if cross else height)


# How a row is drawn


@dataclass(frozen=True)
class _Stamp:
    """A shape ready to be put on a ground: weights (h, w, 3) in 1/128.

    A pixel becomes ``(keep · ground + paint · colour) / 128``; ``keep`` also darkens the ground
    by the shape's shadow, ``paint`` also shades the shape.
    """

    keep: npt.NDArray[np.uint8]
    paint: npt.NDArray[np.uint8]
    margin: int  # pixels around the shape's square, for the shadow


_stamps: dict[tuple[int, int, int], _Stamp] = {}


def _draw(rows: Rows, n: int, classes: int, out: Pixels) -> None:
    """Draw RGB images of ``rows`` into ``out`` (len(rows), H, W, 3)."""
    height, width = out.shape[1:3]
    label = rows * classes // n
    shape = label % len(_SHAPE_LIST)
    colour = _drawn(rows, 0, len(_COLOURS))
    ground = _drawn(rows, 1, len(_GROUNDS))
    if classes > len(_SHAPE_LIST):
        colour = label // len(_SHAPE_LIST) % len(_COLOURS)
    if classes > len(_SHAPE_LIST) * len(_COLOURS):
        ground = label // (len(_SHAPE_LIST) * len(_COLOURS))

    _draw_grounds(rows, ground, out)
    depth = _drawn(rows, 2, 17)
    depth[ground == _NIGHT] //= 4  # deep tones would drown in a dark ground
    paint = _mixed(_TONES[colour], depth)
    percent = _RADIUS_LOW + _drawn(rows, 3, 4) * _RADIUS_STEP
    radius = np.maximum(min(height, width) * percent // 100, 1)
    turn = _drawn(rows, 4, len(_TURNS))
    top = _placed(rows, 5, height, radius)
    left = _placed(rows, 6, width, radius)
    stamps = map(_stamp, shape.tolist(), turn.tolist(), radius.tolist())
    for press in zip(out, stamps, top.tolist(), left.tolist(), paint, strict=True):
        _press(*press)


def _draw_grounds(rows: Rows, ground: Rows, out: Pixels) -> None:
    """Fill ``out`` with soft gradients: one tone to another along x, brighter or darker along y."""
    height, width = out.shape[1:3]
    tones = _GROUND_TONES[ground]
    flipped = _drawn(rows, 7, 2).astype(bool)
    tones[flipped] = tones[flipped, ::-1]
    across = tones[:, None, 0] + _ramp(tones[:, 1] - tones[:, 0], width)  # (rows, W, 3)
    fall = (_drawn(rows, 8, 25) - 12)[:, None]
    down = _ramp(fall, height)  # (rows, H, 1), −12…12: the tones leave room for it
    # A sum of uint8 wraps, so that adding 256 − k takes k away.
    np.add(across.astype(np.uint8)[:, None], down.astype(np.uint8)[:, :, None], out=out)


def _ramp(span: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """0 … ``span`` (rows, c) in ``length`` steps: (rows, length, c)."""
    steps = np.arange(length, dtype=np.int32)[None, :, None]
    return span[:, None, :] * steps // max(length - 1, 1)


def _mixed(tones: npt.NDArray[Any], part: Rows) -> npt.NDArray[np.uint16]:
    """Between the two ``tones`` (rows, 2, 3), at ``part`` sixteenths of the way."""
    part = part[:, None]
    mixed: npt.NDArray[np.uint16] = ((tones[:, 0] * (16 - part) + tones[:, 1] * part) // 16).astype(
        np.uint16
    )
    return mixed


def _placed(rows: Rows, draw: int, length: int, radius: Rows) -> Rows:
    """Where a shape's square begins along an axis, so that all of it is on the image."""
    return _drawn(rows, draw, np.maximum(length - 2 * radius, 0) + 1)


def _press(
    image: Pixels, stamp: _Stamp, top: int, left: int, colour: npt.NDArray[np.uint16]
) -> None:
    """Put a stamp on an image (H, W, 3). ``top`` and ``left`` are where its shape's square begins;
    what lies outside the image is cut off."""
    height, width = image.shape[:2]
    side = stamp.keep.shape[0]
    y, x = top - stamp.margin, left - stamp.margin
    y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + side, height), min(x + side, width)
    inside = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    ground = image[y0:y1, x0:x1]
    colours = np.empty((x1 - x0, 3), np.uint16)
    colours[:] = colour
    painted = stamp.paint[inside].astype(np.uint16)
    painted *= colours
    mixed = stamp.keep[inside].astype(np.uint16)
    mixed *= ground
    mixed += painted
    mixed >>= 7
    np.copyto(ground, mixed, casting="unsafe")


def _stamp(shape: int, turn: int, radius: int) -> _Stamp:
    """The stamp of a shape, kept for the next row that has it."""
    key = (shape, turn, radius)
    stamp = _stamps.get(key)
    if stamp is None:
        stamp = _cut(*key)
        held = sum(2 * one.keep.nbytes for one in _stamps.values())
        if held + 2 * stamp.keep.nbytes > _STAMP_BYTES:
            _stamps.clear()
        _stamps[key] = stamp
    return stamp


def _cut(shape: int, turn: int, radius: int) -> _Stamp:
    margin = radius // 4 + 2
    side = 2 * (radius + margin)
    ticks = (np.arange(side, dtype=np.float32) + 0.5 - side / 2) / radius
    x, y = np.meshgrid(ticks, ticks)
    sine, cosine = _TURNS[turn]
    distance = _SHAPE_LIST[shape][1](x * cosine + y * sine, y * cosine - x * sine)
    inside = coverage(distance * radius)
    shade = 1.0 - 0.16 * np.clip(0.5 + 0.5 * y, 0.0, 1.0)
    lowered = np.roll(distance, max(1, radius // 10), axis=0)
    shadow = 0.3 * np.clip(0.5 - lowered * 6.0, 0.0, 1.0)
    keep = (1.0 - inside) * (1.0 - shadow)
    return _Stamp(_weights(keep), _weights(inside * shade), margin)


def _weights(shares: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Shares 0…1 (h, w) as weights (h, w, 3) in 1/128. Rounded down: a sum never exceeds 128."""
    return np.repeat((shares * _FULL).astype(np.uint8)[..., None], 3, axis=2)


def _grey(image: Pixels) -> Pixels:
    """The luma of an RGB image, as integers: (H, W) uint8."""
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    grey: Pixels = ((77 * red + 150 * green + 29 * blue) >> 8).astype(np.uint8)
    return grey


def _drawn(rows: Rows, draw: int, below: int | Rows) -> Rows:
    """A number in 0 … ``below`` − 1 for each row: splitmix64 of the row and the draw's number."""
    word = rows.astype(np.uint64) * np.uint64(16) + np.uint64(draw + 1)
    word *= np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    high = (word >> np.uint64(32)).astype(np.int64)
    return high * below >> 32
