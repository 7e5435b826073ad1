"""Checking an output against its records: structure, counts and contents.

All reading is done by tasks (`rereading`), in processes that may die of what they read. What is
wrong is told as a list of problems; an error is raised only when there is nothing to look at.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from augtool.engines import open_engine
from augtool.engines.inline import INLINE
from augtool.errors import UsageError, WorkerDied
from augtool.fields import SEAL, seal_of
from augtool.pipeline.workdir import size_of
from augtool.sinks._contract import Facts, Fault
from augtool.sinks._manifest import CROISSANT, README
from augtool.system import resources
from augtool.system.child import start_server
from augtool.system.inventory import MANIFEST
from augtool.system.progress import Listener, Progress
from augtool.verification import digest, read_back
from augtool.verification.checksums import check_records
from augtool.verification.read_back import Look, Shard
from augtool.verification.session import Problem, Verifying

_TASK_BYTES = 32 << 20
_TASK_ROWS = 2048
_TASK_FILES = 256
_SMALL_BYTES = 32 << 20
_NOT_OURS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


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
            Problem(f"what it says of itself cannot be understood ({read_back.words(error)})")
        )
    except WorkerDied:
        state.problems.append(
            Problem("the process that read it died, so it is damaged; the rest was not looked at")
        )
    finally:
        read_back.forget()
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
    check_records(state, look)
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
    look = state.one(read_back.look)
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
    return 1 if small else resources.workers_for(block_bytes=_TASK_BYTES)


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
        if name not in files and name not in (MANIFEST.as_posix(), README, CROISSANT):
            state.problems.append(Problem("is not in the manifest: it was added", name))
    names = iter(files)
    batches = iter(lambda: tuple(itertools.islice(names, _TASK_FILES)), ())
    todo = (
        (tuple((name, str(state.path / name), *files[name]) for name in batch),)
        for batch in batches
    )
    for _, faults in state.each(read_back.file_faults, todo):
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
    for (_, shard, *_), faults in state.each(read_back.faults, todo):
        for fault in faults:
            state.note(fault, shard.file)


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
