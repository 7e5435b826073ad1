"""A Keras data set over an output of augtool, for any backend of Keras 3: ``pip install keras``.

>>> from augtool.keras import Dataset  # doctest: +SKIP
>>> model.fit(Dataset("mixed.h5", 128), epochs=10)  # doctest: +SKIP
"""

from __future__ import annotations

import math
import os
from typing import Any

import keras
import numpy as np

from augtool import rng
from augtool.outputs import output


class Dataset(keras.utils.PyDataset):
    """The batches of an output: images (m, H, W, C) and soft labels (m, K) float32.

    Images are as they are stored, or with ``scale`` float32, levels of integers brought to 0 … 1.
    ``shuffle`` draws another order of all rows each epoch, from ``seed``; Parquet is read by row
    groups: there, leave it out. ``given`` goes to `keras.utils.PyDataset`: ``workers``,
    ``use_multiprocessing``, ``max_queue_size``.

    Raises `UsageError` when there is no such file, `SourceError` when augtool did not make it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        seed: int = 0,
        scale: bool = False,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self.output = output.open(path)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.scale = scale
        self.epoch = 0

    @property
    def num_batches(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return math.ceil(len(self.output) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        first = index * self.batch_size
        rows = np.arange(first, min(first + self.batch_size, len(self.output)))
        if self.shuffle:
            rows = rng.Shuffle.keyed(len(self.output), self.seed, self.epoch).rows(rows)
        images, labels = np.array(self.output.images[rows]), np.array(self.output.labels[rows])
        if self.scale:
            levels = np.iinfo(images.dtype).max if images.dtype.kind == "u" else 1
            images = images.astype(np.float32) / np.float32(levels)
        return images, labels

    def on_epoch_end(self) -> None:
        """Draw another order for the next epoch."""
        self.epoch += 1
