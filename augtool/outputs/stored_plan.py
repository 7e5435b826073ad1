"""A plan that was stored, in an output or as CSV: read, checked, and made into rows without a draw.

The CSV is what ``augtool plan --out`` saves: a line ``# augtool-plan {…}`` with what the plan
belongs to, headings, and a line for each row with the values in full.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import versions
from augtool.errors import AugtoolError, SourceError, UsageError
from augtool.fields import Field
from augtool.mixing import source_map
from augtool.mixing.replay import Record, block_of
from augtool.mixing.row_info import known_of
from augtool.mixing.rows import plan_fields
from augtool.outputs import output
from augtool.outputs.shards import PARTS
from augtool.planning.block import Block, Ints
from augtool.planning.bounds import wrong
from augtool.planning.chain import Link, links_of
from augtool.planning.plan import Plan, check_sources, weighed
from augtool.recipe.recipe import Recipe, recipe_from_json, without_grants
from augtool.recipe.sampling import Sampling
from augtool.sources._contract import Source
from augtool.sources._origin import check_origin
from augtool.system import strict_json
from augtool.system.child import isolated

Array = npt.NDArray[Any]

_MARK = "# augtool-plan "
_AT_ONCE = 1 << 14
_MOST_LINE = 1 << 24
_FACTS = ("recipe", "source_rows", "source_fingerprint", "pass_rows")


@dataclass(frozen=True)
class SavedPlan:
    """What was stored of a plan: ``columns`` has src and what the steps drew, (M, …) each, mapped
    from files. ``attributes`` are those of the output, or of the first line of the CSV; ``images``
    is the shape of a row, channels last, and its dtype."""

    path: str
    recipe: Recipe
    rows: int
    images: tuple[tuple[int, ...], str]
    columns: Mapping[str, Array]
    attributes: Mapping[str, Any]

    @property
    def split(self) -> Any:
        """``train``, or ``validation``."""
        return self.attributes.get("split", "train")


def first_line(plan: Plan, source: Source, start: int, stop: int) -> str:
    """The line of a CSV that says what its rows start … stop−1 belong to."""
    facts = {
        "rows": [start, stop],
        "total": plan.total,
        "recipe": plan.recipe.as_json(),
        "images": [list(plan.shape), source.dtype.str],
        "source_rows": source.n,
        "source_fingerprint": source.fingerprint,
        "pass_rows": plan.n,
        "augtool_version": versions.of("augtool"),
        "measured": not any(link.measures for link in plan.links),
    }
    return _MARK + json.dumps(facts, ensure_ascii=True)


def load(path: str, scratch: Path) -> SavedPlan:
    """Read a stored plan, with its columns as files in ``scratch``, in a process that may die.

    Raises `UsageError` for what is no whole plan of one run, `SourceError` for what is damaged.
    """
    _check_place(path)
    rows, images, attributes = isolated(_staged, path, str(scratch))
    recipe = _recipe(path, attributes)
    columns = {
        one.name: np.load(scratch / f"plan-{one.name}.npy", mmap_mode="r", allow_pickle=False)
        for one in _fields(recipe)
    }
    return SavedPlan(path, recipe, rows, images, columns, attributes)


def attributes_of(path: str) -> dict[str, Any]:
    """What a stored plan says of itself. Raises as `load`."""
    _check_place(path)
    found: dict[str, Any] = isolated(_attributes, path)
    return found


def recipe_in(path: str, attributes: Mapping[str, Any]) -> Recipe:
    """The recipe that the rows of a plan are made by: labels that are held out are as they are. It
    sets no limits and follows no links."""
    recipe = without_grants(_recipe(path, attributes))
    if attributes.get("split") == "validation":
        return dataclasses.replace(recipe, label_smoothing=0.0, label_noise=0.0)
    return recipe


def _check_place(path: str) -> None:
    place = Path(path)
    if not place.exists():
        raise UsageError(f"{path}: there is no such file or folder; check the path")
    if not place.is_dir() and not place.is_file():  # opening a pipe would wait for ever
        raise UsageError(f"{path}: is no regular file, so not a plan")


def plan_again(
    saved: SavedPlan,
    source: Source,
    files: Sequence[str] | None = None,
    follow: bool = False,
) -> Plan:
    """The plan whose rows are made of what was stored; ``files`` are the source's, in which links
    are followed or not.

    Raises `UsageError` when the source is another one (unless there are no ``files``: then it may
    be) or of another shape, and `SourceError` for values that no plan can have, with the column and
    the row.
    """
    if files is not None:
        check_origin(saved.path, saved.attributes, source, files, follow)
    assert source.shape is not None
    _check_images(saved, source)
    plan = Plan(
        saved.recipe,
        int(saved.attributes["pass_rows"]),
        source.shape,
        source.dtype.itemsize,
        split=saved.split,
        carried=known_of(Sampling(carry=saved.recipe.sampling.carry), source).carried,
    )
    if plan.total != saved.rows:
        raise UsageError(
            f"{saved.path}: has {saved.rows:,} rows of the {plan.total:,} that its recipe makes; "
            "give the whole output, or the folder with all shards"
        )
    for link in plan.links:
        for option in link.steps:
            option.method.check_shape(option.step.params, source.shape)
    _check_columns(saved, plan, source)
    return dataclasses.replace(plan, stored=functools.partial(_block, saved, source, plan.n))


def _block(saved: SavedPlan, source: Source, pass_rows: int, rows: Ints) -> Block:
    """The block of some output rows, rising."""

    @functools.cache
    def plan() -> Plan:
        from augtool.mixing.source_plan import plan_of

        drawn = plan_of(saved.recipe, source)
        if drawn.n != pass_rows:
            raise SourceError(
                f"{saved.path}: a partner was cut off by num, and cannot be drawn again: images "
                "were left out"
            )
        return drawn

    record = Record(saved.recipe, saved.rows, saved.columns.__getitem__, plan)
    block = dataclasses.replace(block_of(record, rows, source), measured=True)
    _check_weights(saved, block, rows, plan_shape=source.shape or ())
    return block


def _check_weights(saved: SavedPlan, block: Block, rows: Ints, plan_shape: tuple[int, ...]) -> None:
    """Raise `SourceError` when a row's stored weights are not what its geometry implies."""
    if "weight" not in saved.columns:
        return
    implied = source_map.weighed(weighed(block, plan_shape), plan_shape).weight
    stored = np.asarray(saved.columns["weight"][rows])
    bad = np.any(stored != implied, axis=1)  # NaN is unequal to all
    if bad.any():
        at = int(np.argmax(bad))
        slot = int(np.argmax(stored[at] != implied[at]))
        raise SourceError(
            f"{saved.path}: weight {slot} of row {int(rows[at])} is {stored[at, slot]:g}, but its "
            f"geometry gives {implied[at, slot]:g}; the plan was edited or damaged: save it again"
        )


def _fields(recipe: Recipe) -> tuple[Field, ...]:
    """The fields of an output that a plan needs."""
    links = links_of(recipe.steps)
    slots = math.prod(link.slots for link in links)
    check_sources(slots)  # before each has a column, and a name
    sources = [Field("src", "<i8", (slots,))]
    if recipe.weight_by == "area":  # else weights come from the masks, too
        sources.append(Field("weight", "<f4", (slots,)))
    return (*sources, *plan_fields(links))


def _recipe(path: str, attributes: Mapping[str, Any]) -> Recipe:
    if PARTS in attributes:
        raise UsageError(f"{path}: was merged of several runs; render each by itself")
    missing = [name for name in _FACTS if name not in attributes]
    if missing:
        raise SourceError(f"{path}: does not say its {missing[0]}; the file is damaged")
    try:
        if int(attributes["pass_rows"]) < 1 or int(attributes["source_rows"]) < 1:
            raise ValueError("it has no rows")
        return recipe_from_json(str(attributes["recipe"]))
    except UsageError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SourceError(f"{path}: its recipe cannot be read ({error})") from error


# In the child.


Staged = tuple[int, tuple[tuple[int, ...], str], dict[str, Any]]


def _staged(path: str, scratch: str) -> Staged:
    """Write the columns of a plan to files: how many rows there are, what they are, and the
    attributes."""
    with _damage(path):
        if _is_csv(path):
            return _staged_csv(path, Path(scratch))
        return _staged_output(path, Path(scratch))


def _attributes(path: str) -> dict[str, Any]:
    with _damage(path):
        if _is_csv(path):
            with Path(path).open(encoding="utf-8", newline="") as file:
                return _facts_of_csv(path, file.readline(_MOST_LINE))
        with output.open(path) as opened:
            return dict(opened.attributes)


@contextlib.contextmanager
def _damage(path: str) -> Iterator[None]:
    """What others' readers raise becomes a `SourceError`."""
    try:
        yield
    except (AugtoolError, MemoryError):
        raise
    except Exception as error:
        raise SourceError(
            f"{path}: cannot be read as a plan ({' '.join(str(error).split())}); "
            "the file is damaged"
        ) from error


def _is_csv(path: str) -> bool:
    return Path(path).suffix.lower() == ".csv"


def _staged_output(path: str, scratch: Path) -> Staged:
    with output.open(path) as opened:
        attributes = dict(opened.attributes)
        rows = len(opened)
        for one in _fields(_recipe(path, attributes)):
            if one.name not in opened.fields:
                raise SourceError(f"{path}: has no {one.name}, which its recipe draws")
            values = opened.field(one.name)
            if (values.shape, np.dtype(values.dtype)) != ((rows, *one.shape), np.dtype(one.dtype)):
                raise SourceError(
                    f"{path}: {one.name} is {values.shape} of {values.dtype}, and its recipe makes "
                    f"{(rows, *one.shape)} of {np.dtype(one.dtype)}"
                )
            file = _column_file(scratch, one, rows)
            for low in range(0, rows, _AT_ONCE):
                file[low : low + _AT_ONCE] = values[low : low + _AT_ONCE]
            file.flush()
        images = opened.field("images")
        shape, dtype = tuple(images.shape[1:]), np.dtype(images.dtype).str
        if opened.layout == "NCHW":
            shape = (*shape[1:], shape[0])
    return rows, (shape, dtype), attributes


def _column_file(scratch: Path, one: Field, rows: int) -> Any:
    path = scratch / f"plan-{one.name}.npy"
    return np.lib.format.open_memmap(path, "w+", np.dtype(one.dtype), (rows, *one.shape))


def _staged_csv(path: str, scratch: Path) -> Staged:
    with Path(path).open(encoding="utf-8", newline="") as file:
        attributes = _facts_of_csv(path, file.readline(_MOST_LINE))
        fields = _fields(_recipe(path, attributes))
        table = csv.reader(file)
        places = _places(path, next(table, []), fields)
        rows = int(attributes["rows"][1])
        files = {one.name: _column_file(scratch, one, rows) for one in fields}
        done = 0
        while lines := list(itertools.islice(table, _AT_ONCE)):
            if done + len(lines) > rows:
                raise SourceError(
                    f"{path}: has more rows than the {rows:,} that its first line says"
                )
            _check_numbers(path, lines, done)
            for one in fields:
                values = _parsed(path, lines, one, places[one.name], done)
                files[one.name][done : done + len(lines)] = values
            done += len(lines)
        if done != rows:
            raise SourceError(
                f"{path}: has {done:,} of the {rows:,} rows that its first line says; it was cut "
                "short: save it again"
            )
        for each in files.values():
            each.flush()
    shape, dtype = attributes["images"]
    return rows, (tuple(map(int, shape)), np.dtype(dtype).str), attributes


def _facts_of_csv(path: str, line: str) -> dict[str, Any]:
    if not line.startswith(_MARK):
        raise UsageError(
            f"{path}: its first line does not say what it is a plan of; save plans with "
            "augtool plan … --out FILE.csv"
        )
    facts: dict[str, Any] = strict_json.loads(line.removeprefix(_MARK))
    start, stop = facts["rows"]
    if start != 0 or stop != facts["total"]:
        raise UsageError(
            f"{path}: has rows {start}…{stop - 1} of {facts['total']:,}; save the whole plan, "
            "without --rows"
        )
    if not facts["measured"]:
        raise UsageError(
            f"{path}: a step looks at pixels, which a plan does not; give an output instead"
        )
    return facts


def _places(path: str, headings: Sequence[str], fields: Sequence[Field]) -> dict[str, list[int]]:
    """Where in a line the values of each field are."""
    at = {name: place for place, name in enumerate(headings)}
    if headings[:1] != ["row"] or len(at) != len(headings):
        raise SourceError(f"{path}: its second line is not the headings of a plan")
    places = {}
    for one in fields:
        names = [f"{one.name}_{index}" for index in range(math.prod(one.shape))]
        names = names if one.shape else [one.name]
        missing = [name for name in names if name not in at]
        if missing:
            raise SourceError(f"{path}: has no column {missing[0]}, which its recipe draws")
        places[one.name] = [at[name] for name in names]
    return places


def _check_numbers(path: str, lines: Sequence[Sequence[str]], first: int) -> None:
    for row, line in enumerate(lines, start=first):
        if not line or line[0] != str(row):
            raise SourceError(f"{path}: line {row + 3} is not row {row}; rows come in order")


def _parsed(
    path: str, lines: Sequence[Sequence[str]], one: Field, places: Sequence[int], first: int
) -> Array:
    """(m, *shape) the values of a field in some lines."""
    dtype = np.dtype(one.dtype)
    number: Any = float if dtype.kind == "f" else int
    out = np.empty((len(lines), len(places)), dtype)
    for at, line in enumerate(lines):
        try:
            for column, place in enumerate(places):
                out[at, column] = number(line[place])
        except (ValueError, IndexError, OverflowError) as error:
            raise SourceError(
                f"{path}: {one.name} of row {first + at} is no {dtype.name} ({error})"
            ) from None
    return out.reshape(len(lines), *one.shape)


# Whether what was read is a plan.


def _check_images(saved: SavedPlan, source: Source) -> None:
    """Raise `UsageError` when the rows of a plan do not have the shape of the source's."""
    shape, dtype = saved.images
    if (shape, np.dtype(dtype)) != (source.shape, source.dtype):
        raise UsageError(
            f"{saved.path}: its rows are {_times(shape)} {np.dtype(dtype).name}, and those of --in "
            f"{_times(source.shape or ())} {source.dtype.name}"
        )


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _check_columns(saved: SavedPlan, plan: Plan, source: Source) -> None:
    """Raise `SourceError` that names the first column and row with a value that no plan can have:
    kernels check nothing."""
    for name, rows, values in _slices(saved, ["src"]):
        bad = (values >= source.n) | (values < -1)
        bad[:, 0] |= values[:, 0] < 0
        _refuse(saved, name, rows, np.any(bad, axis=1), f"the source has rows 0…{source.n - 1}")
    for link in plan.links:
        _check_link(saved, plan, link)


def _check_link(saved: SavedPlan, plan: Plan, link: Link) -> None:
    if link.choice:
        for name, rows, values in _slices(saved, [f"{link.choice}_option"]):
            bad = (values < -1) | (values >= len(link.options))
            _refuse(saved, name, rows, bad, f"there are {len(link.options)} to choose from")
    size = "×".join(map(str, plan.shape))
    for option in link.steps:
        for column in option.columns:
            for name, rows, values in _slices(saved, [f"{option.name}_{column.name}"]):
                bad = wrong(column, values, plan.shape)
                _refuse(saved, name, rows, bad, f"no plan over images of {size} has such a value")
        for name, rows, values in _slices(saved, [f"{option.name}_partner"]):
            off = np.any((values < -1) | (values >= plan.passes * plan.n), axis=1)
            _refuse(saved, name, rows, off, f"there are {plan.passes * plan.n:,} rows")


def _slices(saved: SavedPlan, names: Sequence[str]) -> Iterator[tuple[str, int, Array]]:
    """(name, first row, values) of the columns that are there, some rows at a time."""
    for name in names:
        if name in saved.columns:
            for low in range(0, saved.rows, _AT_ONCE):
                yield name, low, np.asarray(saved.columns[name][low : low + _AT_ONCE])


def _refuse(saved: SavedPlan, name: str, first: int, bad: Array, why: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        value = np.asarray(saved.columns[name][first + row]).tolist()
        raise SourceError(
            f"{saved.path}: {name} of row {first + row} is {value}: {why}; the plan is damaged"
        )
