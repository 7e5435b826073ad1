"""Whole runs of random chains: what an output says of itself is what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import augtool
from augtool.mixing.replay import Record, made_again
from augtool.mixing.source_plan import plan_of
from augtool.recipe.recipe import Choice, Reading, Recipe, Step, one_of, step
from augtool.recipe.sampling import Sampling
from augtool.recipe.toml import recipe_from_toml, to_toml
from augtool.sources import open_source

N = 40
few = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
alphas = st.sampled_from([0.2, 1.0, 3.0])
shares = st.sampled_from([0.0, 0.3, 0.5, 1.0])
borders = st.sampled_from(["constant", "edge", "reflect", "wrap"])
fills = st.sampled_from(["0", "mean", "noise", "random-colour", "3.5"])


def made(method: str, **params: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    given = st.fixed_dictionaries({}, optional={"prob": shares, **params})
    return given.map(lambda values: step(method, **values))


PASTES = [
    made("cutmix", alpha=alphas, num_mix=st.integers(1, 3)),
    made("cutmix", ratio_range=st.just((0.0, 1.0))),
    made("resizemix", shrink=st.just("nearest")),
    made("fmix", alpha=alphas),
    made("mosaic"),
    made("jigsaw", grid=st.integers(2, 4)),
    made("saliencymix", alpha=alphas),
]
BLENDS = [made("mixup", alpha=alphas), made("smoothmix"), made("resizemix", shrink=st.just("area"))]
MOVES = [
    made("flip"),
    made("shift", range=shares, border=borders),
    made("crop", padding=st.integers(0, 4), border=borders),
    made("rotate", degrees=st.sampled_from([5, 180]), border=borders),
]
ERASES = [
    made("cutout", holes=st.integers(1, 2), length=st.integers(1, 6), fill=fills),
    made("erase", count=st.integers(1, 2), fill=fills),
    made("gridmask", period_range=st.just((2, 5)), fill=fills),
]


def chains(known: list[st.SearchStrategy[Step]]) -> st.SearchStrategy[tuple[Step | Choice, ...]]:
    one = st.one_of(known)
    choice = st.lists(one | st.none(), min_size=1, max_size=3).map(
        lambda options: one_of(*((1 / len(options), each) for each in options))
    )
    return st.lists(one | choice, min_size=1, max_size=4).map(tuple)


TARGETS: dict[str, np.ndarray] = {
    "ids": np.arange(N) * 3 % 7 % 4,
    "soft": np.random.default_rng(1).dirichlet(np.ones(5), N).astype(np.float32),
    "tags": (np.arange(N * 6).reshape(N, 6) * 7 % 5 < 2).astype(np.float32),
    "ages": np.linspace(-3, 90, N).astype(np.float32),
    "place": np.random.default_rng(2).normal(size=(N, 2)),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


def source_at(place: Path, size: tuple[int, int], dtype: str) -> Path:
    """An npz file: one of HDF5 is looked at in another process, which takes its time."""
    path = place / f"{size[0]}x{size[1]}-{dtype}.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        images = (rng.random((N, *size, 3)) * 200).astype(dtype)
        np.savez(path, images=images, masks=rng.integers(0, 9, (N, *size), np.uint8), **TARGETS)
    return path


def run(place: Path, source: Path, recipe: Recipe, **given: Any) -> augtool.Summary:
    given = {"workers": 0, "overwrite": True, **given}
    return augtool.run(augtool.Job(str(source), str(place / "out.h5"), recipe, **given))


def expected(name: str, src: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(M, K) the sum of the sources' targets by weight, one source after the other."""
    values = TARGETS[name]
    vectors = np.eye(4)[values] if name == "ids" else values.reshape(N, -1).astype(np.float64)
    total = np.zeros((len(src), vectors.shape[1]))
    for row, slot in np.argwhere(weight > 0):
        total[row] += weight[row, slot] * vectors[src[row, slot]]
    return total


@few
@given(data=st.data())
def test_an_output_of_a_random_chain_is_what_it_says(data: st.DataObject, place: Path) -> None:
    """Labels, whatever they are, are sums by weight; the bytes are the same for tasks of any size;
    the recipe is the same in TOML; every row is made again from what is stored."""
    with_masks = data.draw(st.booleans(), label="masks")
    known = PASTES + MOVES + ERASES + ([] if with_masks else BLENDS)
    size = data.draw(st.sampled_from([(7, 5), (12, 16)]), label="size")
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "float32"]), label="dtype")
    targets = data.draw(
        st.lists(st.sampled_from(sorted(TARGETS)), min_size=1, max_size=3, unique=True),
        label="targets",
    )
    recipe = Recipe(
        data.draw(chains(known), label="steps"),
        seed=data.draw(st.integers(0, 99), label="seed"),
        copies=data.draw(st.integers(1, 2), label="copies"),
        num=data.draw(st.none() | st.integers(1, 3 * N), label="num"),
        keep_originals=data.draw(st.booleans(), label="originals"),
        weight_by=data.draw(st.sampled_from(["area", "masks"]), label="by")
        if with_masks
        else "area",
        block_rows=16,
        reading=Reading(label_key=tuple(targets), mask_key="masks" if with_masks else "none"),
        sampling=Sampling(
            balance=data.draw(st.sampled_from(["none", "classes", "sqrt"]), label="balance")
            if targets[0] == "ids"
            else "none"
        ),
    )
    source = source_at(place, size, dtype)
    summary = run(place, source, recipe, task_blocks=1)
    other = run(place, source, recipe, task_blocks=3, format="null")
    assert summary.digests == other.digests
    output = augtool.open(place / "out.h5")
    assert recipe_from_toml(to_toml(output.recipe)) == output.recipe
    src, weight = output.field("src")[:], output.field("weight")[:]
    np.testing.assert_allclose(weight.sum(axis=1), 1, atol=1e-6)
    for name in targets:
        field = f"labels_{name}" if len(targets) > 1 else "labels"
        told = output.field(field)[:]
        np.testing.assert_allclose(told, expected(name, src, weight), rtol=1e-5, atol=1e-5)

    opened = open_source(str(source), recipe.reading, place)
    record = Record(output.recipe, len(output), output.field, lambda: plan_of(recipe, opened))
    again = made_again(record, np.arange(len(output)), opened)
    assert np.array_equal(again.pixels, output.images[:])
    assert np.array_equal(again.block.weight, weight)
    if with_masks:
        assert np.array_equal(again.masks, output.masks[:])
    if recipe.weight_by == "masks":
        assert np.array_equal(again.block.area, output.field("area_weight")[:])


@pytest.mark.parametrize("mixes", ["pastes", "blends"])
def test_a_chain_has_the_same_bytes_with_any_number_of_workers(place: Path, mixes: str) -> None:
    mixing = step("cutmix", num_mix=2) if mixes == "pastes" else step("mixup", alpha=1.0)
    chain = (
        step("flip"),
        step("rotate"),
        one_of((0.6, mixing), (0.4, step("fmix"))),
        step("saliencymix", prob=0.7),
        step("erase"),
    )
    reading = Reading(label_key=("ids", "ages"), mask_key="masks" if mixes == "pastes" else "none")
    sampling = Sampling(balance="classes", pair="other-class")
    recipe = Recipe(chain, num=150, reading=reading, sampling=sampling, block_rows=8)
    source = source_at(place, (12, 16), "uint8")
    inline = run(place, source, recipe, format="null")
    spread = run(place, source, recipe, format="null", workers=2, task_blocks=1)
    assert spread.processes > 1
    assert spread.digests == inline.digests
