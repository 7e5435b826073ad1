"""Softmax regression on an output of augtool, in plain NumPy: ``python train_numpy.py mixed.h5``.

A linear model will not win a prize; the point is that a soft label needs nothing special.
"""

# ruff: noqa: T201
from __future__ import annotations

import sys

import numpy as np

import augtool


def train(path: str, epochs: int = 10, batch: int = 128, rate: float = 0.05) -> list[float]:
    """The mean soft-label cross-entropy of each epoch, in nats; it starts near log(K)."""
    losses = []
    with augtool.open(path) as mixed:
        inputs = mixed.images[0].size
        scale = np.iinfo(mixed.images.dtype).max if mixed.images.dtype.kind == "u" else 1
        weights = np.zeros((inputs, mixed.labels.shape[1]), np.float32)
        bias = np.zeros(mixed.labels.shape[1], np.float32)
        for epoch in range(epochs):
            total = 0.0
            for start in np.random.default_rng(epoch).permutation(range(0, len(mixed), batch)):
                images, labels = mixed[start : start + batch]
                pixels = images.reshape(len(images), -1).astype(np.float32) / scale - 0.5
                chances = softmax(pixels @ weights + bias)
                total -= (labels * np.log(chances + 1e-9)).sum()
                error = (chances - labels) / len(images)  # the gradient, for any soft label
                weights -= rate / inputs**0.5 * (pixels.T @ error)
                bias -= rate * error.sum(axis=0)
            losses.append(total / len(mixed))
            print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")
    return losses


def softmax(scores: np.ndarray) -> np.ndarray:
    """(m, K) scores to probabilities."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    train(sys.argv[1] if len(sys.argv) > 1 else "mixed.h5")
