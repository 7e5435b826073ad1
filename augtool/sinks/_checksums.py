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

from augtool.kernels._polynomials import power, times

_WORTH_IT = 48 << 10  # bytes: below, zlib is as fast as the call of a kernel


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
        ordered = sorted(chosen, key=_place)
        return {name: _digest(name, ordered) for name in ordered[0].crcs} if ordered else {}

    def __call__(self, start: int, stop: int) -> dict[str, str]:
        """The digests of the plan's rows start … stop−1, as a sink asks for them."""
        return self.digests(start, stop)

    def whole(self) -> dict[str, tuple[int, int]]:
        """For each field the CRC-32 of all its bytes, in plan order, and how many they are."""
        totals: dict[str, tuple[int, int]] = {}
        for part in sorted(self.parts, key=_place):
            for name, (crc, length) in part.crcs.items():
                before, so_far = totals.get(name, (0, 0))
                totals[name] = joined(before, crc, length), so_far + length
        return totals


def _place(part: Part) -> tuple[int, int, int]:
    return part.number, part.block, part.low


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
    if len(data) < _WORTH_IT:
        return zlib.crc32(data, before)
    from augtool.kernels import crc as kernel  # which who only joins CRCs need not load

    return kernel.crc(data, before)


def joined(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two byte strings in a row, from each one's CRC and the second's length.

    A CRC is a polynomial over GF(2) modulo the CRC-32's own, x⁰ in the highest bit. A byte that
    follows multiplies it by x⁸ (Adler, zlib ``crc32_combine``).
    """
    return times(power(8 * second_length), first) ^ second
