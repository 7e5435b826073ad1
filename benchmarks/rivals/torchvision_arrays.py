"""``v2.CutMix`` from one HDF5 file to another: ``SOURCE OUT THREADS``.

The fastest plain way: batches are adjacent rows, so nothing is shuffled (CutMix mixes neighbours
in a batch, hence in a sorted data set mostly images of one class), and one box serves a batch.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import h5py
import numpy as np

from benchmarks.data import CLASSES
from benchmarks.rivals._torchvision import BATCH, load


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("threads", type=int)
def main(source: Path, out: Path, threads: int) -> None:
    torch, v2, _ = load()
    torch.set_num_threads(threads)
    cut_mix = v2.CutMix(num_classes=CLASSES)
    with h5py.File(source) as given, h5py.File(out, "w") as made:
        images, labels = given["images"], torch.from_numpy(given["labels"][:])
        mixed_images = made.create_dataset("images", images.shape, np.uint8)
        mixed_labels = made.create_dataset("labels", (len(images), CLASSES), np.float32)
        began = time.perf_counter()
        for start in range(0, len(images), BATCH):
            rows = slice(start, start + BATCH)
            batch = torch.from_numpy(images[rows]).permute(0, 3, 1, 2)
            mixed, soft = cut_mix(batch, labels[rows])
            mixed_images[rows] = mixed.permute(0, 2, 3, 1).numpy()
            mixed_labels[rows] = soft.numpy()
        seconds = time.perf_counter() - began
    click.echo(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
