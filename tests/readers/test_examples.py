"""The examples learn from what augtool makes, on a few small images."""

from __future__ import annotations

import csv
import importlib.util
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAMPLE = "sample:?n=150&size=16&classes=3"
SMALL = ("--data", SAMPLE, "--size", "16", "--threads", "1", "--epochs", "3")
Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _deterministic() -> Any:
    """As it was before, for the other tests of the group."""
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """An example as a module; it finds the others beside it, as a script does."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def numbers(log: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What must be the same again; seconds are not."""
    return [tuple(value for key, value in line.items() if "seconds" not in key) for line in log]


@pytest.mark.parametrize("recipe", ["keras", "usual"])
def test_resnet_learns_by_both_recipes(
    example: Callable[[str], ModuleType], tmp_path: Path, recipe: str
) -> None:
    script = example("train_cifar10")
    given = (*SMALL, "--recipe", recipe, "--rate", "0.002", "--batch", "16", "--out", str(tmp_path))
    log = script.train(script.options_of(given))
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert log[-1]["train_loss"] < log[0]["train_loss"]
    with (tmp_path / "log.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["test_accuracy"]) for line in lines] == [one["test_accuracy"] for one in log]


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(
    example: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    script = example("train_cifar10")
    given = (*SMALL, "--recipe", "usual", "--rate", "0.01", "--batch", "32")
    given = (*given, "--scratch", str(tmp_path / "rows"))
    whole = script.train(script.options_of((*given, "--out", str(tmp_path / "whole"))))
    parts = (*given, "--out", str(tmp_path / "parts"))
    first = script.train(script.options_of((*parts, "--stop-after", "1")))
    assert numbers(first) == numbers(whole[:1])
    assert numbers(script.train(script.options_of(parts))) == numbers(whole)
    with pytest.raises(SystemExit, match="has a run with other options"):
        script.train(script.options_of((*parts, "--seed", "1")))


def test_arms_of_a_seed_begin_with_one_state(
    example: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    script = example("train_cifar10")
    given = (*SMALL, "--initial", str(tmp_path / "initial.pt"))
    first = script.Trainer(script.options_of(given), 3, 3).model.state_dict()
    torch.rand(3)
    again = script.Trainer(script.options_of((*given, "--seed", "9")), 3, 3).model.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_each_epoch_is_a_copy_in_a_new_or_in_one_order(
    example: Callable[[str], ModuleType], make: Make
) -> None:
    script = example("train_cifar10")
    copies = script.Copies(make("two.h5"))
    assert (copies.rows, copies.copies) == (150, 1)
    rows = copies.read(5)
    assert np.array_equal(rows.images.numpy(), copies.output.images[:])
    for order, same in (("shuffled", False), ("fixed", True)):
        options = script.options_of((*SMALL, "--order", order))
        orders = [script.order_of(rows, options, epoch) for epoch in range(2)]
        bases = [rows.base[one] for one in orders]
        assert np.array_equal(*bases) == same
        assert all(np.array_equal(np.sort(one), np.arange(150)) for one in orders)


def test_rows_come_through_a_pipe(
    example: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = example("train_cifar10")
    places = str(Path(sys.executable).parent), os.environ["PATH"]
    monkeypatch.setenv("PATH", os.pathsep.join(places))
    command = f"augtool cutmix --in {shlex.quote(SAMPLE)} --copies inf --out - --format tar -q"
    stream = script.Stream(f"{command} --encode png", 150)
    second = stream.read(1)  # the first is passed over, as a run that goes on does
    stream.close()
    recipe = script.augtool.Recipe((script.step_of("cutmix"),), copies=2)
    with script.augtool.open(script.made(SAMPLE, recipe, tmp_path)) as output:
        assert np.array_equal(second.images.numpy(), output.images[150:])
        assert np.array_equal(second.labels.numpy(), output.labels[150:])


def test_mixing_in_the_loop_has_the_label_that_the_pixels_show(
    example: Callable[[str], ModuleType],
) -> None:
    script = example("train_cifar10")
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 12, 9, 3)
    rows = script.Rows(images, torch.eye(5), np.arange(5))
    random = np.random.default_rng(4)
    mixed, labels = script.cutmix_in_the_loop(images, rows.labels, rows, 1.0, random)
    shown = torch.stack([(mixed[..., 0] == one).float().mean((1, 2)) for one in range(5)], 1)
    assert torch.allclose(shown, labels, atol=1e-6)
    assert ((labels > 0).sum(1) == 2).any()


def test_features_are_mixed_at_every_layer(
    example: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    example("train_cifar10")
    script = example("feature_mix")
    given = ("--data", SAMPLE, "--size", "16", "--threads", "1", "--epochs", "3")
    given = (*given, "--scratch", str(tmp_path), "--batch", "16")
    for layer in ("image", "stage2"):
        options = script.options_of((*given, "--layer", layer, "--out", str(tmp_path / layer)))
        log = script.train(options)
        assert log[-1]["train_loss"] < log[0]["train_loss"]


def test_mixing_images_by_the_plan_makes_the_images_of_the_output(
    example: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    base = example("train_cifar10")
    script = example("feature_mix")
    options = script.options_of(("--data", SAMPLE, "--size", "16", "--scratch", str(tmp_path)))
    for method, tolerance in (("cutmix", 0), ("mixup", 0.51)):
        recipe = base.augtool.Recipe((base.step_of(method),))
        path = base.made(SAMPLE, recipe, tmp_path)
        rows, plan = script.sources_of(options), script.Plan(path)
        src, weight, box = plan.read(0)
        first, second = (rows.images[src[:, slot]].permute(0, 3, 1, 2).float() for slot in range(2))
        made = script.mixed(first, second, weight, box if plan.has_box else None)
        expected = torch.from_numpy(np.array(plan.copies.output.images[:])).permute(0, 3, 1, 2)
        assert (made - expected).abs().max() <= tolerance


def test_the_keras_example_learns(example: Callable[[str], ModuleType], make: Make) -> None:
    history = example("train_keras").train(str(make("mixed.h5")), epochs=3)
    assert history["loss"][-1] < history["loss"][0]


def test_the_numpy_example_learns(example: Callable[[str], ModuleType], make: Make) -> None:
    losses = example("train_numpy").train(str(make("mixed.h5")), epochs=3)
    assert losses[-1] < losses[0]
