"""Random streams that are found by name, and a shuffle that needs no memory.

Both are counter-based: any block of any copy can be drawn alone, in any process, in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MASK = (1 << 64) - 1
_ROUNDS = 6


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

    A Feistel network over the smallest power of two that holds n, walked until it falls inside n
    (cycle walking; Black and Rogaway, CT-RSA 2002). Integer arithmetic only, so the same
    everywhere. ``rows`` and ``positions`` are inverse to each other.
    """

    n: int
    keys: tuple[int, ...]

    @classmethod
    def keyed(cls, n: int, seed: int, group: int) -> Shuffle:
        """The shuffle of ``n`` rows for a seed and a group of copies."""
        material = _digest(seed, "blocks", str(group)) + _digest(seed, "blocks+", str(group))
        return cls(n, tuple(int(key) for key in np.frombuffer(material, dtype="<u8")[:_ROUNDS]))

    def rows(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) positions in the shuffled order -> (m,) rows."""
        return self._walk(positions, self._forth)

    def positions(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) rows -> (m,) positions in the shuffled order."""
        return self._walk(rows, self._back)

    def _walk(
        self,
        values: npt.NDArray[np.int64],
        network: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.uint64]],
    ) -> npt.NDArray[np.int64]:
        result = network(values.astype(np.uint64))
        outside = np.flatnonzero(result >= self.n)
        while outside.size:
            again = network(result[outside])
            result[outside] = again
            outside = outside[again >= self.n]
        return result.astype(np.int64)

    def _forth(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        high, low, widths = self._halves(values)
        for number, key in enumerate(self.keys):
            width = widths[number % 2]
            high, low = low, high ^ _mixed(low, key, width)
        return self._joined(high, low, widths)

    def _back(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        high, low, widths = self._halves(values)
        for number, key in reversed(list(enumerate(self.keys))):
            width = widths[number % 2]
            high, low = low ^ _mixed(high, key, width), high
        return self._joined(high, low, widths)

    def _halves(
        self, values: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], tuple[int, int]]:
        """High half, low half, and their widths in bits; the rounds are even in number, so the
        halves are back in their places at the end."""
        bits = max((self.n - 1).bit_length(), 2)
        widths = (bits // 2, bits - bits // 2)
        low_mask = np.uint64((1 << widths[1]) - 1)
        return values >> np.uint64(widths[1]), values & low_mask, widths

    @staticmethod
    def _joined(
        high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64], widths: tuple[int, int]
    ) -> npt.NDArray[np.uint64]:
        return (high << np.uint64(widths[1])) | low


def _mixed(values: npt.NDArray[np.uint64], key: int, width: int) -> npt.NDArray[np.uint64]:
    """``width`` well-mixed bits of (values, key): the finaliser of splitmix64."""
    mixed = values + np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed >> np.uint64(64 - width)


def _digest(seed: int, *words: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
