"""Jigsaw takes whole cells of a grid from one image or the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from augtool.errors import UsageError
from augtool.methods import jigsaw
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Recipe, step

ROWS = 20_000


def draws(rows: int = ROWS, **params: Any) -> dict[str, Any]:
    def streams(name: str) -> np.random.Generator:
        return np.random.default_rng([1, *name.encode()])

    return jigsaw.draw(jigsaw.Params(**params), rows, (32, 32, 3), streams)


def bits_of(cells: np.ndarray, grid: int) -> np.ndarray:
    """(m, n²) 0 or 1."""
    return ((cells[:, None] >> np.arange(grid**2, dtype=np.uint64)) & np.uint64(1)).astype(int)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "grid"),
    [((1, 1, 3), 4), ((1, 6, 1), 3), ((7, 5, 3), 2), ((33, 32, 4), 8), ((9, 14), 4), ((3, 2), 8)],
)
def test_every_pixel_is_the_one_that_its_cell_names_and_is_counted(
    shape: tuple[int, ...], grid: int, dtype: str
) -> None:
    pixels = (np.random.default_rng(0).random((9, *shape)) * 255).astype(dtype)
    plan = make_plan(Recipe((step("jigsaw", grid=grid),)), 9, shape, 1)
    block, made = plan.draw(0, 0), np.empty_like(pixels)
    columns = block.columns_of("jigsaw")
    jigsaw.apply(plan.recipe.steps[0].params, pixels, block.src, columns, made)
    for row, (base, partner) in enumerate(block.src):
        pasted = 0
        for y in range(shape[0]):
            for x in range(shape[1]):
                inside = [
                    max(j for j in range(grid) if j * side // grid <= at)
                    for at, side in ((y, shape[0]), (x, shape[1]))
                ]
                taken = int(columns["cells"][row]) >> (inside[0] * grid + inside[1]) & 1
                pasted += taken
                assert np.array_equal(made[row, y, x], pixels[partner if taken else base, y, x])
        share = pasted / (shape[0] * shape[1])
        assert np.array_equal(block.weight[row], np.float32([1 - share, share]))


@pytest.mark.parametrize("grid", [2, 3, 4, 8])
def test_the_number_of_cells_is_the_nearest_to_what_lambda_asks(grid: int) -> None:
    columns = draws(2000, grid=grid)
    counts = bits_of(columns["cells"], grid).sum(axis=1)
    asked = (1 - columns["lam"].astype(np.float64)) * grid**2
    assert np.abs(counts - asked).max() <= 0.5


@pytest.mark.parametrize("grid", [2, 3, 8])
def test_every_cell_is_taken_equally_often_and_pairs_of_cells_too(grid: int) -> None:
    bits = bits_of(draws(grid=grid, lam=0.5)["cells"], grid).astype(np.float64)
    total, count = grid**2, math.floor(0.5 * grid**2 + 0.5)
    one, both = count / total, count * (count - 1) / (total * (total - 1))
    assert np.abs(bits.mean(axis=0) - one).max() < 5 * math.sqrt(one * (1 - one) / ROWS)
    pairs = (bits.T @ bits / ROWS)[np.triu_indices(total, 1)]
    assert np.abs(pairs - both).max() < 5 * math.sqrt(both * (1 - both) / ROWS)


def test_alpha_shapes_lambda_as_a_beta_distribution_does() -> None:
    for alpha in (0.2, 1.0, 4.0):
        lam = draws(200_000, alpha=alpha, grid=2)["lam"].astype(np.float64)
        assert abs(lam.mean() - 0.5) < 0.005
        assert abs(lam.var() - 1 / (4 * (2 * alpha + 1))) < 0.002


@pytest.mark.parametrize(("lam", "bits"), [(1.0, 0), (0.0, (1 << 64) - 1)])
def test_lambda_at_its_ends_keeps_or_replaces_the_whole_image(lam: float, bits: int) -> None:
    assert (draws(50, grid=8, lam=lam)["cells"] == np.uint64(bits)).all()


def test_each_cell_of_the_mask_changes_the_row() -> None:
    pixels = np.arange(2, dtype=np.uint8)[:, None, None] + np.zeros((2, 9, 14), np.uint8)
    cells = np.array([0, *(1 << bit for bit in range(16))], np.uint64)
    out = np.empty((len(cells), 9, 14), np.uint8)
    slots = np.tile([0, 1], (len(cells), 1))
    jigsaw.apply(jigsaw.Params(), pixels, slots, {"cells": cells}, out)
    assert len({row.tobytes() for row in out}) == len(cells)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"alpha": 1.0, "lam": 0.5}, "alpha cannot be combined with lam"),
        ({"grid": 2.5}, "grid 2.5: must be a whole number"),
        ({"grid": 9}, "grid 9: must be at least 2, at most 8"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        step("jigsaw", **params)
