"""A recipe survives being written as TOML, run, and read back from the output."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import augtool
from augtool.errors import UsageError
from augtool.job import Job
from augtool.recipe.recipe import Choice, Reading, Recipe, Step, one_of, step
from augtool.recipe.sampling import Sampling
from augtool.recipe.toml import read_recipe, recipe_from_toml, to_toml

shares = st.floats(0, 1)
above = st.floats(1e-6, 1e6)
pair = st.tuples(shares, shares).map(lambda two: tuple(sorted(two)))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
size = st.tuples(st.integers(1, 9999), st.integers(1, 9999))


def made(method: str, **params: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries({}, optional={"prob": st.none() | shares, **params}).map(
        lambda given: step(method, **given)
    )


plain = st.one_of(
    made("cutmix", alpha=above, box_sampler=st.sampled_from(["clip", "inside"])),
    made("cutmix", ratio_range=pair),
    made("mixup", lam=shares),
    made("flip"),
    made("erase", fill=st.sampled_from(["noise", "mean", "1,2.5,-3"]), count=st.integers(1, 9)),
    made("mosaic", centre_range=pair),
    made("jigsaw", grid=st.integers(2, 8)),
)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    options = draw(st.lists(st.none() | plain, min_size=1, max_size=4))
    parts = [draw(st.integers(1, 9)) for _ in options]
    return one_of(*((part / sum(parts), one) for part, one in zip(parts, options, strict=True)))


readings = st.builds(
    Reading,
    size=st.none() | size,
    fit=st.sampled_from(["crop", "stretch", "pad"]),
    background=st.tuples(*[st.integers(0, 255)] * 3),
    mode=st.none() | st.sampled_from(["L", "RGB", "L16"]),
    classes=st.none() | st.lists(st.tuples(text, text), min_size=1, max_size=3).map(tuple),
    split=st.none() | text,
    label_key=st.none() | st.lists(text, min_size=1, max_size=3).map(tuple),
    label_missing=st.none() | text,
    label_base=st.sampled_from([0, 1]),
)
samplings = st.builds(
    Sampling,
    pair=st.sampled_from(["any", "other-class", "same-class"]),
    only_classes=st.none() | st.lists(text, min_size=1, max_size=3, unique=True).map(tuple),
    per_class=st.none() | st.integers(1, 99),
    rows=st.none() | text,
    carry=st.lists(text, max_size=2, unique_by=lambda key: key.rpartition("/")[2]).map(tuple),
)
recipes = st.builds(
    Recipe,
    steps=st.lists(plain | choices(), min_size=1, max_size=5).map(tuple),
    seed=st.integers(0, 2**63),
    copies=st.integers(1, 99),
    num=st.none() | st.integers(1, 10**12),
    keep_originals=st.booleans(),
    limit=st.none() | st.integers(2, 99),
    order=st.sampled_from(["shuffled", "source"]),
    label_smoothing=st.floats(0, 1, exclude_max=True),
    mask_fill=st.integers(-9, 300),
    weight_by=st.sampled_from(["area", "masks"]),
    block_rows=st.none() | st.sampled_from([2, 64, 4096]),
    reading=readings,
    sampling=samplings,
)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(patient, max_examples=60)
@given(recipe=recipes)
def test_a_recipe_written_as_toml_is_read_as_the_same_recipe(recipe: Recipe) -> None:
    written = to_toml(recipe)
    assert recipe_from_toml(written) == recipe
    assert to_toml(recipe_from_toml(written)) == written


@settings(patient, max_examples=12)
@given(
    steps=st.lists(plain | choices(), min_size=1, max_size=3),
    seed=st.integers(0, 9),
    smoothing=st.sampled_from([0.0, 0.1]),
)
def test_a_recipe_is_the_same_after_toml_a_run_and_toml(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], seed: int, smoothing: float
) -> None:
    place = tmp_path_factory.mktemp("run")
    recipe = Recipe(tuple(steps), seed=seed, num=5, label_smoothing=smoothing)
    (place / "first.toml").write_text(to_toml(recipe), encoding="utf-8")
    first = output_of(place, "first.toml")
    told = augtool.open(first).recipe
    assert unprepared(told, recipe) == recipe
    (place / "second.toml").write_text(to_toml(told), encoding="utf-8")
    second = output_of(place, "second.toml")
    assert augtool.open(second).recipe == told
    assert first.read_bytes() == second.read_bytes()


def output_of(place: Path, recipe: str) -> Path:
    output = place / f"{recipe}.h5"
    job = Job("sample:?n=20&size=8&classes=3", str(output), read_recipe(place / recipe), workers=0)
    augtool.run(job)
    return output


def unprepared(told: Recipe, given: Recipe) -> Recipe:
    """A recipe without what a run has added of its source: ``erase`` notes its colours."""

    def bare(one: Any, was: Any) -> Any:
        if isinstance(one, Choice):
            return Choice(tuple(map(bare, one.steps, was.steps)), one.weights)
        if one is None or one.method != "erase":
            return one
        notes = {"mean": was.params.mean, "std": was.params.std, "fill": was.params.fill}
        return step("erase", prob=one.prob, **{**vars(one.params), **notes})

    return Recipe(**{**vars(told), "steps": tuple(map(bare, told.steps, given.steps))})


def test_the_toml_reads_as_its_author_would_write_it() -> None:
    chain = (step("flip"), one_of((0.5, step("mixup", alpha=0.2)), (0.5, None)))
    table = tomllib.loads(to_toml(Recipe(chain, seed=3, reading=Reading(size=(32, 48)))))
    assert table["steps"] == [
        {"method": "flip", "prob": 0.5},
        {
            "one_of": [
                {"weight": 0.5, "method": "mixup", "prob": 1.0, "alpha": 0.2},
                {"weight": 0.5, "method": "none"},
            ]
        },
    ]
    assert (table["seed"], table["reading"]["size"]) == (3, [32, 48])
    assert "num" not in table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[steps]\n", "is not TOML: "),
        ("seed = 1\n", r"recipe: it needs \[\[steps\]\] tables"),
        ('sed = 1\n[[steps]]\nmethod = "flip"', "unknown parameter 'sed'; did you mean 'seed'"),
        ('reading = 3\n[[steps]]\nmethod = "flip"', r"reading 3: must be a table, \[reading\]"),
        (
            '[[steps]]\nmethod = "flip"\n[[steps]]\nmethod = "cutmix"\nalfa = 1',
            "step 2: cutmix: unknown parameter 'alfa'; did you mean 'alpha'",
        ),
        (
            '[[steps]]\none_of = [{method = "cutmix", weight = 0.5}]',
            "step 1: one_of: the weights sum to 0.5, not to 1",
        ),
        ('[[steps]]\nmethod = "cutmax"', "step 1: there is no method 'cutmax'; did you mean"),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_file_the_step_and_the_key(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "r.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=f"r.toml: .*{said}") as error:
        read_recipe(file)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: No such file"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'seed = "\xe9"')
    with pytest.raises(UsageError, match=r"latin\.toml: is not UTF-8"):
        read_recipe(tmp_path / "latin.toml")
