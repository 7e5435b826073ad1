"""Counting the labels of a target: the mass of each class, hard labels, entropy, co-occurrence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.report.histogram import Histogram
from augtool.targets import TargetKind

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHOWN_PAIRS = 60
"""The matrix of co-occurrence has at most so many classes."""

_DENSE_CLASSES = 512  # of multi-hot labels, counted by one matrix product
_COMPACT_AT = 1 << 21  # keys of pairs that wait to be counted together
_TOLERANCE = 1e-6


@dataclass
class ClassTally:
    """The labels of classes that have been added, soft or multi-hot.

    floor
        What label smoothing gives every class; it is no sign that a class is in an image.
    mass
        (K,) the sum of the labels of each class.
    entropy
        Of soft labels, in bits.
    per_row
        Of multi-hot labels: how many classes a row has.
    """

    kind: TargetKind
    width: int
    slots: int
    floor: float = 0.0
    mass: Floats = field(init=False)
    hard: Ints | None = None
    unknown: int = 0
    entropy: Histogram | None = None
    per_row: Ints | None = None
    pairs: PairCounts = field(init=False)

    def __post_init__(self) -> None:
        self.mass = np.zeros(self.width)
        self.pairs = PairCounts(self.width)
        if self.kind == "multihot":
            self.per_row = np.zeros(self.width + 1, np.int64)
        else:
            self.entropy = Histogram(0.0, self._most_entropy(), 40)

    def add(self, soft: Array, hard: Array | None = None) -> None:
        """Count the labels of some rows (m, K), and the heaviest classes (m,) stored with them."""
        lost = ~np.isfinite(soft.sum(axis=1))
        if lost.any():
            self.unknown += int(lost.sum())
            soft = np.where(np.isfinite(soft), soft, 0) if self.kind == "multihot" else soft[~lost]
        places = np.flatnonzero(soft > self.floor + _TOLERANCE * (self.floor > 0))
        rows, classes = np.divmod(places, self.width)
        shares = soft.ravel()[places].astype(np.float64)
        above = np.bincount(classes, shares, self.width).astype(np.float64)
        missing = len(soft) - np.bincount(classes, minlength=self.width)
        self.mass += above + missing * self.floor
        count = np.bincount(rows, minlength=len(soft))
        if self.per_row is not None:
            self.per_row += np.bincount(count, minlength=self.width + 1)
        if self.entropy is not None:
            self.entropy.add(self._entropy(rows, shares, count))
        if hard is not None:
            self._add_hard(hard)
        self._add_pairs(rows, classes, count, len(soft))

    def _add_hard(self, hard: Array) -> None:
        known = hard[(hard >= 0) & (hard < self.width)].astype(np.int64)
        counts = np.bincount(known, minlength=self.width)
        self.hard = counts if self.hard is None else self.hard + counts

    def _entropy(self, rows: Ints, shares: Floats, count: Ints) -> Floats:
        """(m,) bits."""
        bits = -np.bincount(rows, shares * np.log2(shares), len(count)).astype(np.float64)
        if self.floor:
            bits += (self.width - count) * (-self.floor * math.log2(self.floor))
        return np.maximum(bits, 0)

    def _most_entropy(self) -> float:
        """The entropy of a row that all its sources share equally, at least 1."""
        parts = max(1, min(self.slots, self.width))
        share = (1 - self.floor * self.width) / parts + self.floor
        bits = -parts * share * math.log2(share)
        if self.floor:
            bits -= (self.width - parts) * self.floor * math.log2(self.floor)
        return max(1.0, math.ceil(bits * 20) / 20)

    def _add_pairs(self, rows: Ints, classes: Ints, count: Ints, m: int) -> None:
        if self.kind == "multihot" and self.width <= _DENSE_CLASSES:
            present = np.zeros((m, self.width), np.float32)
            present[rows, classes] = 1
            self.pairs.add_matrix(present.T @ present)
            return
        for apart in range(1, int(count.max(initial=0))):
            same = rows[apart:] == rows[:-apart]
            self.pairs.add(classes[:-apart][same], classes[apart:][same])


@dataclass
class PairCounts:
    """In how many rows two classes a < b come together."""

    width: int
    _keys: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _counts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _waiting: list[Ints] = field(default_factory=list)
    _matrix: Floats | None = None

    def add(self, first: Ints, second: Ints) -> None:
        """Count pairs, each once."""
        self._waiting.append(first * self.width + second)
        if sum(map(len, self._waiting)) > _COMPACT_AT:
            self._compact()

    def add_matrix(self, together: Array) -> None:
        """Add (K, K) counts of rows."""
        self._matrix = together + (0 if self._matrix is None else self._matrix)

    def among(self, classes: Ints) -> Ints:
        """(k, k) symmetric: the rows in which two of ``classes`` come together; 0 for one with
        itself."""
        matrix = np.zeros((len(classes), len(classes)), np.int64)
        if self._matrix is not None:
            matrix += np.rint(self._matrix[np.ix_(classes, classes)]).astype(np.int64)
            np.fill_diagonal(matrix, 0)
            return matrix
        self._compact()
        place = np.full(self.width, -1)
        place[classes] = np.arange(len(classes))
        first, second = (place[one] for one in np.divmod(self._keys, self.width))
        shown = (first >= 0) & (second >= 0)
        matrix[first[shown], second[shown]] = self._counts[shown]
        return matrix + matrix.T

    def _compact(self) -> None:
        waiting = np.concatenate([self._keys[:0], *self._waiting])
        new, counts = np.unique(waiting, return_counts=True)
        self._waiting.clear()
        keys = np.concatenate([self._keys, new])
        self._keys, place = np.unique(keys, return_inverse=True)
        both = np.concatenate([self._counts, counts])
        self._counts = np.bincount(place, both, len(self._keys)).astype(np.int64)


@dataclass
class ValueTally:
    """Values to regress that have been added: for each of the first few its range and histogram."""

    histograms: list[Histogram]
    unknown: int = 0

    def add(self, values: Array) -> None:
        """Count some rows (m, K)."""
        self.unknown += int(np.isnan(values).any(axis=1).sum())
        for column, histogram in enumerate(self.histograms):
            histogram.add(values[:, column])
