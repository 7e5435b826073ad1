"""exp, log and cosine with the same bits on every machine.

The C library's functions differ between machines in the last bit, which is enough to turn a pixel.
These are made of +, −, ×, ÷ and rounding in float64, which IEEE 754 defines to the last bit; they
are right to about 1e-13.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_LN2 = 0.6931471805599453
_PI = 3.141592653589793


def exp(x: Floats) -> Floats:
    """eˣ, for |x| below 700."""
    halvings = np.rint(x / _LN2)
    rest = x - halvings * _LN2
    total = np.ones_like(rest)
    for term in range(14, 0, -1):
        total = 1 + total * rest / term
    scaled: Floats = np.ldexp(total, halvings.astype(np.int32))
    return scaled


def log(x: Floats) -> Floats:
    """The natural logarithm of positive numbers."""
    mantissa, exponent = np.frexp(x)  # in 0.5 … 1
    ratio = (mantissa - 1) / (mantissa + 1)
    square = ratio * ratio
    total: Floats = np.zeros_like(ratio)
    for term in range(45, 0, -2):
        total = total * square + 1 / term
    total *= 2 * ratio
    total += exponent * _LN2
    return total


def cos_turns(part: npt.NDArray[np.int64], whole: int) -> Floats:
    """cos(2π · part / whole), from whole numbers and so without a rounded angle."""
    part = part % whole
    part = 4 * np.minimum(part, whole - part)  # cos is even; now in 0 … 2 · whole
    beyond = part > whole
    angle = np.where(beyond, 2 * whole - part, part) * (_PI / 2) / whole
    square, total = angle * angle, np.ones(part.shape)
    for term in range(24, 0, -2):
        total = 1 - total * square / (term * (term - 1))
    return np.where(beyond, -total, total)


def sin_turns(part: npt.NDArray[np.int64], whole: int) -> Floats:
    """sin(2π · part / whole)."""
    return cos_turns(4 * part - whole, 4 * whole)


def power(base: Floats, exponent: float) -> Floats:
    """baseᵉˣᵖᵒⁿᵉⁿᵗ for positive bases."""
    return exp(exponent * log(base))
