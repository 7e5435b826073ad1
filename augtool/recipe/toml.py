"""A recipe as a TOML file, which people write and read, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from augtool.errors import UsageError
from augtool.recipe.recipe import GRANTS, Reading, Recipe, recipe_of
from augtool.system import textfile


def read_recipe(file: Path) -> Recipe:
    """The recipe in a file, which sets no limits, links or paths: these are for the command line.

    Raises `UsageError` that names the file, the step and the key.
    """
    try:
        recipe = recipe_from_toml(textfile.text_of(file))
        _check_grants(recipe)
        return recipe
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give a recipe in TOML") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text ({error.reason}); save it as that") from error
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def _check_grants(recipe: Recipe) -> None:
    for name in GRANTS:
        value = getattr(recipe.reading, name)
        if value != getattr(Reading(), name):
            option = f"--{name.replace('_', '-')}" + (f" {value}" if value is not True else "")
            raise UsageError(
                f"reading.{name}: a recipe sets no limits and follows no links; remove it, and "
                f"give {option} on the command line if you mean it"
            )
    for name in ("group_by", "row_weights"):
        value = getattr(recipe.sampling, name)
        if value is not None and Path(value).name != value and Path(value).is_file():
            raise UsageError(
                f"sampling.{name}: a recipe names no file by its path; remove it, and give "
                f"--{name.replace('_', '-')} {value} on the command line if you mean it"
            )


def recipe_from_toml(text: str) -> Recipe:
    """The inverse of `to_toml`; keys that are left out have their defaults.

    Raises `UsageError` when the text is not TOML, and when a key or a value is not known.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not TOML: {error}") from None
    except RecursionError:
        raise UsageError("is nested too deep for a recipe; give plain tables and lists") from None
    return recipe_of(table)


def to_toml(recipe: Recipe) -> str:
    """The whole recipe, with everything that has a value, defaults too."""
    return "".join(f"{line}\n" for line in _lines(json.loads(recipe.as_json())))


def _lines(table: dict[str, Any]) -> Iterator[str]:
    """Plain values first: what follows a heading in TOML belongs to it."""
    steps = table.pop("steps")
    given = {name: value for name, value in table.items() if value is not None}
    tables = {name: value for name, value in given.items() if isinstance(value, dict)}
    yield from _pairs({name: value for name, value in given.items() if name not in tables})
    for one in steps:
        yield from ("", "[[steps]]")
        yield from _step_lines(one)
    for name, values in tables.items():
        yield from ("", f"[{name}]")
        yield from _pairs(values)


def _step_lines(step: Mapping[str, Any]) -> Iterator[str]:
    if "one_of" not in step:
        yield from _pairs(step)
        return
    yield "one_of = ["
    for option in step["one_of"]:
        yield f"  {{ {', '.join(_pairs(option))} }},"
    yield "]"


def _pairs(values: Mapping[str, Any]) -> Iterator[str]:
    """ "alpha = 1.0" for each value; None, which TOML has no word for, is left out."""
    for name, value in values.items():
        if value is not None:
            yield f"{name} = {_written(value)}"


def _written(value: Any) -> str:
    """A value of JSON as TOML, which writes all but DEL in text the same way."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
