"""A small network on an output of augtool, in PyTorch: ``python train_torch.py mixed.h5``.

An output is a data set as PyTorch wants one: it has a length, and row i is (image, soft label).
``cross_entropy`` takes soft labels as they are.
"""

# ruff: noqa: T201
from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import augtool


def network(channels: int, classes: int) -> nn.Module:
    """Four convolutions and a linear layer."""
    layers: list[nn.Module] = []
    for wide in (32, 64, 128, 128):
        layers += [
            nn.Conv2d(channels, wide, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        ]
        channels = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(wide, classes))


def as_input(images: Tensor) -> Tensor:
    """(m, H, W, C) uint8 to (m, C, H, W) float32 in −1 … 1."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def train(path: str, epochs: int = 5, batch: int = 64, workers: int = 2) -> float:
    """The mean loss of the last epoch."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mixed = augtool.open(path)
    loader = DataLoader(mixed, batch, shuffle=True, num_workers=workers)
    model = network(mixed.images.shape[-1], mixed.labels.shape[1]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        total = 0.0
        for images, labels in loader:
            loss = cross_entropy(model(as_input(images.to(device))), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        print(f"epoch {epoch + 1}: loss {total / len(mixed):.4f}")
    return total / len(mixed)


if __name__ == "__main__":
    train(sys.argv[1] if len(sys.argv) > 1 else "mixed.h5")
