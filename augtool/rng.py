"""Random streams that are found by name, and a shuffle that needs no memory.

Both are counter-based: any block of any copy can be drawn alone, in any process, in any order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_ROUNDS = 4


def stream(seed: int, step: str, column: str, copy: int, block: int) -> np.random.Generator:
    """The generator of one column of one step in one block of one copy.

    Philox (Salmon et al., SC 2011): seed, step and column make the key; copy and block are the
    high words of the counter, which a block never reaches by drawing.
    """
    key = np.frombuffer(_digest(seed, step, column)[:16], dtype="<u8").astype(np.uint64)
    counter = np.array([0, 0, block & _MASK, copy & _MASK], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


@dataclass(frozen=True)
class Shuffle:
    """A keyed bijection on 0 … n−1, evaluated where needed.

    A Feistel network on the smallest near-square grid that holds n, walked until it falls inside n
    (Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). Integer arithmetic
    only, so the same everywhere. ``rows`` and ``positions`` are inverse to each other.
    """

    n: int
    keys: tuple[int, ...]

    @classmethod
    def keyed(cls, n: int, seed: int, group: int) -> Shuffle:
        """The shuffle of ``n`` rows (1 … 2⁶²) for a seed and a group of copies."""
        material = np.frombuffer(_digest(seed, "blocks", str(group)), dtype="<u8")
        return cls(n, tuple(int(key) for key in material[:_ROUNDS]))

    def rows(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) positions in the shuffled order -> (m,) rows."""
        return self._walk(positions, self._forth)

    def positions(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) rows -> (m,) positions in the shuffled order."""
        return self._walk(rows, self._back)

    @property
    def _sides(self) -> tuple[int, int]:
        height = math.isqrt(self.n - 1) + 1
        return height, -(-self.n // height)

    def _walk(
        self, values: npt.NDArray[np.int64], network: Callable[[_Words], _Words]
    ) -> npt.NDArray[np.int64]:
        result = network(values.astype(np.uint64))
        outside = np.flatnonzero(result >= self.n)
        while outside.size:
            again = network(result[outside])
            result[outside] = again
            outside = outside[again >= self.n]
        return result.astype(np.int64)

    def _forth(self, values: _Words) -> _Words:
        sides = self._sides
        halves: list[_Words] = list(np.divmod(values, np.uint64(sides[1])))
        for number, key in enumerate(self.keys):
            turn = number % 2
            halves[turn] += _mixed(halves[1 - turn], key, sides[turn])
            halves[turn] -= (halves[turn] >= sides[turn]) * np.uint64(sides[turn])
        return halves[0] * np.uint64(sides[1]) + halves[1]

    def _back(self, values: _Words) -> _Words:
        sides = self._sides
        halves: list[_Words] = list(np.divmod(values, np.uint64(sides[1])))
        for number, key in reversed(list(enumerate(self.keys))):
            turn = number % 2
            halves[turn] += sides[turn] - _mixed(halves[1 - turn], key, sides[turn])
            halves[turn] -= (halves[turn] >= sides[turn]) * np.uint64(sides[turn])
        return halves[0] * np.uint64(sides[1]) + halves[1]


def _mixed(values: _Words, key: int, below: int) -> _Words:
    """A number in 0 … below−1 for each of (values, key): the finaliser of splitmix64, scaled."""
    mixed = values + np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return ((mixed >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32)


def _digest(seed: int, *words: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
