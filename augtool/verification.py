"""Checking an output against its records: structure, counts and contents.

All reading is done by tasks (`rereading`), in processes that may die of what they read. What is
wrong is told as a list of problems; an error is raised only when there is nothing to look at.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from augtool import digest, machine, rereading
from augtool.books import MANIFEST, size_of
from augtool.engines import open_engine
from augtool.errors import UsageError, WorkerDied
from augtool.isolate import start_server
from augtool.job import INLINE
from augtool.plan import Plan, pieces
from augtool.recipe import recipe_from_json
from augtool.records import Records
from augtool.rereading import Look, Shard, Stretch
from augtool.run import Listener, Progress
from augtool.schema import SEAL, seal_of
from augtool.shards import PARTS
from augtool.sinks._contract import Facts, Fault

Result = TypeVar("Result")

_TASK_BYTES = 32 << 20
_TASK_ROWS = 2048
_TASK_FILES = 256
_SMALL_BYTES = 32 << 20
_IN_FLIGHT = 4  # tasks per worker
_NOT_OURS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
_SHARD = re.compile(r"train-(\d{5,})-of-(\d{5,})\..+")


@dataclass(frozen=True)
class Problem:
    """What is wrong: in a file (by its path in the output; empty for the output itself), a field of
    it (or empty), the rows ``low`` … ``high``−1 of the output (or None)."""

    what: str
    file: str = ""
    field: str = ""
    low: int | None = None
    high: int | None = None

    def __str__(self) -> str:
        rows = ""
        if self.low is not None and self.high is not None:
            one = self.high - self.low == 1
            rows = f"row {self.low}" if one else f"rows {self.low}…{self.high - 1}"
        where = " of ".join(filter(None, (self.field, rows)))
        return ": ".join(filter(None, (self.file, where, self.what)))


@dataclass(frozen=True)
class Findings:
    """What was looked at and what is wrong: nothing, when there are no ``problems``.

    ``compared`` is how many rows were made again from their plan; ``digest`` is there when it was
    asked for and everything could be read; ``notes`` say what was not looked at.
    """

    path: str
    rows: int
    files: int
    fields: tuple[str, ...]
    compared: int
    digest: str | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass
class Verifying:
    """A verification that is going on."""

    path: Path
    engine: Executor
    workers: int
    tell: Callable[[int], None]
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def apart(self) -> bool:
        """Whether tasks run in processes of their own."""
        return self.workers != INLINE

    def note(self, fault: Fault, file: str = "") -> None:
        """Take in what a task found."""
        self.problems.append(Problem(fault.what, file, fault.field, fault.low, fault.high))

    def one(self, function: Callable[..., Result], *args: Any) -> Result:
        """What one task returns."""
        return self.engine.submit(function, str(self.path), *args, self.apart).result()

    def each(
        self, function: Callable[..., Result], todo: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[tuple[Any, ...], Result]]:
        """What tasks return, in their order, each after what it was given."""
        waiting: deque[tuple[tuple[Any, ...], Future[Result]]] = deque()
        for args in todo:
            waiting.append((args, self.engine.submit(function, *args)))
            if len(waiting) >= _IN_FLIGHT * max(self.workers, 1):
                given, future = waiting.popleft()
                yield given, future.result()
        while waiting:
            given, future = waiting.popleft()
            yield given, future.result()


Further = Callable[[Verifying, Look], int]
"""More that is looked at: returns how many rows were made again."""


def verify(
    path: str,
    *,
    with_digest: bool = False,
    workers: int | None = None,
    listener: Listener | None = None,
    further: Further | None = None,
    further_rows: Callable[[int], int] = lambda _rows: 0,
) -> Findings:
    """Check an output, a file or a folder, against its records; ``further`` is asked after that.

    Raises `UsageError` when there is nothing at ``path``.
    """
    place = Path(path)
    if not os.path.lexists(place):
        raise UsageError(f"{path}: there is no such file or folder; check the path")
    began = time.perf_counter()
    workers = _workers(place) if workers is None else workers
    if workers != INLINE:
        start_server()
    state = Verifying(place, None, workers, lambda _rows: None)  # type: ignore[arg-type]
    found = Findings(path, 0, 0, (), 0, None, (), (), 0.0)
    try:
        with open_engine(workers) as engine:
            state.engine = engine
            found = _verified(state, found, with_digest, listener, further, further_rows)
    except _NOT_OURS as error:
        state.problems.append(
            Problem(f"what it says of itself cannot be understood ({rereading.words(error)})")
        )
    except WorkerDied:
        state.problems.append(
            Problem("the process that read it died, so it is damaged; the rest was not looked at")
        )
    finally:
        rereading.forget()
        digest.forget()
    return dataclasses.replace(
        found,
        problems=_merged(state.problems),
        notes=tuple(state.notes),
        seconds=time.perf_counter() - began,
    )


def _verified(
    state: Verifying,
    found: Findings,
    with_digest: bool,
    listener: Listener | None,
    further: Further | None,
    further_rows: Callable[[int], int],
) -> Findings:
    look = _looked(state)
    if look is None:
        return found
    total = look.rows * (1 + with_digest) + further_rows(look.rows)
    state.tell = _teller(listener, total, state.workers)
    found = dataclasses.replace(
        found,
        rows=look.rows,
        files=len(look.shards) if look.files is None else len(look.files),
        fields=tuple(one.name for one in look.facts.fields),
    )
    if look.files is not None:
        _check_files(state, look.files)
    _check_seal(state, look.facts)
    _check_faults(state, look.shards)
    parts = _parts(state, look)
    if parts is not None:
        _check_rows(state, look, parts)
        _check_records(state, look, parts)
    if further is not None:
        found = dataclasses.replace(found, compared=further(state, look))
    if with_digest:
        found = dataclasses.replace(found, digest=_digest(state, look.rows))
    return found


def _looked(state: Verifying) -> Look | None:
    """What the output says of itself; None, with a problem, when it says nothing."""
    if not state.path.is_dir() and not state.path.is_file():  # opening a pipe would wait for ever
        state.problems.append(Problem("is no regular file, so not an output of augtool"))
        return None
    look = state.one(rereading.look)
    if isinstance(look, Fault):
        state.note(look)
        return None
    return look


def _workers(place: Path) -> int:
    """At least one: what is damaged can kill the process that reads it."""
    try:
        small = size_of(place) < _SMALL_BYTES
    except OSError:
        small = True
    return 1 if small else machine.workers_for(block_bytes=_TASK_BYTES)


def _teller(listener: Listener | None, total: int, workers: int) -> Callable[[int], None]:
    began, done = time.perf_counter(), 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        if listener is not None:
            listener(Progress(done, total, workers, time.perf_counter() - began))

    tell(0)
    return tell


def _check_files(state: Verifying, files: Mapping[str, tuple[int, str]]) -> None:
    """Compare a folder with its manifest, file by file."""
    for name in _names(state.path):
        if name not in files and name != MANIFEST.as_posix():
            state.problems.append(Problem("is not in the manifest: it was added", name))
    names = iter(files)
    batches = iter(lambda: tuple(itertools.islice(names, _TASK_FILES)), ())
    todo = (
        (tuple((name, str(state.path / name), *files[name]) for name in batch),)
        for batch in batches
    )
    for _, faults in state.each(rereading.file_faults, todo):
        state.problems += [Problem(what, name) for name, what in faults]


def _names(folder: Path, below: str = "") -> Iterator[str]:
    """All that lies in a folder, by its path from there on; links are not followed."""
    with os.scandir(folder / below) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _names(folder, f"{below}{entry.name}/")
        else:
            yield below + entry.name


def _check_seal(state: Verifying, facts: Facts) -> None:
    """Compare the attributes and what the fields are with their record."""
    if SEAL not in facts.attributes:
        state.problems.append(Problem(f"has no record of its attributes ({SEAL})"))
    elif facts.attributes[SEAL] != seal_of(facts.fields, facts.attributes):
        state.problems.append(
            Problem("its attributes or the types of its fields are not what was written")
        )


def _check_faults(state: Verifying, shards: Sequence[Shard]) -> None:
    """Have each file looked at as its format knows it."""
    todo = (
        (str(state.path), shard, low, min(low + _TASK_ROWS, shard.stop - shard.start), state.apart)
        for shard in shards
        for low in range(0, max(shard.stop - shard.start, 1), _TASK_ROWS)
    )
    for (_, shard, *_), faults in state.each(rereading.faults, todo):
        for fault in faults:
            state.note(fault, shard.file)


@dataclass(frozen=True)
class Stage:
    """Rows of one run in an output, from ``at`` on, and as much of its plan as says where its
    blocks begin; ``first`` is the plan's row that the first of them is."""

    number: int
    at: int
    rows: int
    first: int
    plan: Plan


def _parts(state: Verifying, look: Look) -> list[Stage] | None:
    """The runs that have made an output; None, with a problem, when it does not say it."""
    try:
        return _stages(state, look)
    except Exception as error:
        state.problems.append(
            Problem(f"its recipe cannot be understood ({rereading.words(error)})")
        )
        return None


def _stages(state: Verifying, look: Look) -> list[Stage]:
    attributes, images = look.facts.attributes, look.facts.fields[0]
    parts = json.loads(attributes.get(PARTS, "null")) or [{"rows": look.rows}]
    stages, at = [], 0
    for number, part in enumerate(parts):
        facts = {**attributes, **part}
        plan = Plan(
            recipe_from_json(facts["recipe"]),
            int(facts["pass_rows"]),
            images.shape,
            np.dtype(images.dtype).itemsize,
            split=facts.get("split", "train"),
        )
        runs = look.runs or ((_first_of(state.path, plan, look.rows), look.rows),)
        if len(parts) > 1:
            runs = ((0, int(part["rows"])),)
        for first, rows in runs:
            stages.append(Stage(number, at, rows, first, plan))
            at += rows
    return stages


def _first_of(path: Path, plan: Plan, rows: int) -> int:
    """The plan's row that the first of a file is: not 0 when it is a shard by its name."""
    match = _SHARD.fullmatch(path.name)
    if match is None or rows == plan.total:
        return 0
    return plan.total * int(match[1]) // int(match[2])


def _check_rows(state: Verifying, look: Look, stages: Sequence[Stage]) -> None:
    """Compare the number of rows with what the recipe makes."""
    if look.runs is not None and look.files is None:  # perhaps a part of a stream
        return
    if _SHARD.fullmatch(state.path.name) or not stages:
        return
    covered = sum(stage.rows for stage in stages)
    if look.rows != covered:
        state.problems.append(
            Problem(f"has {look.rows:,} rows, and says that its runs have {covered:,}")
        )
    wanted = sum({stage.number: stage.plan.total for stage in stages}.values())
    if look.rows != wanted:
        state.problems.append(
            Problem(f"has {look.rows:,} rows, and its recipe makes {wanted:,} of its source")
        )


def _check_records(state: Verifying, look: Look, stages: Sequence[Stage]) -> None:
    """Read all rows and compare them with the records."""
    in_order = any(one.plan.recipe.order == "source" for one in stages)
    if in_order and any(one.plan.recipe.sampling.alike for one in stages):
        state.notes.append(
            "the records were not checked: in source order, and with pairs of one class, only the "
            "source says which rows form a block; compare rows with --in"
        )
        return
    known, unread = _read(state, look, stages, scattered=in_order)
    problems = _differences(state, look, known, unread)
    if problems and in_order:  # shards that were merged: a block has adjacent rows
        again, unread = _read(state, look, stages, scattered=False)
        if not _differences(state, look, again, unread):
            problems = []
    state.problems += problems


def _read(
    state: Verifying, look: Look, stages: Sequence[Stage], scattered: bool
) -> tuple[Records, set[tuple[str, str]]]:
    """The records of what is there, and (file, field) of what cannot be read."""
    known, unread = Records(), set[tuple[str, str]]()
    row_bytes = sum(one.row_bytes for one in look.facts.fields)
    todo = _tasks(_stretches(look.shards, stages, scattered), max(1, _TASK_BYTES // row_bytes))
    calls = ((str(state.path), batch, state.apart) for batch in todo)
    for (_, batch, _), found in state.each(rereading.read, calls):
        known.add(found.parts)
        for fault in found.faults:
            file = _file_of(look.shards, fault.low or 0)
            unread.add((file, fault.field))
            state.note(fault, file)
        state.tell(sum(len(one) for one in batch))
    return known, unread


def _stretches(
    shards: Sequence[Shard], stages: Sequence[Stage], scattered: bool
) -> Iterator[Stretch]:
    """All rows as parts of blocks, none in two shards."""
    borders = sorted({edge for shard in shards for edge in (shard.start, shard.stop)})
    for stage in stages:
        plan, end = stage.plan, stage.at + stage.rows
        edges = [stage.at, *(one for one in borders if stage.at < one < end), end]
        for low, high in itertools.pairwise(edges):
            at, first = low, stage.first + low - stage.at
            for one in pieces(plan, first, first + high - low):
                rows: Any = (at, len(one))
                if scattered:
                    members = plan.members(one.number, one.block)[one.low : one.high]
                    rows = stage.at + one.number * plan.n + members
                number = (stage.number << 32) + one.number
                yield Stretch(number, one.block, one.low, one.high, at, rows)
                at += len(one)


def _tasks(stretches: Iterable[Stretch], most: int) -> Iterator[tuple[Stretch, ...]]:
    """Stretches of about ``most`` rows together."""
    batch: list[Stretch] = []
    for one in stretches:
        batch.append(one)
        if sum(map(len, batch)) >= most:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def _differences(
    state: Verifying, look: Look, known: Records, unread: set[tuple[str, str]]
) -> list[Problem]:
    """The fields of which the records do not fit what is there."""
    problems: list[Problem] = []
    names = {one.name for one in look.facts.fields}
    for shard in look.shards if look.files is not None else ():
        if shard.file:
            problems += _shard_differences(state, look, shard, known, unread)
    told = {one.field for one in problems} | {field for _, field in unread}
    found = known.digests()
    for name in sorted(names | set(look.facts.records)):
        if look.rows == 0 or (name in names and name in told):
            continue
        wrong = _difference(name, found, look.facts.records)
        if wrong:
            problems.append(Problem(wrong, "", name, 0, look.rows))
    return problems


def _shard_differences(
    state: Verifying, look: Look, shard: Shard, known: Records, unread: set[tuple[str, str]]
) -> list[Problem]:
    facts = state.one(rereading.facts_of_shard, shard.file)
    if isinstance(facts, Fault):
        return [Problem(facts.what, shard.file)]
    problems = []
    by_name = {one.name: one for one in facts.fields}
    if by_name != {one.name: one for one in look.facts.fields} or dict(facts.attributes) != dict(
        look.facts.attributes
    ):
        problems.append(
            Problem("its fields or attributes are not those of the manifest", shard.file)
        )
    found = known.digests(shard.start, shard.stop)
    for name in sorted(set(found) | set(facts.records)):
        if (shard.file, name) not in unread:
            wrong = _difference(name, found, facts.records)
            if wrong:
                problems.append(Problem(wrong, shard.file, name, shard.start, shard.stop))
    return problems


def _difference(name: str, found: Mapping[str, str], records: Mapping[str, str]) -> str | None:
    if name not in records:
        return "has no record"
    if name not in found:
        return "has a record, and is not there"
    return None if found[name] == records[name] else "is not what was written, by its record"


def _file_of(shards: Sequence[Shard], row: int) -> str:
    return next((one.file for one in shards if one.start <= row < one.stop), "")


def _digest(state: Verifying, rows: int) -> str | None:
    """The digest, or None, with a problem, when not all can be decoded."""
    said = state.one(digest.described)
    if isinstance(said, Fault):
        state.note(said)
        return None
    slices: list[Mapping[str, bytes]] = []
    todo = ((str(state.path), low, state.apart) for low in range(0, rows, digest.ROWS))
    for (_, low, _), one in state.each(digest.slice_digests, todo):
        state.tell(min(digest.ROWS, rows - low))
        if isinstance(one, Fault):
            state.note(dataclasses.replace(one, high=min(one.high or rows, rows)))
        else:
            slices.append(one)
    return digest.folded(said, slices) if len(slices) == -(-rows // digest.ROWS) else None


def _merged(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems, those of adjacent rows as one."""
    found: list[Problem] = []
    for one in problems:
        last = found[-1] if found else None
        if (
            last is not None
            and (last.what, last.file, last.field) == (one.what, one.file, one.field)
            and last.high is not None
            and last.high == one.low
        ):
            found[-1] = dataclasses.replace(last, high=one.high)
        elif one not in found[-50:]:
            found.append(one)
    return tuple(found)
