"""Random streams that are found by name, and a shuffle that needs no memory.

Both are counter-based: any block of any copy can be drawn alone, in any process, in any order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_Words = npt.NDArray[np.uint64]
_Sides = tuple[Any, Any]  # one number for all values, or one for each
_Keys = tuple[Any, ...]

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


def hashed(seed: int, name: str, rows: npt.NDArray[np.int64]) -> _Words:
    """(m,) a random word of 64 bits for each row number, found by seed, name and row alone.

    Twice the finaliser of splitmix64 over an odd multiple of the row, with a key each time.
    """
    keys = np.frombuffer(_digest(seed, name), dtype="<u8")
    words = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for key in keys[:2].astype(np.uint64):
        words = _scattered(words + key)
        words ^= words >> np.uint64(31)
    return words


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
        return cls(n, _round_keys(_digest(seed, "blocks", str(group))))

    def rows(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) positions in the shuffled order -> (m,) rows."""
        return self._walk(positions, _forth)

    def positions(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(m,) rows -> (m,) positions in the shuffled order."""
        return self._walk(rows, _back)

    def _walk(
        self, values: npt.NDArray[np.int64], network: Callable[[_Words, _Sides, _Keys], _Words]
    ) -> npt.NDArray[np.int64]:
        height = math.isqrt(self.n - 1) + 1
        sides = (np.uint64(height), np.uint64(-(-self.n // height)))
        keys = tuple(np.uint64(key) for key in self.keys)
        result = network(values.astype(np.uint64), sides, keys)
        outside = np.flatnonzero(result >= self.n)
        while outside.size:
            again = network(result[outside], sides, keys)
            result[outside] = again
            outside = outside[again >= self.n]
        return result.astype(np.int64)


@dataclass(frozen=True)
class Shuffles:
    """A keyed bijection on each of several ranges 0 … n−1, as `Shuffle` is one on a single one."""

    keys: tuple[int, ...]

    @classmethod
    def keyed(cls, seed: int, name: str, group: int) -> Shuffles:
        """The shuffles of this name for a seed and a group of copies."""
        return cls(_round_keys(_digest(seed, name, str(group))))

    def rows(
        self,
        positions: npt.NDArray[np.int64],
        n: npt.NDArray[np.int64],
        range_: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """(m,) positions, each in the shuffled order of ``n`` (m,) rows, up to 2⁵⁰, in the range
        that is numbered ``range_`` (m,) -> (m,) rows of that range."""
        height = _roots(n - 1) + 1
        sides = (height.astype(np.uint64), (-(-n // height)).astype(np.uint64))
        own = range_.astype(np.uint64)
        keys = tuple(_scattered(own + np.uint64(key)) for key in self.keys)
        result = _forth(positions.astype(np.uint64), sides, keys)
        end = n.astype(np.uint64)
        outside = np.flatnonzero(result >= end)
        while outside.size:
            some = tuple(key[outside] for key in keys)
            result[outside] = _forth(result[outside], (sides[0][outside], sides[1][outside]), some)
            outside = outside[result[outside] >= end[outside]]
        return result.astype(np.int64)


def _forth(values: _Words, sides: _Sides, keys: _Keys) -> _Words:
    halves: list[_Words] = list(np.divmod(values, sides[1]))
    for number, key in enumerate(keys):
        turn = number % 2
        halves[turn] += _mixed(halves[1 - turn], key, sides[turn])
        halves[turn] -= (halves[turn] >= sides[turn]) * sides[turn]
    joined: _Words = halves[0] * sides[1] + halves[1]
    return joined


def _back(values: _Words, sides: _Sides, keys: _Keys) -> _Words:
    halves: list[_Words] = list(np.divmod(values, sides[1]))
    for number, key in reversed(list(enumerate(keys))):
        turn = number % 2
        halves[turn] += sides[turn] - _mixed(halves[1 - turn], key, sides[turn])
        halves[turn] -= (halves[turn] >= sides[turn]) * sides[turn]
    joined: _Words = halves[0] * sides[1] + halves[1]
    return joined


def _mixed(values: _Words, key: np.uint64 | _Words, below: np.uint64 | _Words) -> _Words:
    """A number in 0 … below−1 for each of (values, key)."""
    return ((_scattered(values + key) >> np.uint64(32)) * below) >> np.uint64(32)


def _scattered(values: _Words) -> _Words:
    """The finaliser of splitmix64, as far as the high bits go."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed


def _roots(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The whole square roots of values up to 2⁵⁰."""
    return np.sqrt(values.astype(np.float64)).astype(np.int64)


def _round_keys(digest: bytes) -> tuple[int, ...]:
    return tuple(int(key) for key in np.frombuffer(digest, dtype="<u8")[:_ROUNDS])


def _digest(seed: int, *words: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *words)).encode()).digest()
