"""mixup on a small table of numbers: a network of two layers, on rows that augtool has mixed.

``python benchmarks/small_tables.py --table iris --alpha 0.2 --seeds 20 --out run``. The tables are
those that scikit-learn ships. Two thirds of the rows, drawn by the seed, are mixed anew for each of
100 epochs; the others are for testing. ``run/log.csv`` has a line a seed, after the last epoch.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from torch.nn.functional import cross_entropy

import augtool

EPOCHS = 100
_COLUMNS = ("seed", "train_loss", "test_loss", "test_accuracy", "torch", "sklearn", "augtool")


def mixed_copies(values: Any, classes: Any, alpha: float | None, seed: int) -> tuple[Any, Any]:
    """(EPOCHS, rows, columns) float32 and their soft labels; without ``alpha`` as they are."""
    step = augtool.step("smooth") if alpha is None else augtool.step("mixup", alpha=alpha)
    with tempfile.TemporaryDirectory(prefix="augtool-") as folder:
        np.savez(Path(folder) / "rows.npz", x=values, y=classes)
        job = augtool.Job(
            f"{folder}/rows.npz",
            f"{folder}/mixed.h5",
            augtool.Recipe((step,), seed=seed, copies=EPOCHS),
        )
        augtool.run(job)
        with augtool.open(job.output) as mixed:
            rows, labels = mixed[:]
    shape = EPOCHS, len(values), -1
    return rows.reshape(shape), labels.reshape(shape)


def train(table: str, alpha: float | None, seed: int) -> tuple[float, float, float]:
    """Losses in nats on the mixed rows of the last epoch and on the rows that are left out, and the
    accuracy on these."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = getattr(datasets, f"load_{table}")()
    order = np.random.default_rng(seed).permutation(len(data.data))
    known, unknown = np.split(order, [2 * len(order) // 3])
    scaled = (data.data - data.data[known].mean(0)) / data.data[known].std(0)
    values, classes = scaled.astype(np.float32), data.target
    mixed = mixed_copies(values[known], classes[known], alpha, seed)
    rows, labels = map(torch.from_numpy, mixed)
    hidden = torch.nn.Linear(rows.shape[2], 32)
    model = torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Linear(32, labels.shape[2]))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    inputs, right = torch.from_numpy(values[unknown]), torch.from_numpy(classes[unknown])
    for epoch in range(EPOCHS):
        total = 0.0
        for part in torch.randperm(len(known)).split(16):
            loss = cross_entropy(model(rows[epoch, part]), labels[epoch, part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(part)
    with torch.inference_mode():
        scores = model(inputs)
        test_loss = cross_entropy(scores, right).item()
        accuracy = (scores.argmax(1) == right).float().mean().item()
    return total / len(known), test_loss, accuracy


def main() -> None:
    """Train as the options say, and write the log; ``--data`` and the like are the list's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True)
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("run"))
    options, _ = parser.parse_known_args()
    versions = [version(one) for one in ("torch", "scikit-learn", "augtool")]
    log = []
    for seed in range(options.seed, options.seed + options.seeds):
        numbers = train(options.table, options.alpha, seed)
        log.append((seed, *(round(number, 5) for number in numbers), *versions))
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([_COLUMNS, *log])


if __name__ == "__main__":
    main()
