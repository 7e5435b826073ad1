"""Masks on their way through a chain, and the weights of objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import augtool
from augtool.errors import SourceError, UsageError
from augtool.mixing.apply import Members, apply, look, look_at_maps
from augtool.mixing.mask_rules import check
from augtool.mixing.source_map import weighed
from augtool.planning.block import Block
from augtool.planning.plan import make_plan
from augtool.recipe.recipe import Choice, Recipe, Step, one_of, step

N = 6
SIZE = (9, 14)
PASTES = [
    step("cutmix"),
    step("resizemix", shrink="nearest"),
    step("fmix"),
    step("mosaic"),
    step("jigsaw", grid=2),
]
MOVES = [
    step("flip"),
    step("shift", range=0.5),
    step("crop", padding=3, border="edge"),
    step("rotate", degrees=90, interpolation="nearest"),
]
ERASES = [step("cutout", length=4, fill="0"), step("gridmask", period_range=(2, 5), fill="0")]
slow_start = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def chains(known: list[Step]) -> st.SearchStrategy[tuple[Step | Choice, ...]]:
    one = st.sampled_from(known)
    choice = st.tuples(one, one).map(lambda two: one_of((0.5, two[0]), (0.3, two[1]), (0.2, None)))
    return st.lists(one | choice, min_size=1, max_size=4).map(tuple)


def block_of(chain: tuple[Step | Choice, ...], shape: tuple[int, ...]) -> Block:
    return make_plan(Recipe(chain), N, shape, 1).draw(0, 0)


@slow_start
@given(chains(PASTES + MOVES + ERASES), st.sampled_from(["uint8", "uint16", "int32", "int64"]))
def test_a_mask_holds_what_its_image_shows(chain: tuple[Step | Choice, ...], dtype: str) -> None:
    """Image i is i + 1 everywhere and so is its mask; what is erased or bare is 0 in both."""
    images = np.broadcast_to(np.arange(1, N + 1, dtype=np.uint8)[:, None, None], (N, *SIZE))
    ready = look(block_of(chain, SIZE), Members(np.ascontiguousarray(images)))
    mixed = np.empty((N, *SIZE), np.uint8)
    apply(ready, mixed)
    masks = np.empty((N, *SIZE), dtype)
    apply(look_at_maps(ready.block, Members(images.astype(dtype)), 0), masks)
    assert np.array_equal(masks, mixed)


@slow_start
@given(chains(MOVES + ERASES), st.sampled_from([-1, 255]))
def test_what_is_erased_or_beyond_the_border_has_the_fill_of_masks(
    chain: tuple[Step | Choice, ...], fill: int
) -> None:
    images = np.full((N, *SIZE), 77, np.uint8)
    ready = look(block_of(chain, SIZE), Members(images))
    mixed = np.empty((N, *SIZE), np.uint8)
    apply(ready, mixed)
    masks = np.empty((N, *SIZE), np.int16)
    apply(look_at_maps(ready.block, Members(images.astype(np.int16)), fill), masks)
    assert np.array_equal(masks == fill, mixed == 0)
    assert np.isin(masks, (77, fill)).all()


@slow_start
@given(chains(PASTES + MOVES), st.sampled_from(["uint8", "float32"]), st.integers(0, 99))
def test_by_masks_a_source_weighs_the_share_of_its_object_that_is_seen(
    chain: tuple[Step | Choice, ...], dtype: str, seed: int
) -> None:
    """The images show the objects: source i has its own in channel i, and nothing elsewhere."""
    objects = (np.random.default_rng(seed).random((N, *SIZE)) < 0.3).astype(dtype)
    objects[0] = 0  # a source without an object
    if dtype == "float32":
        objects *= np.float32(0.25)
    images = np.zeros((N, *SIZE, N), np.float32)
    for one in range(N):
        images[one, :, :, one] = objects[one]
    block = block_of(chain, (*SIZE, N))
    ready = look(block, Members(images))
    mixed = np.empty((N, *SIZE, N), np.float32)
    apply(ready, mixed)
    block = weighed(ready.block, (*SIZE, N), Members(objects))
    whole = objects.reshape(N, -1).sum(axis=1).astype(np.float64)
    seen = mixed.reshape(N, -1, N).sum(axis=1) / np.where(whole, whole, 1)
    told = np.zeros((N, N))
    for row in range(N):
        for source, weight in zip(block.src[row], block.weight[row], strict=True):
            if source >= 0:
                told[row, source] += weight
    for row in np.flatnonzero(seen.sum(axis=1)):
        assert np.allclose(told[row], seen[row] / seen[row].sum(), atol=1e-6)
    for row in np.flatnonzero(seen.sum(axis=1) == 0):  # no object is seen: the area decides
        assert np.array_equal(block.weight[row], block.area[row])
    several = (block.area > 0).sum(axis=1) > 1
    assert np.array_equal(block.bare, (seen.sum(axis=1) == 0) & several)
    assert np.array_equal(block.area, weighed(ready.block, (*SIZE, N)).weight)


@dataclass
class Fake:
    dtype: np.dtype[Any]
    shape: tuple[int, int] = SIZE
    pixels: None = None


@pytest.mark.parametrize(
    ("recipe", "masks", "message"),
    [
        (Recipe((step("mixup"),)), "uint8", "mixup blends images.*use a step that pastes"),
        (Recipe((one_of((1.0, step("smoothmix"))),)), "int32", "smoothmix blends images"),
        (Recipe((step("cutmix"),), weight_by="masks"), None, "the source has no masks"),
        (Recipe((step("cutmix"),), mask_fill=2**53 + 1), "int64", "cannot be filled with"),
        (Recipe((step("cutmix"),), mask_fill=-1), "uint8", "mask_fill -1: the masks are uint8"),
    ],
)
def test_masks_that_a_recipe_cannot_mix_are_refused(
    recipe: Recipe, masks: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check(recipe, None if masks is None else Fake(np.dtype(masks)))  # type: ignore[arg-type]


def test_importance_maps_can_stand_beside_a_blend() -> None:
    check(Recipe((step("mixup"),)), Fake(np.dtype("float32")))  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_writes_masks_and_both_weights(tmp_path: Path, workers: int) -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (400, *SIZE, 3), np.uint8)
    masks = (images[..., 0] > 200).astype(np.uint8)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["masks"], file["labels"] = images, masks, np.arange(400) % 3
    chain = (step("flip"), step("cutmix"), step("cutout", length=3, fill="0"))
    recipe = augtool.Recipe(chain, weight_by="masks", mask_fill=9, block_rows=64)
    out = tmp_path / "out.h5"
    augtool.run(augtool.Job(str(tmp_path / "in.h5"), str(out), recipe, workers=workers))
    with h5py.File(out) as file:
        mixed, made, src = file["images"][:], file["masks"][:], file["src"][:]
        assert made.dtype == np.uint8
        assert file["area_weight"].shape == file["weight"].shape == src.shape == (400, 2)
        erased = (mixed == 0).all(axis=3)
        assert np.array_equal(made == 9, erased)
        assert np.array_equal((mixed[..., 0] > 200), made == 1)
        assert not np.array_equal(file["area_weight"][:], file["weight"][:])


def test_rows_that_are_weighed_by_area_for_want_of_an_object_are_counted(tmp_path: Path) -> None:
    masks = np.zeros((200, *SIZE), np.uint8)
    masks[:20] = 1
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"], file["labels"] = np.zeros((200, *SIZE, 3), np.uint8), np.arange(200) % 3
        file["masks"] = masks
    recipe = augtool.Recipe((step("cutmix", prob=0.5),), weight_by="masks", block_rows=64)
    job = augtool.Job(str(tmp_path / "in.h5"), str(tmp_path / "out.h5"), recipe, workers=0)
    summary = augtool.run(job)
    with h5py.File(job.output) as file:
        src, area = file["src"][:], file["area_weight"][:]
    mixed = (area > 0).sum(axis=1) > 1
    bare = (mixed & (src >= 20).all(axis=1)).sum()
    assert summary.warnings == (
        f"weight_by masks: {bare} of 200 rows are weighed by area, since no object is seen in them",
    )


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_an_importance_map_that_makes_no_share_is_named(value: float) -> None:
    maps = np.ones((N, *SIZE), np.float32)
    maps[4, 2, 3] = value
    block = block_of((step("cutmix"),), (*SIZE, 3))
    with pytest.raises(SourceError, match="row 4: its importance map has values that are negative"):
        weighed(block, (*SIZE, 3), Members(maps, by_row=True))
