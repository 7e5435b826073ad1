"""Recipes: checked when made, whole after JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest

from augtool.errors import UsageError
from augtool.job import Job
from augtool.recipe.recipe import (
    Reading,
    Recipe,
    one_of,
    recipe_from_json,
    recipe_of,
    step,
    step_of,
    step_table,
)

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


def test_a_recipe_without_steps_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one step"):
        Recipe(())


CHAIN = (
    step("flip"),
    one_of((0.5, step("cutmix", alpha=0.5, prob=0.9)), (0.25, step("mixup")), (0.25, None)),
    step("erase", prob=0.25, fill="0"),
)


def test_a_chain_survives_plain_values() -> None:
    recipe = Recipe(CHAIN, seed=3)
    assert recipe_from_json(recipe.as_json()) == recipe
    assert tuple(step_of(step_table(one)) for one in CHAIN) == CHAIN


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"method": "cutmax"}, "step 2: there is no method 'cutmax'; did you mean 'cutmix'"),
        ({"method": "cutmix", "alhpa": 1}, "step 2: cutmix: unknown parameter 'alhpa'; did you"),
        ({"method": "cutmix", "prob": 2}, "step 2: cutmix: prob 2: must be in 0…1"),
        ({"method": "cutmix", "prob": "often"}, "step 2: cutmix: prob 'often': must be a number"),
        ({"alpha": 1.0}, "step 2: a step needs a method"),
        (
            {"one_of": [{"method": "cutmix", "weight": 0.6}]},
            "step 2: one_of: the weights sum to 0.6",
        ),
        ({"one_of": [{"method": "cutmix"}]}, "step 2: option 1: cutmix needs a weight"),
        (
            {"one_of": [{"method": "flip", "weight": -1}]},
            "step 2: one_of: option 1: weight -1: must",
        ),
        (
            {
                "one_of": [
                    {"method": "none", "weight": 1},
                    {"method": "cutmix", "weight": 0, "x": 1},
                ]
            },
            "step 2: option 2: cutmix: unknown parameter 'x'",
        ),
        (
            {"one_of": [{"method": "none", "weight": 1, "prob": 1}]},
            "step 2: option 1: method 'none' leaves a row as it is",
        ),
        ({"one_of": {"method": "flip"}}, "step 2: one_of: give a list"),
        ({"one_of": [], "prob": 1}, "step 2: one_of stands alone, without 'prob'"),
        ({"method": "none"}, "step 2: method 'none' is one of several"),
        (
            {"one_of": [{"method": "flip", "weight": 1 / 128}] * 128},
            "step 2: one_of: 128 options: at most 127",
        ),
        ({"method": "cutmix", "alpha": math.inf}, "step 2: cutmix: alpha inf: must be a finite"),
        ({"method": "cutmix", "alpha": 10**400}, "step 2: cutmix: alpha '1000*': must be a number"),
        ({"method": "erase", "mean": 10**400}, "step 2: erase: mean '1000*': must be a list"),
        ({"method": "erase", "fill": 10**400}, "step 2: erase: fill 1000*: must be mean, noise"),
        ({"method": "cutmix", "prob": 10**400}, "step 2: cutmix: prob 1000*: must be a number"),
        ({"one_of": [{"method": "flip", "weight": 10**400}]}, "option 1: flip needs a weight"),
        ({"one_of": []}, "step 2: one_of: give each step a weight"),
    ],
)
def test_a_wrong_step_of_a_chain_is_named_with_its_place(
    table: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        recipe_of({"steps": [{"method": "flip"}, table]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": "one"}, "recipe: seed 'one': must be a whole number"),
        ({"seed": True}, "recipe: seed True: must be a whole number"),
        ({"keep_originals": 1}, "recipe: keep_originals 1: must be true or false"),
        ({"order": "random"}, "recipe: order 'random': must be one of shuffled, source"),
        ({"reading": {"size": 32}}, "reading: size 32: must be a list"),
        ({"label_smoothing": 10**400}, "recipe: label_smoothing 1000*: must be a number"),
        ({"sampling": {"only_classes": [0]}}, r"only_classes \[0\]: must be a list of text"),
        ({"steps": 3}, r"needs \[\[steps\]\] tables"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipe_of({"steps": [{"method": "flip"}], **values})


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
