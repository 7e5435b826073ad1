"""``v2.CutMix`` on a shuffled DataLoader over an image folder: ``FOLDER OUT WORKERS``.

The workers decode with Pillow, the parent mixes and writes. Its pass is timed from when the
workers have been started, which leaves out the first milliseconds of their work.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import h5py
import numpy as np

from benchmarks.rivals._torchvision import BATCH, load


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("workers", type=int)
def main(folder: Path, out: Path, workers: int) -> None:
    torch, v2, datasets = load()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the workers keep the processor busy: more would be slower
    images = datasets.ImageFolder(str(folder), transform=v2.PILToTensor())
    loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=workers)
    classes = len(images.classes)
    cut_mix = v2.CutMix(num_classes=classes)
    channels, height, width = images[0][0].shape
    with h5py.File(out, "w") as made:
        shape = (len(images), height, width, channels)
        mixed_images = made.create_dataset("images", shape, np.uint8)
        mixed_labels = made.create_dataset("labels", (len(images), classes), np.float32)
        batches = iter(loader)
        began, row = time.perf_counter(), 0
        for batch, labels in batches:
            mixed, soft = cut_mix(batch, labels)
            rows = slice(row, row + len(batch))
            mixed_images[rows] = mixed.permute(0, 2, 3, 1).numpy()
            mixed_labels[rows] = soft.numpy()
            row += len(batch)
        seconds = time.perf_counter() - began
    click.echo(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
