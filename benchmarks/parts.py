"""``python -m benchmarks.parts``: where the time of each path goes, in µs of processor time a row.

Jobs run in this process, so that nothing of another core counts; what a clock is put around is
named by `PARTS`. Reading a mapped array is a part of mixing it.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import click

import augtool
from augtool import kernels
from augtool.job import Job
from augtool.mixing import members
from augtool.mixing.inputs import open_for
from augtool.mixing.source_plan import plan_of
from augtool.pipeline import build, worker
from augtool.pipeline.workdir import Books, open_books
from augtool.planning.chain import kernels_of
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Reading
from augtool.sinks import _checksums
from augtool.sinks._checksums import Records
from augtool.sources._encoded import EncodedSource
from benchmarks import data
from benchmarks.rows import _photos

PARTS = ("plan", "read, decode", "mix", "record", "write", "labels, rest", "parent")
_RUNS = 3
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@dataclass(frozen=True)
class Way:
    """A way from an input to an output: what the table calls it, and what is asked for."""

    name: str
    source: Path
    output: str = "out.h5"
    options: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None


@click.command()
@click.option("--scratch", type=_FOLDER, help="Where made data stay for the next time.")
def main(scratch: Path | None) -> None:
    """Print a table: one path a line, one part a column."""
    with tempfile.TemporaryDirectory(prefix="augtool-", dir=scratch) as folder:
        kept = (scratch or Path(folder)) / "augtool-benchmark-data"
        kept.mkdir(exist_ok=True)
        lines = [
            ("path", *PARTS, "all", "open, s"),
            *(_line(one, Path(folder)) for one in _all(kept)),
        ]
    for line in lines:
        click.echo(f"| {' | '.join(line)} |")
        if line is lines[0]:
            click.echo(f"|{'---|' * len(line)}")


def _all(scratch: Path) -> Iterator[Way]:
    photos = data.photo_arrays(scratch, 600, 224)
    large = data.photo_folder(scratch, 600, ((375, 500), (500, 375)), 300)
    small = data.jpeg_folder(scratch, 10_000, 32)
    yield Way("32×32×3 arrays", data.arrays(scratch, 20_000, 32))
    yield Way("224×224×3 arrays", data.arrays(scratch, 2_000, 224))
    yield Way("JPEGs of 32×32", small)
    side = (_photos.SIDE, _photos.SIDE)
    yield Way("JPEGs of 500×375 → 224×224", large, size=side)
    yield Way("the same, 4 copies", large, options={"copies": 4}, size=side)
    yield Way("224×224×3 → gzip HDF5", photos, options={"compression": "gzip:4"})
    yield Way("224×224×3 → tar of PNGs", photos, "out.tar", {"encode": "png"})
    yield Way("224×224×3 → tar of JPEGs", photos, "out.tar", {"encode": "jpg:95"})


def _line(one: Way, folder: Path) -> tuple[str, ...]:
    runs = [_measured(one, folder) for _ in range(_RUNS)]
    best = min(runs, key=lambda each: sum(each[part] for part in PARTS))
    whole = sum(best[part] for part in PARTS)
    cells = (f"{best[part]:,.1f}" for part in PARTS)
    return (one.name, *cells, f"{whole:,.1f}", f"{best['open']:.2f}")


def _measured(one: Way, folder: Path) -> dict[str, float]:
    """µs a row by part, and the seconds that opening the source took."""
    copies = one.options.get("copies", 1)
    options = {key: value for key, value in one.options.items() if key != "copies"}
    recipe = augtool.Recipe(
        (augtool.step("cutmix"),), copies=copies, reading=Reading(size=one.size)
    )
    job = Job(str(one.source), str(folder / one.output), recipe, workers=0, **options)
    kernels.load((*kernels_of(recipe.steps), "resample"))
    with open_books(Path(job.output)) as books:
        return _made(job, books)


def _made(job: Job, books: Books) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    began = time.thread_time()
    source = open_for(job.recipe, job.inputs, books.scratch)
    opened = time.thread_time() - began
    plan = plan_of(job.recipe, source)
    with ExitStack() as stack:
        output = build.laid_out(job, plan, books, source, books.keep(source), (), "", stack)
        tasks = list(worker.cut(plan, output.chunk_rows, 1))
        assert output.sink is not None and output.context is not None
        stack.enter_context(_clocks(spent, type(output.sink.writer)))
        stack.enter_context(mock.patch.object(members, "may_die", lambda: True))  # as in a worker
        began, found = time.thread_time(), Records()
        for task in tasks:
            report = worker.render(output.context, task)
            at = time.thread_time()
            found.add(report.parts)
            output.sink.append(report.encoded, found)
            spent["parent"] += time.thread_time() - at
        whole = time.thread_time() - began
    worker.forget()
    spent["labels, rest"] = whole - sum(spent.values())
    return {**{part: spent[part] / plan.total * 1e6 for part in PARTS}, "open": opened}


@contextmanager
def _clocks(spent: defaultdict[str, float], writer: type[Any]) -> Iterator[None]:
    """While it lasts, the parts of `worker.render` add to ``spent``."""
    clocked: Sequence[tuple[Any, str, str]] = (
        (Plan, "draw", "plan"),
        (EncodedSource, "read", "read, decode"),
        (worker, "apply", "mix"),
        (_checksums, "crc", "record"),
        (writer, "write", "write"),
        (writer, "encoded", "write"),
    )
    with ExitStack() as stack:
        for owner, name, part in clocked:
            function = _clocked(getattr(owner, name), spent, part)
            stack.enter_context(mock.patch.object(owner, name, function))
        yield


def _clocked(
    function: Callable[..., Any], spent: defaultdict[str, float], part: str
) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[part] += time.thread_time() - began

    return timed


if __name__ == "__main__":
    main()
