"""Smooth changes labels, never pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import augtool
from augtool.job import Job
from augtool.methods import smooth
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step
from augtool.sources import open_source


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (54,), (1, 1, 3), (7, 5, 3), (3, 4, 5, 2)])
def test_rows_of_every_shape_and_dtype_are_the_base_rows(
    shape: tuple[int, ...], dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((20, *shape)) * 255).astype(dtype)
    pixels.flags.writeable = False
    block = make_plan(Recipe((step("smooth"),)), 20, shape, 1).draw(0, 0)
    out = np.empty_like(pixels)
    smooth.apply(smooth.Params(), pixels, block.src, {}, out)
    assert out.tobytes() == pixels[block.src[:, 0]].tobytes()
    assert sorted(block.src[:, 0]) == list(range(20))
    assert (block.weight == np.ones((20, 1), np.float32)).all()


@pytest.mark.parametrize(("share", "on", "off"), [(0.1, 0.91, 0.01), (0.0, 1.0, 0.0)])
def test_labels_are_smoothed_over_all_classes_and_images_are_the_inputs(
    tmp_path: Path, share: float, on: float, off: float
) -> None:
    recipe = Recipe((step("smooth"),), label_smoothing=share, order="source", limit=60)
    augtool.run(Job("sample:", str(tmp_path / "o.h5"), recipe, workers=0))
    source = open_source("sample:", recipe.reading, tmp_path)
    with augtool.open(tmp_path / "o.h5") as output:
        src = output.field("src")[:, 0]
        classes = source.targets[0].values[src]
        for row in range(60):
            assert np.array_equal(output.images[row], source.image(int(src[row])))
            expected = np.full(10, off)
            expected[classes[row]] = on
            assert np.abs(output.labels[row] - expected).max() < 1e-7
