"""Keras: a model is fitted on batches of images and soft labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import augtool

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))


def test_an_epoch_has_every_row_once_in_an_order_of_its_own(
    make: Make, mixed: augtool.Output
) -> None:
    from augtool.keras import Dataset

    rows = Dataset(make("mixed.h5"), 40)
    epochs = []
    for _ in range(2):
        batches = [rows[index] for index in range(rows.num_batches)]
        assert [len(images) for images, _ in batches] == [40, 40, 40, 30]
        pairs = (zip(*batch, strict=True) for batch in batches)
        epochs.append([(one.tobytes(), soft.tobytes()) for pair in pairs for one, soft in pair])
        rows.on_epoch_end()
    assert epochs[0] != epochs[1]
    expected = sorted((one.tobytes(), soft.tobytes()) for one, soft in mixed)
    assert sorted(epochs[0]) == sorted(epochs[1]) == expected


def test_a_model_is_fitted_by_several_workers(make: Make, mixed: augtool.Output) -> None:
    import keras

    from augtool.keras import Dataset

    rows = Dataset(make("mixed.h5"), 50, scale=True, shuffle=False, workers=2)
    images, labels = rows[1]
    assert np.allclose(images, mixed.images[50:100] / 255)
    assert np.array_equal(labels, mixed.labels[50:100])
    dense = keras.layers.Dense(4, "softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.layers.Flatten(), dense])
    model.compile(keras.optimizers.SGD(1e-3), "categorical_crossentropy")
    whole = Dataset(make("mixed.h5"), len(mixed), scale=True, workers=2)
    losses = model.fit(whole, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[1] < losses[0]  # small steps down a convex slope, from one place
    kernel, bias = dense.get_weights()
    logits = np.array(mixed.images[:]).reshape(len(mixed), -1) / 255 @ kernel + bias
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(np.array(mixed.labels[:]) * np.log(chances)).sum(1).mean()
    assert model.evaluate(rows, verbose=0) == pytest.approx(expected, abs=1e-4)
