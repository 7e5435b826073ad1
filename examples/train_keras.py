"""A small network on an output of augtool, in Keras 3: ``python train_keras.py mixed.h5``.

``categorical_crossentropy`` takes soft labels as they are, with any backend
(``KERAS_BACKEND=torch``).
"""

from __future__ import annotations

import sys
from typing import Any

import keras

from augtool.keras import Dataset


def train(path: str, epochs: int = 5, batch: int = 32) -> dict[str, Any]:
    """Loss and accuracy of each epoch."""
    rows = Dataset(path, batch, scale=True)
    layers: list[Any] = [keras.Input(rows.output.images.shape[1:])]
    for width in (32, 64, 128):
        layers += [
            keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    classes = rows.output.labels.shape[1]
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes, "softmax")]
    model = keras.Sequential([*layers, *head])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history: dict[str, Any] = model.fit(rows, epochs=epochs).history
    return history


if __name__ == "__main__":
    train(sys.argv[1] if len(sys.argv) > 1 else "mixed.h5")
