"""Comparing the rows of an output with its records, block by block as its plan has them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.outputs.shards import PARTS
from augtool.planning.plan import Plan, pieces
from augtool.recipe.recipe import recipe_from_json
from augtool.sinks._checksums import Records
from augtool.sinks._contract import Fault
from augtool.verification import read_back
from augtool.verification.read_back import Look, Shard, Stretch
from augtool.verification.session import Problem, Verifying

_TASK_BYTES = 32 << 20
_SHARD = re.compile(r"train-(\d{5,})-of-(\d{5,})\..+")


def check_records(state: Verifying, look: Look) -> None:
    """Read all rows; what does not fit the recipe and the records becomes a problem."""
    stages = _parts(state, look)
    if stages is not None:
        _check_rows(state, look, stages)
        _check_records(state, look, stages)


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
            Problem(f"its recipe cannot be understood ({read_back.words(error)})")
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
    for (_, batch, _), found in state.each(read_back.read, calls):
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
    facts = state.one(read_back.facts_of_shard, shard.file)
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
