"""``v2.CutMix`` on a shuffled DataLoader over an image folder: ``FOLDER OUT WORKERS SIDE EPOCHS``.

The workers decode with Pillow and, with a SIDE other than 0, resize and crop to it; the parent
mixes and writes, one epoch after another. Its pass is timed from when the workers have been
started, which leaves out the first milliseconds of their work.
"""

from __future__ import annotations

import itertools
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
@click.argument("side", type=int)
@click.argument("epochs", type=int)
def main(folder: Path, out: Path, workers: int, side: int, epochs: int) -> None:
    torch, v2, datasets = load()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the workers keep the processor busy: more would be slower
    sized = [v2.Resize(side), v2.CenterCrop(side)] if side else []
    images = datasets.ImageFolder(str(folder), transform=v2.Compose([*sized, v2.PILToTensor()]))
    loader = torch.utils.data.DataLoader(
        images, BATCH, shuffle=True, num_workers=workers, persistent_workers=epochs > 1
    )
    classes = len(images.classes)
    cut_mix = v2.CutMix(num_classes=classes)
    channels, height, width = images[0][0].shape
    with h5py.File(out, "w") as made:
        rows = epochs * len(images)
        mixed_images = made.create_dataset("images", (rows, height, width, channels), np.uint8)
        mixed_labels = made.create_dataset("labels", (rows, classes), np.float32)
        first = iter(loader)
        began, row = time.perf_counter(), 0
        others = itertools.chain.from_iterable(loader for _ in range(epochs - 1))
        for batch, labels in itertools.chain(first, others):
            mixed, soft = cut_mix(batch, labels)
            part = slice(row, row + len(batch))
            mixed_images[part] = mixed.permute(0, 2, 3, 1).numpy()
            mixed_labels[part] = soft.numpy()
            row += len(batch)
        seconds = time.perf_counter() - began
    click.echo(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
