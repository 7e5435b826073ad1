"""Recipes: checked when made, whole after JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from augtool.errors import UsageError
from augtool.job import Job
from augtool.recipe import Reading, Recipe, recipe_from_json, step

WHOLE = Recipe(
    (step("cutmix", ratio_range=(0.2, 0.8), prob=0.5),),
    seed=2**70,
    copies=3,
    num=100,
    keep_originals=True,
    limit=50,
    order="source",
    label_smoothing=0.1,
    block_rows=128,
    reading=Reading(size=(240, 320), fit="pad", classes=(("n01", "猫"), ("n02", "λ")), mode="L"),
)


@pytest.mark.parametrize("recipe", [WHOLE, Recipe((step("cutmix", alpha=0.3),))])
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert recipe_from_json(recipe.as_json()) == recipe


def test_a_recipe_holds_nothing_of_the_machine() -> None:
    keys = set(asdict(WHOLE)) | set(asdict(WHOLE.reading))
    assert not keys & {"input", "output", "workers", "format", "compression", "overwrite"}


@pytest.mark.parametrize("steps", [(), (step("cutmix"), step("flip"))])
def test_a_recipe_that_cannot_be_run_whole_is_refused(steps: Any) -> None:
    with pytest.raises(UsageError, match="takes one step"):
        Recipe(steps)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "unknown parameter 'sed'; did you mean 'seed'"),
        ({"copies": 0}, "copies 0: must be at least 1"),
        ({"label_smoothing": 1.0}, "label_smoothing 1"),
        ({"limit": 0}, "limit 0"),
        ({"block_rows": 100}, "power of two"),
    ],
)
def test_a_stored_recipe_that_is_wrong_says_where(change: dict[str, Any], message: str) -> None:
    values = {**json.loads(WHOLE.as_json()), **change}
    with pytest.raises(UsageError, match=message):
        recipe_from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("cutmax", {}, "no method 'cutmax'; did you mean 'cutmix'"),
        ("cutmix", {"alhpa": 1}, "cutmix: unknown parameter 'alhpa'; did you mean 'alpha'"),
        ("cutmix", {"alpha": 0}, "cutmix: alpha 0: must be above 0"),
        ("cutmix", {"prob": 1.5}, "prob 1.5"),
    ],
)
def test_a_step_that_is_wrong_names_step_and_parameter(
    method: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        step(method, **params)


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        ({"size": (0, 5)}, "size 0x5"),
        ({"background": (0, 0, 256)}, "background"),
        ({"num_classes": 0}, "num-classes 0"),
        ({"label_base": 2}, "label-base 2"),
    ],
)
def test_a_reading_out_of_bounds_is_named(reading: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Reading(**reading)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": -1}, "workers -1"),
        ({"task_blocks": 0}, "task_blocks 0"),
        ({"compression": "gzip", "recipe": WHOLE}, "order source"),
    ],
)
def test_a_job_out_of_bounds_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Job(**{"input": "a", "output": "b.h5", "recipe": Recipe((step("cutmix"),)), **given})
