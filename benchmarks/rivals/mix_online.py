"""A trainer's loop that decodes and mixes while it runs: ``FOLDER WORKERS``.

A shuffled DataLoader over an image folder, whose workers decode with Pillow, and ``v2.CutMix`` on
each batch. Timed from when the workers have been started.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from benchmarks.rivals._torchvision import BATCH, load


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("workers", type=int)
def main(folder: Path, workers: int) -> None:
    torch, v2, datasets = load()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # the workers keep the processor busy: more would be slower
    images = datasets.ImageFolder(str(folder), transform=v2.PILToTensor())
    loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=workers)
    cut_mix = v2.CutMix(num_classes=len(images.classes))
    batches = iter(loader)
    began, seen = time.perf_counter(), 0.0
    for batch, classes in batches:
        mixed, soft = cut_mix(batch, classes)
        seen += float(soft.sum()) + float(mixed[0, 0, 0, 0])
    click.echo(json.dumps({"seconds": time.perf_counter() - began, "seen": seen}))


if __name__ == "__main__":
    main()
