"""Rows made again from what an output stores, without a draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.mixing.replay import Record, made_again
from augtool.mixing.source_plan import plan_of
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Choice, Reading, Recipe, Step, one_of, step
from augtool.recipe.sampling import Sampling
from augtool.sources import open_source

N, SIZE = 150, (9, 14)
CHAINS: dict[str, tuple[Step | Choice, ...]] = {
    "one": (step("cutmix", prob=0.7),),
    "four": (step("mosaic"),),
    "measured": (step("saliencymix"),),
    "choice": (one_of((0.5, step("cutmix")), (0.3, step("mosaic")), (0.2, None)),),
    "twice": (step("flip"), step("cutmix"), step("shift"), step("fmix"), step("erase", fill="0")),
    "looks in between": (step("cutmix"), step("saliencymix"), step("flip")),
    "blends": (step("mixup", alpha=1.0), step("rotate"), step("smoothmix")),
}


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "in.h5"
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (N, *SIZE, 3), np.uint8)
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = images, np.arange(N) % 3
        file["kinds"] = np.where(np.arange(N) < 6, np.arange(N) + 3, np.arange(N) % 3)  # 6 singles
        file["objects"] = (images[..., 0] > 128).astype(np.int32)
    return path


def record_of(recipe: Recipe, arrays: Path, tmp_path: Path) -> tuple[augtool.Output, Record, Any]:
    out = tmp_path / "out.h5"
    augtool.run(augtool.Job(str(arrays), str(out), recipe, workers=0))
    output, source = augtool.open(out), open_source(str(arrays), recipe.reading, tmp_path)

    def plan() -> Plan:
        return plan_of(recipe, source)

    return output, Record(output.recipe, len(output), output.field, plan), source


@pytest.mark.parametrize("cut", [{}, {"num": 71}, {"num": N + 5}, {"copies": 2, "order": "source"}])
@pytest.mark.parametrize("name", CHAINS)
def test_every_row_is_made_again_from_its_record(
    name: str, cut: dict[str, Any], arrays: Path, tmp_path: Path
) -> None:
    """Also where a partner is a row that was cut off."""
    mixes_ids = name != "blends"
    reading = Reading(mask_key="objects" if mixes_ids else "none")
    recipe = Recipe(CHAINS[name], block_rows=64, reading=reading, **cut)
    output, record, source = record_of(recipe, arrays, tmp_path)
    rows = np.arange(len(output))
    for some in (rows, rows[5::7], rows[-1:]):
        made = made_again(record, some, source)
        assert np.array_equal(made.pixels, np.asarray(output.images)[some])
        assert np.array_equal(made.block.weight, output.field("weight")[some])
        assert np.array_equal(made.block.src, output.field("src")[some])
        if mixes_ids:
            assert made.masks is not None
            assert np.array_equal(made.masks, output.field("masks")[some])


def test_a_partner_that_was_cut_off_is_really_drawn_again(arrays: Path, tmp_path: Path) -> None:
    recipe = Recipe(CHAINS["twice"], block_rows=64, num=71)
    output, record, source = record_of(recipe, arrays, tmp_path)
    assert (output.field("fmix_partner")[:] >= 71).any()
    never = Record(record.recipe, record.rows, record.field, lambda: pytest.fail("not this one"))
    whole = np.flatnonzero(output.field("fmix_partner")[:, 0] < 71)
    partners = output.field("fmix_partner")[:][whole, 0]
    inside = whole[
        (output.field("cutmix_partner")[:][whole, 0] < 71)
        & (output.field("cutmix_partner")[:][partners, 0] < 71)
    ]
    assert len(inside)
    made = made_again(never, inside, source)
    assert np.array_equal(made.pixels, np.asarray(output.images)[inside])


@pytest.mark.parametrize("name", ["cutmix_partner", "fmix_partner", "shift_offset", "cutmix_box"])
def test_each_stored_value_of_a_chain_matters(name: str, arrays: Path, tmp_path: Path) -> None:
    recipe = Recipe(CHAINS["twice"], block_rows=64)
    output, record, source = record_of(recipe, arrays, tmp_path)
    other = {
        "cutmix_partner": lambda old: (old + 1) % N,
        "fmix_partner": lambda old: (old + 1) % N,
        "shift_offset": lambda old: 1 - old,
        "cutmix_box": lambda old: np.broadcast_to([0, 0, *SIZE], old.shape),
    }[name]

    def field(asked: str) -> Any:
        values = np.asarray(output.field(asked))
        return other(values).astype(values.dtype) if asked == name else values

    changed = Record(record.recipe, record.rows, field, record.plan)
    rows = np.arange(40)
    made = made_again(changed, rows, source)
    differs = (made.pixels != np.asarray(output.images)[rows]).any(axis=(1, 2, 3))
    assert differs.sum() > 10


@pytest.mark.parametrize("name", ["one", "four", "choice", "twice", "looks in between"])
@pytest.mark.parametrize("drawn", [{}, {"balance": "sqrt"}, {"balance": "classes"}])
def test_rows_without_a_partner_are_made_again_too(
    name: str, drawn: dict[str, Any], arrays: Path, tmp_path: Path
) -> None:
    sampling = Sampling(pair="same-class", **drawn)
    reading = Reading(label_key=("kinds",), mask_key="none")
    recipe = Recipe(CHAINS[name], block_rows=64, reading=reading, sampling=sampling)
    output, record, source = record_of(recipe, arrays, tmp_path)
    for rows in (np.arange(len(output)), np.arange(3, len(output), 5)):
        made = made_again(record, rows, source)
        assert np.array_equal(made.pixels, np.asarray(output.images)[rows])
        assert np.array_equal(made.block.src, output.field("src")[rows])
        assert np.array_equal(made.block.weight, output.field("weight")[rows])
    assert (np.asarray(output.field("src"))[:, 1:] == -1).all(axis=1).any()
