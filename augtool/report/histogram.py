"""Counts in bins of one width, and the share of each bin under a Beta distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NODES = 48  # of the Gauss-Legendre rule in a bin


@dataclass
class Histogram:
    """Counts of values in ``bins`` bins from ``low`` to ``high``; the last bin has its upper edge
    too. Values outside count into the bins at the ends; those that are not finite do not count."""

    low: float
    high: float
    bins: int = 50
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.counts):
            self.counts = np.zeros(self.bins, np.int64)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count more values, of any shape."""
        numbers = np.asarray(values, np.float64).ravel()
        numbers = numbers[np.isfinite(numbers)]
        span = self.high - self.low
        if not span > 0:
            self.counts[0] += len(numbers)
            return
        places = np.clip((numbers - self.low) / span * self.bins, 0, self.bins - 1)
        self.counts += np.bincount(places.astype(np.int64), minlength=self.bins)

    def as_json(self) -> dict[str, Any]:
        """What the page draws."""
        return {"low": self.low, "high": self.high, "counts": self.counts.tolist()}


def beta_shares(alpha: float, bins: int) -> Floats:
    """(bins,) the probability of each of so many equal bins of [0, 1] under Beta(α, α).

    On [0, 1/2] the density x^(α−1)·(1−x)^(α−1) is integrated over u = x^α, where it has no pole;
    the other half is its mirror image.

        >>> beta_shares(1.0, 4).round(6).tolist()
        [0.25, 0.25, 0.25, 0.25]
        >>> beta_shares(2.0, 2).tolist()
        [0.5, 0.5]
    """
    edges = np.linspace(0, 1, 2 * bins + 1)[: bins + 1]  # half bins, up to 1/2
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    low, high = edges[:-1] ** alpha, edges[1:] ** alpha
    u = (high - low)[:, None] * (nodes + 1) / 2 + low[:, None]
    density = (1 - np.minimum(u ** (1 / alpha), 0.5)) ** (alpha - 1)
    half_bins = (density @ weights) * (high - low)
    total = half_bins.sum()
    if not total > 0 or not np.isfinite(total):  # so narrow that all is at the centre
        half_bins = np.zeros(bins)
        half_bins[-1] = total = 1.0
    both: Floats = np.concatenate([half_bins, half_bins[::-1]]) / (2 * total)
    shares: Floats = both.reshape(bins, 2).sum(axis=1)
    return shares
