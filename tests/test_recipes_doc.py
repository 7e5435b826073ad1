"""Every recipe of docs/recipes.md runs, and makes the labels that the page says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import augtool
from augtool.outputs.output import Output

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
SECTIONS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
Cli = Callable[..., tuple[int, str, str]]

TAGS = (np.arange(90).reshape(30, 3) * 7 % 5 < 2).astype(np.float32)
AGES = np.linspace(20, 80, 30, dtype=np.float32)
TABLE = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
OUTCOME = np.arange(40) % 2


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inputs that the page speaks of."""
    place = tmp_path_factory.mktemp("recipes")
    rng = np.random.default_rng(0)
    for number in range(24):
        name = f"{('cat', 'dog', 'emu')[number % 3]}/{number}.png"
        mask = np.zeros((48, 40), np.uint8)
        mask[10:30, 5:25] = number % 3 + 1
        photo = rng.integers(0, 256, (48, 40, 3), np.uint8)
        for folder, pixels in (("cifar", photo[:32, :32]), ("photos", photo), ("masks", mask)):
            file = place / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    for number in range(66):
        name = "rare" if number < 6 else ("often", "common")[number % 2]
        file = place / "uneven" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    images = rng.integers(0, 256, (30, 16, 16, 3), np.uint8)
    for name, labels in (("tags", TAGS), ("ages", AGES)):
        with h5py.File(place / f"{name}.h5", "w") as file:
            file["images"], file["labels"] = images, labels
    clips = rng.normal(size=(30, 24, 40)).astype(np.float32)
    for name, sound in (("clips", clips), ("waves", clips.reshape(30, -1))):
        with h5py.File(place / f"{name}.h5", "w") as file:
            file["images"], file["labels"] = sound, np.arange(30) % 3
    np.savez(place / "table.npz", features=TABLE, outcome=OUTCOME)
    return place


@pytest.mark.parametrize(("title", "text"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_a_recipe_runs_as_it_is_written(
    title: str, text: str, inputs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inputs)
    lines = re.findall(r"`(augtool [^`]+)`", text)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
        if language == "toml":
            Path(code.split("\n", 1)[0].removeprefix("# ")).write_text(code, encoding="utf-8")
        else:
            assert language == "sh"
            lines += code.splitlines()
    assert lines, title
    for line in lines:
        code, _, err = cli(*shlex.split(line)[1:])
        assert code == 0, f"{line}\n{err}"
        made = re.search(r"--out (\S+\.h5)", line)
        if made:
            CHECKS[made[1]](augtool.open(made[1]))


def cifar(output: Output) -> None:
    assert output.images.shape == (240, 32, 32, 3)
    check_sums(output)
    assert 60 < (output.field("weight")[:, 1] == 0).sum() < 180  # about half were not mixed


def switch(output: Output) -> None:
    check_sums(output)
    hot = output.labels[:].max(axis=1)
    assert hot.max() == pytest.approx(0.9 + 0.1 / 3)
    assert set(output.field("choice_option")[:].tolist()) == {0, 1}
    assert output.labels[:].min() >= np.float32(0.1 / 3)


def uneven(output: Output) -> None:
    check_sums(output)
    src, names = output.field("src")[:], output.class_names
    assert names == ("common", "often", "rare")
    classes = np.repeat([0, 1, 2], [30, 30, 6])
    assert np.ptp(np.bincount(classes[src[:, 0]])) <= 1  # as often the base
    assert (classes[src[:, 0]] != classes[src[:, 1]]).all()
    mass = output.labels[:].sum(axis=0)
    assert mass.max() < 1.2 * mass.min()


def segmented(output: Output) -> None:
    check_sums(output)
    ids = set(np.unique(output.masks[:]).tolist())
    assert ids == {0, 1, 2, 3, 255}
    boxes = output.field("cutout_box")[:, 0]
    for mask, (y0, x0, y1, x1) in zip(output.masks, boxes, strict=True):
        assert (mask[y0:y1, x0:x1] == 255).all()


def by_object(output: Output) -> None:
    check_sums(output)
    assert not np.array_equal(output.field("weight")[:], output.field("area_weight")[:])


def tagged(output: Output) -> None:
    assert "label" not in output.fields
    mixed = (output.field("weight")[:][..., None] * TAGS[output.field("src")[:]]).sum(axis=1)
    np.testing.assert_allclose(output.labels[:], mixed * 0.9 + 0.05, atol=1e-6)


def blended(output: Output) -> None:
    mixed = (output.field("weight")[:] * AGES[output.field("src")[:]]).sum(axis=1)
    np.testing.assert_allclose(output.labels[:, 0], mixed, rtol=1e-5)


def table(output: Output) -> None:
    assert output.images.shape == (240, 12)
    assert np.array_equal(output.images[:40], TABLE[output.field("src")[:40, 0]])
    check_sums(output)
    weight, src = output.field("weight")[:], output.field("src")[:]
    for row in range(40, 240):
        parts = weight[row, :, None] * TABLE[src[row]]
        np.testing.assert_allclose(output.images[row], parts.sum(axis=0), atol=1e-5)


def clips(output: Output) -> None:
    assert output.images.shape == (30, 24, 40)
    assert (output.images[:] == 0).any(axis=(1, 2)).all()
    check_sums(output)


def train(output: Output) -> None:
    check_sums(output)
    held = augtool.open("train-validation.h5")
    assert len(output) == 4 * 18
    assert len(held) == 6
    assert np.ptp(held.labels[:].sum(axis=0)) == 0
    assert not set(held.field("src")[:, 0]) & set(output.field("src")[:].ravel())


def more(output: Output) -> None:
    check_sums(output)
    first, second = (augtool.open(f"{name}-validation.h5") for name in ("train", "more"))
    assert np.array_equal(first.images[:], second.images[:])


def check_sums(output: Output) -> None:
    np.testing.assert_allclose(output.labels[:].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(output.field("weight")[:].sum(axis=1), 1, atol=1e-6)


CHECKS: dict[str, Callable[[Output], None]] = {
    "cifar.h5": cifar,
    "switch.h5": switch,
    "uneven.h5": uneven,
    "segmented.h5": segmented,
    "by-object.h5": by_object,
    "tagged.h5": tagged,
    "blended.h5": blended,
    "table.h5": table,
    "clips-mixed.h5": clips,
    "waves-mixed.h5": check_sums,
    "train.h5": train,
    "more.h5": more,
}


def test_every_check_belongs_to_a_recipe() -> None:
    text = PAGE.read_text("utf-8")
    assert [name for name in CHECKS if name not in text] == []
