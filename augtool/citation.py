"""How to cite a run: a paragraph for the methods section of a paper."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from augtool.chain import links_of
from augtool.output import Output
from augtool.params import shown
from augtool.recipe import Choice, Recipe, Step

_CLASSES = "class", "classes"


def paragraph(output: Output) -> str:
    """What was done, with the run's real parameters, counts, seed, versions and digest."""
    recipe, attributes = output.recipe, output.attributes
    shape = "×".join(map(str, output.images.shape[1:]))
    steps = " then ".join(_step(one) for one in recipe.steps)
    used = [option for link in links_of(recipe.steps) for option in link.steps]
    papers = "\n".join(dict.fromkeys(option.method.PAPER for option in used))
    return (
        f"Training images were augmented offline with augtool {attributes['augtool_version']} "
        f"by {steps}. {_passes(recipe, len(output))} were made from "
        f"{attributes['source_rows']:,} source images ({shape}, {output.images.dtype}, "
        f"{_targets(output)}) with seed {recipe.seed}{_labels(recipe)}. "
        "Each label is the weighted sum of the labels of an image's sources, with the weights "
        f"that its pixels show. Versions: {_versions(attributes['versions'])}. "
        f"Source fingerprint {attributes['source_fingerprint'][:16]}, content digest "
        f"{output.digest[:16]}.\n\n{papers}"
    )


def _step(one: Step | Choice) -> str:
    if isinstance(one, Choice):
        options = [
            f"{'no change' if option is None else _step(option)} with probability {weight:g}"
            for option, weight in zip(one.steps, one.weights, strict=True)
        ]
        return f"one of [{'; '.join(options)}]"
    values = dataclasses.asdict(one.params)
    given = [f"{name} {shown(value)}" for name, value in values.items() if value is not None]
    return f"{one.method} ({', '.join([*given, f'probability {one.prob:g}'])})"


def _passes(recipe: Recipe, rows: int) -> str:
    if recipe.num is not None:
        return f"{rows:,} images"
    passes = f"{recipe.copies} pass{'es' * (recipe.copies > 1)}"
    return f"{rows:,} images in {passes}{' and one unmixed pass' * recipe.keep_originals}"


def _targets(output: Output) -> str:
    """ "10 classes", "3 classes of color and 2 values of place"."""
    said = []
    for target in output.targets:
        width = output.labels_of(target).shape[1]
        one, many = ("value", "values") if output.kind_of(target) == "values" else _CLASSES
        counted = f"{width:,} {one if width == 1 else many}"
        said.append(f"{counted} of {target}" if target else counted)
    return " and ".join(said)


def _labels(recipe: Recipe) -> str:
    parts = {"smoothing": recipe.label_smoothing, "noise": recipe.label_noise}
    return "".join(f" and label {name} {value:g}" for name, value in parts.items() if value)


def _versions(text: str) -> str:
    found: dict[str, Any] = json.loads(text)
    return ", ".join(f"{name} {version}" for name, version in found.items())
