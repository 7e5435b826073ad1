"""The shapes that `sample` draws, as signed distances.

A shape is a function ``(x, y) -> d`` on float32 arrays of equal shape: x to the right, y down, the
shape inside the unit circle, d below 0 inside. Only + − × ÷, square roots, comparisons and literal
constants are used: IEEE 754 rounds each of them in one way, so the same bits come out on every
machine and with every version of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.floating[Any]]  # float32
Shape = Callable[[Field, Field], Field]


def _disc(radius: float, cx: float = 0.0, cy: float = 0.0) -> Shape:
    def distance(x: Field, y: Field) -> Field:
        return _length(x - cx, y - cy) - radius

    return distance


def _bar(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """Every point within ``radius`` of a line from (x0, y0) to (x1, y1)."""

    def distance(x: Field, y: Field) -> Field:
        return _to_segment(x - x0, y - y0, x1 - x0, y1 - y0) - radius

    return distance


def _polygon(*corners: tuple[float, float], rounding: float = 0.05) -> Shape:
    """A polygon, grown by ``rounding`` so that its corners are soft."""
    closed = [*corners, corners[0]]

    def distance(x: Field, y: Field) -> Field:
        nearest = np.full_like(x, np.inf)
        inside = np.zeros(x.shape, bool)
        for (x0, y0), (x1, y1) in pairwise(closed):
            dx, dy = x1 - x0, y1 - y0
            nearest = np.minimum(nearest, _to_segment(x - x0, y - y0, dx, dy))
            if dy:  # an edge along y = const is never crossed by a ray along x
                crosses = (y < y0) != (y < y1)
                inside ^= crosses & (x < (y - y0) * (dx / dy) + x0)
        return np.where(inside, -nearest, nearest) - rounding

    return distance


def _union(*shapes: Shape) -> Shape:
    def distance(x: Field, y: Field) -> Field:
        nearest = shapes[0](x, y)
        for shape in shapes[1:]:
            nearest = np.minimum(nearest, shape(x, y))
        return nearest

    return distance


def _without(shape: Shape, *holes: Shape) -> Shape:
    cut = _union(*holes)

    def distance(x: Field, y: Field) -> Field:
        return np.maximum(shape(x, y), -cut(x, y))

    return distance


def _mirrored(*half: tuple[float, float], rounding: float = 0.05) -> Shape:
    """A polygon that is its own mirror image, from the corners of its right half, top to bottom."""
    left = [(-x, y) for x, y in reversed(half) if x]
    return _polygon(*half, *left, rounding=rounding)


def _spun(part: Shape, turns: Sequence[tuple[float, float]]) -> Shape:
    """The union of ``part`` turned by each (sine, cosine)."""

    def turned(sine: float, cosine: float) -> Shape:
        return lambda x, y: part(x * cosine + y * sine, y * cosine - x * sine)

    return _union(*(turned(*turn) for turn in turns))


def _length(x: Field, y: Field) -> Field:
    root: Field = np.sqrt(x * x + y * y)
    return root


def _to_segment(x: Field, y: Field, dx: float, dy: float) -> Field:
    """The distance of (x, y) to the line from the origin to (dx, dy)."""
    along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    return _length(x - along * dx, y - along * dy)


# Sine and cosine of whole fractions of a turn, as literals: libm's differ between machines.
_FIFTHS = (
    (0.0, 1.0),
    (0.9510565, 0.309017),
    (0.5877853, -0.809017),
    (-0.5877853, -0.809017),
    (-0.9510565, 0.309017),
)
_EIGHTHS = (
    (0.0, 1.0),
    (0.7071068, 0.7071068),
    (1.0, 0.0),
    (0.7071068, -0.7071068),
    (0.0, -1.0),
    (-0.7071068, -0.7071068),
    (-1.0, 0.0),
    (-0.7071068, 0.7071068),
)

SHAPES: dict[str, Shape] = {
    "circle": _disc(0.88),
    "square": _polygon((-0.66, -0.66), (0.66, -0.66), (0.66, 0.66), (-0.66, 0.66), rounding=0.1),
    "triangle": _mirrored((0, -0.82), (0.84, 0.66), rounding=0.08),
    "star": _mirrored(
        (0, -0.95), (0.247, -0.34), (0.904, -0.294), (0.4, 0.13), (0.559, 0.769), (0, 0.42)
    ),
    "ring": _without(_disc(0.92), _disc(0.52)),
    "cross": _mirrored(
        (0.24, -0.82), (0.24, -0.24), (0.82, -0.24), (0.82, 0.24), (0.24, 0.24), (0.24, 0.82)
    ),
    "heart": _union(
        _disc(0.45, -0.4, -0.32),
        _disc(0.45, 0.4, -0.32),
        _mirrored((0, -0.38), (0.742, -0.0275), (0, 0.84), rounding=0.0),
    ),
    "moon": _without(_disc(0.95), _disc(0.78, 0.46, -0.22)),
    "diamond": _mirrored((0, -0.9), (0.56, 0), (0, 0.9)),
    "hexagon": _mirrored((0.45, -0.78), (0.9, 0), (0.45, 0.78)),
    "arrow": _mirrored((0, -0.88), (0.68, -0.12), (0.26, -0.12), (0.26, 0.85)),
    "drop": _union(_disc(0.58, 0.0, 0.34), _mirrored((0, -0.92), (0.5, 0.12), rounding=0.03)),
    "flower": _without(_spun(_disc(0.38, 0.0, -0.55), _FIFTHS), _disc(0.22)),
    "bolt": _polygon(
        (0.22, -0.92), (-0.56, 0.14), (-0.08, 0.14), (-0.24, 0.92), (0.56, -0.22), (0.08, -0.22)
    ),
    "house": _without(
        _mirrored((0, -0.85), (0.85, -0.1), (0.62, -0.1), (0.62, 0.78)),
        _polygon((-0.17, 0.28), (0.17, 0.28), (0.17, 1.2), (-0.17, 1.2), rounding=0.03),
    ),
    "hourglass": _mirrored((0.66, -0.84), (0.1, 0), (0.66, 0.84), rounding=0.07),
    "cloud": _union(
        _disc(0.36, -0.56, 0.16),
        _disc(0.5, -0.04, -0.14),
        _disc(0.36, 0.56, 0.12),
        _bar(-0.56, 0.26, 0.6, 0.26, 0.26),
    ),
    "fish": _without(
        _union(
            lambda x, y: _disc(0.62, -0.22)(x, y * 1.35),
            _polygon((0.2, 0.0), (0.86, -0.5), (0.7, 0.0), (0.86, 0.5)),
        ),
        _disc(0.1, -0.5, -0.1),
    ),
    "key": _union(
        _without(_disc(0.42, -0.48), _disc(0.18, -0.48)),
        _bar(-0.1, 0.0, 0.84, 0.0, 0.11),
        _bar(0.46, 0.0, 0.46, 0.3, 0.1),
        _bar(0.8, 0.0, 0.8, 0.3, 0.1),
    ),
    "crown": _mirrored((0, -0.62), (0.36, 0.0), (0.86, -0.5), (0.7, 0.62)),
    "leaf": _without(
        lambda x, y: np.maximum(_disc(1.1, -0.62)(x, y), _disc(1.1, 0.62)(x, y)),
        _bar(0.0, -0.35, 0.0, 1.1, 0.055),
    ),
    "mushroom": _union(
        lambda x, y: np.maximum(_disc(0.88, 0.0, 0.06)(x, y), y - 0.06),
        _polygon((-0.2, 0.0), (0.2, 0.0), (0.28, 0.8), (-0.28, 0.8)),
    ),
    "tree": _mirrored(
        (0, -0.92), (0.46, -0.32), (0.26, -0.32), (0.66, 0.18), (0.34, 0.18), (0.8, 0.62),
        (0.15, 0.62), (0.15, 0.9),
        rounding=0.03,
    ),
    "sun": _union(_disc(0.48), _spun(_bar(0.0, -0.68, 0.0, -0.86, 0.09), _EIGHTHS)),
    "chevron": _mirrored((0, -0.66), (0.82, 0.1), (0.82, 0.62), (0, -0.1)),
}  # fmt: skip


def coverage(distance: Field) -> Field:
    """How much of a pixel is inside, 0…1, from its centre's distance in pixels."""
    inside: Field = np.clip(0.5 - distance, 0.0, 1.0)
    return inside
