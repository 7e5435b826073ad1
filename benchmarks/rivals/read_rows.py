"""A trainer's loop over the batches of an output that is there: ``OUTPUT WORKERS``.

With 0 workers NumPy's arrays by `augtool.open`, or, of a folder of npy files, by NumPy alone; else
tensors by `augtool.torch` and a DataLoader. Rows come in random order where an array is mapped, and
as they are stored, which is a drawn order too, where files are decoded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

BATCH = 128


@click.command()
@click.argument("output", type=click.Path(exists=True, path_type=Path))
@click.argument("workers", type=int)
def main(output: Path, workers: int) -> None:
    batches = _tensors(output, workers) if workers else _arrays(output)
    began, seen = time.perf_counter(), 0.0
    for images, labels in batches:
        seen += float(labels.sum()) + float(images[0, 0, 0, 0])  # a trainer looks at its batch
    click.echo(json.dumps({"seconds": time.perf_counter() - began, "seen": seen}))


def _arrays(output: Path) -> Iterator[tuple[Any, Any]]:
    if (output / "x_train.npy").is_file():
        names = ("x_train", "y_train")
        images, labels = (np.load(output / f"{name}.npy", mmap_mode="r") for name in names)
    else:
        import augtool

        mixed = augtool.open(output)
        images, labels = mixed.images, mixed.labels
    return _shuffled(images, labels)


def _shuffled(images: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    order = np.random.default_rng(0).permutation(len(images))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        yield images[rows], labels[rows]


def _tensors(output: Path, workers: int) -> Iterator[tuple[Any, Any]]:
    from torch.utils.data import DataLoader

    from augtool.torch import IterableDataset

    rows = IterableDataset(output, shuffle=output.suffix == ".h5")
    return iter(DataLoader(rows, BATCH, num_workers=workers))


if __name__ == "__main__":
    main()
