"""The way of Keras's CutMix example from one HDF5 file to another: ``SOURCE OUT``.

Two shuffled tf.data pipelines of the same images are zipped; a mapped function draws λ by two gamma
variates and a box for each pair, and makes the mixed image by cropping and padding; batches of 32
are prefetched, and written by h5py. Images are floats in 0…1 meanwhile, as there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np

from benchmarks.data import CLASSES
from benchmarks.rivals import _tensorflow

_BATCH = 32
_SHUFFLED = 1024


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def main(source: Path, out: Path) -> None:
    tf = _tensorflow.load()
    with h5py.File(source) as given:
        images, labels = given["images"][:], given["labels"][:]
    pairs = tf.data.Dataset.zip((_prepared(tf, images, labels), _prepared(tf, images, labels)))
    mixed = pairs.map(lambda *pair: _mixed(tf, *pair), num_parallel_calls=tf.data.AUTOTUNE)
    batches = mixed.batch(_BATCH).prefetch(tf.data.AUTOTUNE)
    with h5py.File(out, "w") as made:
        mixed_images = made.create_dataset("images", images.shape, np.uint8)
        mixed_labels = made.create_dataset("labels", (len(images), CLASSES), np.float32)
        began, row = time.perf_counter(), 0
        for batch, soft in batches:
            rows = slice(row, row + len(batch))
            mixed_images[rows] = np.rint(batch.numpy() * 255).astype(np.uint8)
            mixed_labels[rows] = soft.numpy()
            row += len(batch)
        seconds = time.perf_counter() - began
    click.echo(json.dumps({"seconds": seconds}))


def _prepared(tf: Any, images: Any, labels: Any) -> Any:
    def floats(image: Any, label: Any) -> tuple[Any, Any]:
        return tf.cast(image, tf.float32) / 255.0, tf.one_hot(label, CLASSES)

    rows = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(_SHUFFLED)
    return rows.map(floats, num_parallel_calls=tf.data.AUTOTUNE)


def _mixed(tf: Any, first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
    (image, label), (other, other_label) = first, second
    height, width = image.shape[:2]
    gammas = tf.random.gamma((2,), 1.0)
    lam = gammas[0] / tf.reduce_sum(gammas)
    half_h, half_w = (tf.cast(tf.sqrt(1 - lam) * side, tf.int32) // 2 for side in (height, width))
    y = tf.random.uniform((), 0, height, tf.int32)
    x = tf.random.uniform((), 0, width, tf.int32)
    y0, y1 = tf.maximum(y - half_h, 0), tf.minimum(y + half_h, height)
    x0, x1 = tf.maximum(x - half_w, 0), tf.minimum(x + half_w, width)
    # A box of no pixels cannot be cropped.
    deep, wide = tf.maximum(y1 - y0, 1), tf.maximum(x1 - x0, 1)
    box = (tf.minimum(y0, height - deep), tf.minimum(x0, width - wide), deep, wide)
    patch, hole = (
        tf.image.pad_to_bounding_box(
            tf.image.crop_to_bounding_box(one, *box), *box[:2], height, width
        )
        for one in (other, image)
    )
    share = 1 - tf.cast(deep * wide, tf.float32) / (height * width)
    return image - hole + patch, label * share + other_label * (1 - share)


if __name__ == "__main__":
    main()
