"""From the values of the options that commands share to readings, recipes and jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from augtool.errors import UsageError
from augtool.system import textfile

from . import param_types, sampling

if TYPE_CHECKING:
    from augtool.job import Job
    from augtool.recipe.recipe import Reading, Recipe
    from augtool.system.overlap import Place
    from augtool.verification.rerender import Input

CONFIG_FILE = "augtool.config"
"""Where a context keeps the file of ``--config``."""


def origin_from(given: Mapping[str, Any]) -> Input:
    """The source of an output, as the options in `BESIDE` and --in name it."""
    from augtool.verification.rerender import Input

    return Input(
        spec=given["input"],
        masks=given["masks"],
        labels=given["labels"],
        kind=given["in_format"],
        other_source=given["other_source"],
        grants=grants_from(given),
    )


def grants_from(given: Mapping[str, Any]) -> dict[str, Any]:
    """The limits and links that were given: what is read from a file never sets them."""
    from augtool.recipe.recipe import GRANTS

    return {name: given[name] for name in GRANTS if name in _names_given()}


def reading_from(given: Mapping[str, Any], reading: Reading | None = None) -> Reading:
    """``reading``, or the default, with the options in `READING` that were given."""
    from augtool.recipe.recipe import Reading

    chosen = _chosen(given, Reading)
    if "classes" in chosen:
        chosen["classes"] = _class_list(chosen["classes"])
    if "masks" in _names_given():
        chosen["mask_key"] = None if masks_from(given) else given["masks"]
    return dataclasses.replace(reading or Reading(), **chosen)


def _chosen(given: Mapping[str, Any], fields_of: Any) -> dict[str, Any]:
    """The values of the options that were given for fields of a dataclass."""
    names = {field.name for field in dataclasses.fields(fields_of)} & _names_given()
    return {name: value for name, value in given.items() if name in names}


def _names_given() -> set[str]:
    """The options that have a value from the command line or a file, not their default."""
    context = click.get_current_context()
    return {
        name
        for name in context.params
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def masks_from(given: Mapping[str, Any]) -> str | None:
    """The folder that ``--masks`` names; None when it names an array or nothing."""
    masks: str | None = given["masks"]
    return masks if masks is not None and Path(masks).is_dir() else None


def recipe_from(given: Mapping[str, Any], recipe: Recipe) -> Recipe:
    """``recipe`` with the options in `READING` and `RECIPE` that were given: they beat its own."""
    from augtool.recipe.recipe import Recipe

    chosen = _chosen(given, Recipe)
    if chosen.get("copies") == param_types.ENDLESS:  # an endless stream is the job's affair
        del chosen["copies"]
    if "num" in chosen and chosen.get("copies", 1) != 1:
        raise UsageError("--num says how many rows to make, so --copies cannot: give one")
    if "copies" in chosen:
        chosen = {"num": None, **chosen}
    reading = reading_from(given, recipe.reading)
    sampled = sampling.sampling_from(given, _names_given(), recipe.sampling)
    return dataclasses.replace(recipe, **chosen, reading=reading, sampling=sampled)


def job_from(given: Mapping[str, Any], recipe: Recipe) -> Job:
    """The `Job` of a recipe and all shared options."""
    from augtool.job import Job

    return Job(
        input=given["input"][0],
        more_inputs=given["input"][1:],
        output=given["output"],
        masks=masks_from(given),
        labels=given["labels"],
        listing=given["listing"],
        scratch=given["scratch"],
        in_format=given["in_format"],
        recipe=recipe_from(given, recipe),
        workers=given["workers"],
        format=given["format"],
        shards=given["shards"],
        shard_size=given["shard_size"],
        index=given["index"],
        compression=given["compression"],
        encode=given["encode"],
        labels_as=given["labels_as"],
        out_layout=given["out_layout"],
        copy=given["copy"],
        endless=given["copies"] == param_types.ENDLESS,
        task_index=given["task_index"],
        num_tasks=given["num_tasks"],
        on_error=given["on_error"],
        errors=given["errors"],
        max_errors=given["max_errors"],
        holdout_output=given["holdout_out"] and str(given["holdout_out"]),
        strict=given["strict"],
        resume=given["resume"],
        overwrite=given["overwrite"],
    )


def check_talk(output: str, *, as_json: bool) -> None:
    """Raise `UsageError` when JSON would be printed into data."""
    if output == "-" and as_json:
        raise UsageError("--json prints on stdout, where --out - has the data: give one")


def check_picture(
    option: str, file: Path, read: Sequence[Place], written: Sequence[Place], *, overwrite: bool
) -> None:
    """Raise `UsageError` unless a picture can be put at ``file``, apart from all that is ``read``
    and else ``written``; `OutputExists` when something else than an older picture is there."""
    from augtool.preview.grid import check_free

    if file.suffix.lower() != ".png":
        raise UsageError(f"{option} {file}: the preview is a PNG; end its name in .png")
    check_apart(option, file, read, written)
    check_free(file, option, overwrite=overwrite)


def check_apart(
    option: str, file: Path, read: Sequence[Place], written: Sequence[Place] = ()
) -> None:
    """Raise `UsageError` when ``file`` is in no folder, or is one of the files, or lies in one of
    the folders, that are ``read`` or else ``written``; or when one of those is read here."""
    from augtool.system import mounts, overlap

    if not file.absolute().parent.is_dir():
        raise UsageError(f"{option} {file}: its folder does not exist; create it first")
    if mounts.is_mount(file):
        raise UsageError(f"{option} {file}: is a mount, which nothing can replace; choose another")
    place = overlap.Place(option, str(file))
    inputs = [*read, *files_read()]
    overlap.check(inputs, [place, *written])
    overlap.check_each_other([*written, place])
    overlap.check_links(inputs, [place], follow_links=_is_given("follow_links"))


def files_read() -> list[Place]:
    """The files that options name besides the input: recipes, lists of classes and the like."""
    from augtool.system.overlap import Place

    context = click.get_current_context()
    named = {one: context.params.get(one) for one in ("recipe", "classes", "font")}
    named["config"] = context.meta.get(CONFIG_FILE)
    return [Place(f"--{name}", str(file)) for name, file in named.items() if file is not None]


def inputs_read(given: Mapping[str, Any], *inputs: str, option: str = "--in") -> list[Place]:
    """The inputs of a command that makes no job, with what it reads beside them."""
    from augtool.sources._globs import expanded
    from augtool.system import overlap
    from augtool.system.overlap import Place

    masks = masks_from(given)
    return [
        *(Place(option, one) for one in expanded(inputs)),
        *([Place("--masks", masks)] if masks else []),
        *([Place("--labels", given["labels"])] if given["labels"] else []),
        *overlap.tables(
            ("--rows", given.get("only_rows")),
            ("--group-by", given.get("group_by")),
            ("--row-weights", given.get("row_weights")),
        ),
    ]


def _is_given(name: str) -> bool:
    return bool(click.get_current_context().params.get(name))


def _class_list(file: Path | None) -> tuple[tuple[str, str], ...] | None:
    """The lines of ``--classes``: (folder, caption) each."""
    if file is None:
        return None
    try:
        lines = textfile.text_of(file).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--classes {file}: {error}; it must be a UTF-8 text file") from None
    pairs = [line.rstrip().partition("\t") for line in lines if line.strip()]
    folders = [folder for folder, _, _ in pairs]
    twice = {folder for folder in folders if folders.count(folder) > 1}
    if twice or not folders:
        fault = f"{min(twice)!r} is listed twice" if twice else "the file lists no class"
        raise UsageError(f"--classes {file}: {fault}; give one class folder a line")
    return tuple((folder, caption or folder) for folder, _, caption in pairs)
