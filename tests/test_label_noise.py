"""Label noise: wrong classes at a share, the same in every copy, with the true ones kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.errors import UsageError
from augtool.inspection.cite import paragraph
from augtool.job import Job
from augtool.mixing import label_noise
from augtool.mixing.label_noise import Noise
from augtool.pipeline.render_job import render_job
from augtool.recipe.recipe import Reading, Recipe, step
from augtool.recipe.sampling import Sampling
from augtool.targets import UNKNOWN, Target
from augtool.verification.rerender import Input, compare
from augtool.verification.verify import Findings, verify

CLASSES = 7
MADE: dict[str, dict[str, Any]] = {
    "mixed.h5": {},
    "sparse.h5": {"labels_as": "sparse"},
    "mixed.tar": {"encode": "png"},
    "arrays": {"format": "npy"},
    "mixed.parquet": {"encode": "png"},
    "folder": {"format": "folder", "encode": "png"},
}


@pytest.fixture
def source(tmp_path: Path) -> str:
    """330 images of noise of seven classes."""
    path = tmp_path / "in.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(3).integers(0, 256, (330, 6, 5, 3), np.uint8)
        file["labels"] = np.arange(330) * CLASSES // 330
    return str(path)


@pytest.fixture
def made(source: str, tmp_path: Path) -> Callable[..., Path]:
    """Make an output with small blocks: ``made("a.h5", label_noise=0.4)``."""

    def make(name: str, method: str = "cutmix", **given: Any) -> Path:
        fields = {one.name for one in dataclasses.fields(Recipe)}
        recipe = {key: given.pop(key) for key in set(given) & fields}
        steps = (step(method),)
        job = Job(source, str(tmp_path / name), Recipe(steps, block_rows=64, **recipe), **given)
        augtool.run(dataclasses.replace(job, workers=0))
        return tmp_path / name

    return make


def checked(path: Path, source: str) -> Findings:
    again = partial(compare, given=Input((source,)), sample=None)
    return verify(str(path), workers=0, further=again)


def noisy_classes(target: Target, share: float, seed: int = 0) -> np.ndarray:
    rows = np.arange(len(target.values))
    mislabelled, places = label_noise.noisy(target, rows[:, None], Noise(share, seed))
    return np.asarray(mislabelled.values[places[:, 0]])


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_share_of_rows_gets_another_class_and_all_others_are_as_likely(share: float) -> None:
    true = np.full(70_000, 2)
    drawn = noisy_classes(Target("classes", true, CLASSES), share)
    counts = np.bincount(drawn, minlength=CLASSES) / len(true)
    deviation = np.sqrt(share * (1 - share) / len(true))
    assert counts[2] == pytest.approx(1 - share, abs=4 * deviation + 1e-12)
    others = np.delete(counts, 2)
    assert others == pytest.approx(share / (CLASSES - 1), abs=4 * np.sqrt(0.2 / len(true)))


def test_a_row_is_mislabelled_the_same_whichever_rows_are_asked_for() -> None:
    target = Target("classes", np.arange(1000) % CLASSES, CLASSES)
    whole = noisy_classes(target, 0.5)
    src = np.array([[998, 3], [3, -1], [500, 998]])
    some, places = label_noise.noisy(target, src, Noise(0.5, 0))
    assert np.array_equal(
        np.where(src < 0, -1, whole[src]), np.where(places < 0, -1, some.values[places])
    )
    assert not np.array_equal(whole, noisy_classes(target, 0.5, seed=1))
    named = dataclasses.replace(target, name="color")
    assert not np.array_equal(whole, noisy_classes(named, 0.5))


def test_what_is_not_known_stays_so() -> None:
    assert (noisy_classes(Target("classes", np.full(100, UNKNOWN), 3), 1.0) == UNKNOWN).all()


def test_labels_are_those_of_the_wrong_classes_and_the_true_ones_are_kept(
    made: Callable[..., Path], source: str
) -> None:
    with h5py.File(source) as file:
        true = file["labels"][:]
    noise = {"label_noise": 0.4, "copies": 2, "seed": 5}
    with (
        augtool.open(made("n.h5", **noise)) as noisy,
        augtool.open(made("c.h5", copies=2, seed=5)) as clean,
    ):
        assert np.array_equal(noisy.images[:], clean.images[:])
        assert np.array_equal(noisy.field("label_clean")[:], clean.field("label")[:])
        wrong = noisy_classes(Target("classes", true, CLASSES), 0.4, seed=5)
        assert 0.3 < (wrong != true).mean() < 0.5
        src, weight = noisy.field("src")[:], noisy.field("weight")[:]
        expected = np.zeros((660, CLASSES))
        for row in range(660):
            for slot in range(2):
                expected[row, wrong[src[row, slot]]] += weight[row, slot]
        assert np.allclose(noisy.labels[:], expected, atol=1e-6)
        assert np.array_equal(noisy.field("label")[:], np.argmax(noisy.labels[:], axis=1))
        assert "label_clean" not in clean.fields


@pytest.mark.parametrize("name", MADE)
def test_every_format_keeps_it_and_is_verified_and_rendered_again(
    made: Callable[..., Path], source: str, tmp_path: Path, name: str
) -> None:
    path = made(name, label_noise=0.4, **MADE[name])
    with augtool.open(path) as output, augtool.open(made("c.h5")) as clean:
        assert np.array_equal(output.field("label_clean")[:], clean.field("label")[:])
        digest = output.digest
    found = checked(path, source)
    assert (found.problems, found.compared) == ((), 330)
    again = tmp_path / f"again-{name}"
    augtool.run(render_job(str(path), [source], str(again), workers=0, **MADE[name]))
    with augtool.open(again) as output:
        assert output.digest == digest


def test_verify_finds_a_true_label_put_back(made: Callable[..., Path], source: str) -> None:
    path = made("n.h5", label_noise=1.0, method="smooth")
    with h5py.File(path, "r+") as file:
        file["labels"][4] = np.eye(CLASSES)[file["label_clean"][4]]
    found = checked(path, source)
    assert {(one.field, one.low) for one in found.problems} >= {("labels", 4)}


def test_what_is_held_out_has_its_true_labels(made: Callable[..., Path], source: str) -> None:
    path = made("n.h5", label_noise=1.0, sampling=Sampling(holdout=0.2))
    with h5py.File(source) as file, augtool.open(path.with_name("n-validation.h5")) as held:
        assert np.array_equal(held.field("label")[:], file["labels"][:][held.field("src")[:, 0]])
        assert "label_clean" not in held.fields
    assert checked(held.path, source).problems == ()


def test_a_citation_says_so(made: Callable[..., Path]) -> None:
    text = paragraph(augtool.open(made("n.h5", label_noise=0.4, label_smoothing=0.1)))
    assert "label smoothing 0.1 and label noise 0.4" in text


def test_labels_that_cannot_be_wrong_are_refused(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "values.h5", "w") as file:
        file["images"], file["labels"] = np.zeros((40, 6, 5, 3), "u1"), np.linspace(0, 1, 40)
    given = ("cutmix", "--out", tmp_path / "m.h5", "--in", tmp_path / "values.h5")
    code, _, said = cli(*given, "--label-noise", 0.2)
    assert (code, said.count("\n")) == (2, 1)
    assert "--label-noise 0.2 needs one class per row" in said
    code, _, said = cli(*given, "--label-noise", 1.5)
    assert (code, "label_noise 1.5: must be in 0…1" in said) == (2, True)
    with pytest.raises(UsageError, match="have one class only"):
        label_noise.check(Target("classes", np.zeros(3, np.int64), 1), 0.5)


def test_several_targets_have_noise_of_their_own_and_names_that_would_meet_are_refused(
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["images"] = np.zeros((90, 6, 5, 3), "u1")
        for name in ("color", "shape", "clean_color"):
            file[name] = np.arange(90) % 3

    def run(*targets: str) -> augtool.Output:
        reading = Reading(label_key=targets)
        recipe = Recipe((step("smooth"),), label_noise=0.5, reading=reading)
        job = Job(str(tmp_path / "in.h5"), str(tmp_path / "m.h5"), recipe, workers=0)
        augtool.run(job)
        return augtool.open(job.output)

    with pytest.raises(UsageError, match="label_clean_color would be two fields"):
        run("color", "clean_color")
    with run("color", "shape") as output:
        assert np.array_equal(output.field("label_clean_color"), output.field("label_clean_shape"))
        assert not np.array_equal(output.field("label_color"), output.field("label_shape"))


@pytest.mark.parametrize("name", ("mixed.h5", "mixed.tar", "arrays", "mixed.parquet"))
def test_an_output_with_noise_is_an_input_with_its_wrong_labels(
    made: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    path = made(name, "smooth", label_noise=0.5, order="shuffled", **MADE[name])
    job = Job(str(path), str(tmp_path / "again.h5"), Recipe((step("smooth"),)), workers=0)
    augtool.run(job)
    with augtool.open(path) as first, augtool.open(job.output) as again:
        rows = again.field("src")[:, 0]
        assert np.array_equal(again.labels[:], np.array(first.labels[:])[rows])


def test_the_option_reaches_the_recipe_and_the_expected_label_mass(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "m.h5"
    given = ("--in", "sample:?n=300&size=8&classes=3", "--label-noise", 0.5)
    assert cli("cutmix", *given, "--out", path)[0] == 0
    with augtool.open(path) as output:
        assert output.recipe.label_noise == 0.5
        assert (output.field("label_clean")[:] != output.field("label")[:]).mean() > 0.3
    code, told, _ = cli("inspect", path, "--row", 0)
    assert (code, "label_clean" in told) == (0, True)
    code, told, _ = cli(
        "cutmix", *given, "--only-classes", "circle", "--out", tmp_path / "d.h5", "--dry-run"
    )
    mass = dict(reversed(line.split()) for line in told.splitlines()[-3:])
    assert (code, mass) == (0, {"circle": "50.0", "square": "25.0", "triangle": "25.0"})
