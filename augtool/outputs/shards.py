"""HDF5 outputs as parts of a larger one: which files there are, and what each holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from augtool.errors import SourceError, UsageError
from augtool.fields import Field
from augtool.recipe.recipe import Recipe, recipe_from_json
from augtool.sinks import hdf5

PARTS = "parts"
"""The attribute of a merged file: JSON, for each run that it is made of its rows, and the `FACTS`
in which the runs differ."""

FACTS = ("recipe", "source_rows", "source_fingerprint", "pass_rows", "augtool_version", "versions")
"""The attributes that say how a run made its rows; others say what the rows are."""

_NAME = re.compile(r"train-(\d{5,})-of-(\d{5,})\.h5")


@dataclass(frozen=True)
class Shard:
    """A file: its fields in the order in which they were made, its attributes, and the record
    of each field."""

    path: Path
    rows: int
    fields: tuple[Field, ...]
    attributes: Mapping[str, Any]
    records: Mapping[str, str]


@dataclass(frozen=True)
class Stretch:
    """Rows that one run has made, all of them, with its `FACTS`."""

    rows: int
    facts: Mapping[str, Any]

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return recipe_from_json(self.facts["recipe"])


@dataclass(frozen=True)
class Whole:
    """An output, in one file or all its shards, and the runs that have made its rows."""

    shards: tuple[Shard, ...]
    stretches: tuple[Stretch, ...]

    @property
    def first(self) -> Shard:
        """A shard like all others."""
        return self.shards[0]


def wholes(paths: Sequence[str]) -> tuple[Whole, ...]:
    """The outputs at ``paths``, each a file, a folder of shards, or one of all shards of a folder.

    Raises `UsageError` when a path is not there or is given twice, `SourceError` when a shard is
    missing, belongs to another run, or was not made by augtool.
    """
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in (each for one in paths for each in _files(Path(one))):
        match = _NAME.fullmatch(path.name)
        group = (path.parent, match[2]) if match else (path, "")
        if path in groups.setdefault(group, []):
            raise UsageError(f"{path}: is there twice; give it once")
        groups[group].append(path)
    return tuple(_whole(sorted(group), count) for (_, count), group in groups.items())


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder; check the path")
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if _NAME.fullmatch(one.name))
    if not found:
        raise SourceError(
            f"{path}: has no shards train-00000-of-….h5; give a folder that "
            "augtool made with --format h5"
        )
    return found


def _whole(paths: list[Path], count: str) -> Whole:
    """The output that is in these files, of which there are to be ``count``."""
    if count:
        _check_complete(paths, count)
    shards = tuple(map(_opened, paths))
    first, rows = shards[0], sum(one.rows for one in shards)
    for one in shards[1:]:
        if (one.fields, one.attributes) != (first.fields, first.attributes):
            raise SourceError(
                f"{one.path}: is of another run than {first.path.name}; give the shards of one run"
            )
    shared = {name: first.attributes[name] for name in FACTS if name in first.attributes}
    parts = json.loads(first.attributes.get(PARTS, "null")) or [{"rows": rows}]
    stretches = [Stretch(one.pop("rows"), {**shared, **one}) for one in parts]
    if any(set(one.facts) != set(FACTS) for one in stretches):
        raise SourceError(f"{first.path}: lacks attributes; make it again with this augtool")
    return Whole(shards, tuple(stretches))


def _check_complete(paths: list[Path], count: str) -> None:
    folder, have = paths[0].parent, {path.name for path in paths}
    width = len(count)
    names = [f"train-{number:0{width}}-of-{count}.h5" for number in range(int(count))]
    missing = [name for name in names if name not in have]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SourceError(
            f"{folder}: of {len(names)} shards {missing[0]}{more} is missing; "
            "bring all shards of the run together"
        )


def _opened(path: Path) -> Shard:
    try:
        stored = hdf5.read(path)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SourceError(f"{path}: cannot be read as an output of augtool ({error})") from error
    facts = stored.facts
    return Shard(path, stored.rows, facts.fields, facts.attributes, facts.records)
