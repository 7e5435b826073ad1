"""Records: what was written, as CRC-32 per block and field, folded into one sha256 per field.

A CRC is taken of the buffer that is being written. A block that two tasks share has its parts
joined, so the records do not depend on the size of tasks.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

_POLYNOMIAL = 0xEDB88320


@dataclass(frozen=True)
class Part:
    """What one task wrote of one block of one pass: rows low … high−1, of which ``start`` is the
    first's place in the plan; for each field the CRC-32 of its bytes, and how many they are."""

    number: int
    block: int
    low: int
    high: int
    start: int
    crcs: Mapping[str, tuple[int, int]]


@dataclass
class Records:
    """The CRCs of a run, gathered from its tasks' parts in any order."""

    parts: list[Part] = field(default_factory=list)

    def add(self, parts: Iterable[Part]) -> None:
        """Take in what a task wrote."""
        self.parts.extend(parts)

    def digests(self, start: int = 0, stop: int | None = None) -> dict[str, str]:
        """For each field the sha256 (hex) of its blocks' CRCs, little-endian uint32, in plan order;
        of the plan's rows start … stop−1."""
        chosen = [
            one for one in self.parts if one.start >= start and (stop is None or one.start < stop)
        ]
        ordered = sorted(chosen, key=lambda part: (part.number, part.block, part.low))
        return {name: _digest(name, ordered) for name in ordered[0].crcs} if ordered else {}


def _digest(name: str, ordered: list[Part]) -> str:
    crcs: list[int] = []
    block: tuple[int, int] | None = None
    for part in ordered:
        crc, length = part.crcs[name]
        if (part.number, part.block) == block:
            crcs[-1] = joined(crcs[-1], crc, length)
        else:
            crcs.append(crc)
        block = (part.number, part.block)
    return hashlib.sha256(np.array(crcs, "<u4").tobytes()).hexdigest()


def crc(data: memoryview | bytes, before: int = 0) -> int:
    """The CRC-32 of bytes, continued from ``before``."""
    return zlib.crc32(data, before)


def joined(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two byte strings in a row, from each one's CRC and the second's length.

    Appending a zero bit is a linear map of the CRC over GF(2); it is raised to the power of the
    second's length in bits by repeated squaring (Adler, zlib ``crc32_combine``).
    """
    step = [_POLYNOMIAL, *(1 << bit for bit in range(31))]
    bits = 8 * second_length
    while bits:
        if bits & 1:
            first = _times(step, first)
        step = [_times(step, column) for column in step]
        bits >>= 1
    return first ^ second


def _times(matrix: list[int], vector: int) -> int:
    """matrix · vector over GF(2); column i of the matrix is what bit i becomes."""
    product, bit = 0, 0
    while vector:
        if vector & 1:
            product ^= matrix[bit]
        vector >>= 1
        bit += 1
    return product
