"""The runs that an output was made by, and the commands that make it again."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from augtool.outputs.output import Output
from augtool.outputs.shards import PARTS
from augtool.params import shown
from augtool.recipe.recipe import Choice, Reading, Recipe, Step, recipe_from_json
from augtool.recipe.sampling import Sampling
from augtool.sinks import _manifest

_OTHER_NAMES = {"mask_key": "masks"}  # where an option is not called as its field
_RECIPE_FILE = "recipe.toml"


def recipes_of(output: Output) -> tuple[Recipe, ...]:
    """The recipe of the run; of merged outputs those of all runs, if their steps are the same, so
    that the fields mean the same in all rows; else none."""
    attributes = output.attributes
    if PARTS not in attributes:
        return (output.recipe,)
    parts = json.loads(attributes[PARTS])
    texts = [part.get("recipe", attributes.get("recipe")) for part in parts]
    recipes = tuple(recipe_from_json(text) for text in texts)
    same = all(one.steps == recipes[0].steps for one in recipes)
    return recipes if same else ()


def commands(output: Output) -> tuple[str, ...]:
    """What to type to make an output again, with ``DATA`` and ``FILE`` for the paths, of which an
    output keeps none."""
    recipe = output.recipe
    place = _place(output)
    command = _command(recipe)
    if command is not None:
        return (f"{command} --in DATA {place}",)
    name = shlex.quote(output.path.name)
    return (
        f"augtool inspect {name} --recipe > {_RECIPE_FILE}",
        f"augtool mix --recipe {_RECIPE_FILE} --in DATA {place}",
    )


def _place(output: Output) -> str:
    """The options that say where an output goes and in which form."""
    suffix = output.path.suffix if output.path.is_file() else ""
    parts = [f"--out FILE{suffix}"]
    if output.path.is_dir():
        parts.append(f"--format {_manifest.read(output.path)['format']}")
    if output.encode and output.encode != "npy":
        parts.append(f"--encode {output.encode}")
    if any(name == "classes" or name.startswith("classes_") for name in output.fields):
        parts.append("--labels-as sparse")
    if output.layout == "NCHW":
        parts.append("--out-layout NCHW")
    return " ".join(parts)


def _command(recipe: Recipe) -> str | None:
    """The command of a recipe without its paths; None where only a recipe file says it all."""
    if recipe.block_rows is not None or recipe.reading.classes is not None:
        return None
    if any("#" in value for value in _files(recipe.sampling)):  # a file, of which there is a hash
        return None
    if any("," in name for name in recipe.sampling.only_classes or ()):
        return None
    of_recipe = ("steps", "seed", "block_rows", "reading", "sampling")
    options = [
        f"--seed {recipe.seed}",
        *_changed(recipe, Recipe(recipe.steps), of_recipe),
        *_changed(recipe.reading, Reading()),
        *_changed(recipe.sampling, Sampling()),
    ]
    (first, *more) = recipe.steps
    if more or isinstance(first, Choice):
        steps = " ".join(shlex.quote(_step(one)) for one in recipe.steps)
        return " ".join([f"augtool mix {steps}", *options])
    return " ".join([f"augtool {first.method}", *_params(first), *options])


def _files(sampling: Sampling) -> Iterator[str]:
    for value in (sampling.group_by, sampling.row_weights, sampling.rows):
        if value is not None:
            yield value


def _params(step: Step) -> Iterator[str]:
    """A method's own options."""
    for name, value in _given(step).items():
        if isinstance(value, bool):
            if value:
                yield f"--{_dashed(name)}"
        else:
            yield f"--{_dashed(name)} {shlex.quote(_exact(value))}"


def _step(one: Step | Choice) -> str:
    """A step as `augtool mix` takes it: ``cutmix alpha=1.0``, ``0.5 cutmix | 0.5 none``."""
    if isinstance(one, Choice):
        options = zip(one.weights, one.steps, strict=True)
        return " | ".join(
            f"{weight!r} {'none' if step is None else _step(step)}" for weight, step in options
        )
    return " ".join([one.method, *(f"{name}={_exact(v)}" for name, v in _given(one).items())])


def _given(step: Step) -> dict[str, Any]:
    """The parameters of a step that have a value, and its probability."""
    names = [field.name for field in dataclasses.fields(step.params)]
    values = {name: getattr(step.params, name) for name in names}
    given = {name: value for name, value in values.items() if value is not None}
    return {**given, "prob": step.prob}


def _changed(value: Any, default: Any, skipped: tuple[str, ...] = ()) -> Iterator[str]:
    """An option for each field that is not its default, save those that are ``skipped``."""
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        if field.name in skipped or given == getattr(default, field.name):
            continue
        option = f"--{_dashed(_OTHER_NAMES.get(field.name, field.name))}"
        if isinstance(given, bool):
            yield option
        elif field.name == "size":
            yield f"{option} {given[0]}x{given[1]}"
        elif field.name in ("label_key", "label_column", "carry"):  # may be repeated
            yield from (f"{option} {shlex.quote(one)}" for one in given)
        else:
            yield f"{option} {shlex.quote(_exact(given))}"


def _exact(value: Any) -> str:
    """A value as it is typed, to the last digit."""
    if isinstance(value, tuple):
        return ",".join(map(_exact, value))
    return repr(value) if isinstance(value, float) else shown(value)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def attribute(attributes: Mapping[str, Any], name: str) -> Any:
    """An attribute; of merged outputs that of the first part where the parts differ."""
    if name in attributes:
        return attributes[name]
    parts = json.loads(attributes.get(PARTS, "[{}]"))
    return parts[0].get(name)
