"""How to cite a run: a paragraph for the methods section of a paper."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from augtool import versions
from augtool.methods import _catalogue
from augtool.outputs.output import Output
from augtool.params import shown
from augtool.planning.chain import links_of
from augtool.recipe.recipe import Choice, Recipe, Step

_CLASSES = "class", "classes"


def paragraph(output: Output) -> str:
    """What was done, with the run's real parameters, counts, seed, versions and digest: a paragraph
    for the methods section."""
    recipe, attributes = output.recipe, output.attributes
    shape = "×".join(map(str, output.images.shape[1:]))
    steps = " then ".join(step_in_words(one) for one in recipe.steps)
    papers = "; ".join(dict.fromkeys(map(_catalogue.in_text, methods_of(recipe))))
    return (
        f"Training images were augmented offline with augtool {attributes['augtool_version']} "
        f"by {steps} [{papers}]. {_passes(recipe, len(output))} were made from "
        f"{attributes['source_rows']:,} source images ({shape}, {output.images.dtype}, "
        f"{_targets(output)}) with seed {recipe.seed}{_labels(recipe)}. "
        "Each label is the weighted sum of the labels of an image's sources, with the weights "
        f"that its pixels show. Versions: {_versions(attributes['versions'])}. "
        f"Source fingerprint {attributes['source_fingerprint'][:16]}, digest of the records "
        f"{output.digest[:16]}."
    )


def references(output: Output) -> str:
    """BibTeX of augtool and of the papers of all methods in an output's recipe."""
    papers = dict.fromkeys(map(_catalogue.bibtex, methods_of(output.recipe)))
    return "\n\n".join([software(), *papers])


def step_in_words(one: Step | Choice) -> str:
    """ "cutmix (alpha 1, probability 1)", or what a choice is between."""
    if isinstance(one, Choice):
        words = ["no change" if option is None else step_in_words(option) for option in one.steps]
        options = [
            f"{word} with probability {weight:g}"
            for word, weight in zip(words, one.weights, strict=True)
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


def methods_of(recipe: Recipe) -> list[str]:
    """The names of the methods of a recipe, in order, each once."""
    used = [option.step.method for link in links_of(recipe.steps) for option in link.steps]
    return list(dict.fromkeys(used))


def software() -> str:
    """A BibTeX entry of augtool itself, as CITATION.cff has it."""
    return "\n".join(
        (
            "@software{augtool,",
            "  title = {{augtool: CutMix and other mixed training sets with exact soft labels}},",
            "  author = {{The augtool authors}},",
            f"  version = {{{versions.of('augtool')}}},",
            "  license = {Apache-2.0},",
            "}",
        )
    )
