"""Polynomials over GF(2) modulo the CRC-32's own, as numbers of 32 bits with x⁰ in the highest.

A CRC-32 is one; a bit that follows its bytes multiplies it by x.
"""

from __future__ import annotations

from functools import lru_cache

_MODULUS = 0xEDB88320  # without its x³²
_ONE, _X = 1 << 31, 1 << 30


@lru_cache(maxsize=1 << 10)
def power(exponent: int) -> int:
    """x to the ``exponent``, by repeated squaring."""
    result, square = _ONE, _X
    while exponent:
        if exponent & 1:
            result = times(result, square)
        square = times(square, square)
        exponent >>= 1
    return result


def times(one: int, other: int) -> int:
    """The product of two polynomials."""
    product, bit = 0, _ONE
    while bit:
        if one & bit:
            product ^= other
        other = other >> 1 ^ (_MODULUS if other & 1 else 0)
        bit >>= 1
    return product
