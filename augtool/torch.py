"""PyTorch data sets over an output of augtool: ``pip install 'augtool[torch]'``.

>>> from augtool.torch import Dataset  # doctest: +SKIP
>>> loader = DataLoader(Dataset("mixed.h5"), 128, shuffle=True, num_workers=4)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils import data

from augtool import rng
from augtool.outputs import output

Pair = tuple[torch.Tensor, torch.Tensor]
Transform = Callable[[torch.Tensor], torch.Tensor]

_LEVELS = {torch.uint8: 255, torch.uint16: 65535}
_AT_ONCE = 64  # rows that are read together


class Dataset(data.Dataset[Pair]):
    """Row i of an output as (image, soft label), for loaders that choose rows themselves.

    The image is a tensor (C, H, W): as it is stored, or with ``scale`` float32, levels of integers
    brought to 0 … 1. Arrays that are no images keep their axes. The label is (K,) float32.
    ``transform`` is applied to the image. Files that can be are memory-mapped, so that the workers
    of a loader share them.

    Raises `UsageError` when there is no such file, `SourceError` when augtool did not make it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        scale: bool = False,
        transform: Transform | None = None,
    ) -> None:
        self.output = output.open(path)
        self.scale = scale
        self.transform = transform

    def __len__(self) -> int:
        return len(self.output)

    def __getitem__(self, index: int) -> Pair:
        return self._pair(*self.output[int(index)])

    def __getitems__(self, indices: list[int]) -> list[Pair]:
        """The rows of a batch, read together, as loaders ask for them."""
        rows = np.asarray(indices)
        images, labels = self.output.images[rows], self.output.labels[rows]
        return [self._pair(*pair) for pair in zip(images, labels, strict=True)]

    def _pair(self, pixels: Any, label: Any) -> Pair:
        last = self.output.layout == "NHWC"
        image = torch.from_numpy(
            np.array(np.moveaxis(pixels, -1, 0) if last else pixels, order="C")
        )
        if self.scale:
            image = image.float() / _LEVELS.get(image.dtype, 1)
        if self.transform is not None:
            image = self.transform(image)
        return image, torch.from_numpy(np.array(label))


class IterableDataset(data.IterableDataset[Pair]):
    """The rows of an output as (image, soft label), as those of `Dataset`, in shares.

    Each rank of `torch.distributed`, when that is initialised, has as many rows as any other, of
    its own: the last ``rows % ranks`` are left out, since a rank with fewer would keep the others
    waiting. The workers of its loader share them out. Without ``shuffle`` they come as they are
    stored, in drawn order; with it in an order drawn from ``seed`` and the number that `set_epoch`
    sets, to be called before each epoch.

    Parquet is read by row groups: there, leave ``shuffle`` out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        shuffle: bool = False,
        seed: int = 0,
        scale: bool = False,
        transform: Transform | None = None,
    ) -> None:
        self.rows = Dataset(path, scale=scale, transform=transform)
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Have the next iteration draw another order; workers that stay (``persistent_workers``)
        do not hear of it."""
        self.epoch = epoch

    def __len__(self) -> int:
        """The rows of this rank."""
        return len(self.rows) // _rank()[1]

    def __iter__(self) -> Iterator[Pair]:
        start, stop = _share(len(self))
        shuffle = rng.Shuffle.keyed(len(self.rows), self.seed, self.epoch)
        for first in range(start, stop, _AT_ONCE):
            places = np.arange(first, min(first + _AT_ONCE, stop))
            rows = shuffle.rows(places) if self.shuffle else places
            yield from self.rows.__getitems__(rows.tolist())


def _share(rows: int) -> tuple[int, int]:
    """The rows of this worker of this rank, of which each has so many: the first, and the one after
    the last."""
    before = _rank()[0] * rows
    worker = data.get_worker_info()
    number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
    return before + rows * number // workers, before + rows * (number + 1) // workers


def _rank() -> tuple[int, int]:
    """The number of this rank, and how many there are."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
