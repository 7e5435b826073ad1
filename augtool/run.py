"""A run, from top to bottom: source → plan → apply → sink."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from augtool import (
    error_report,
    images,
    kernels,
    label_noise,
    labels,
    left_out,
    machine,
    owners,
    rescue,
    sinks,
    worker,
)
from augtool import masks as mask_rules
from augtool import pairing as pair_rules
from augtool.apply import prepared
from augtool.block import Ints
from augtool.books import (
    Books,
    books_of,
    check_free,
    check_place,
    open_books,
    open_notes,
    publish_all,
)
from augtool.chain import kernels_of
from augtool.content import content_of
from augtool.engines import open_engine
from augtool.engines.processes import ProcessExecutor, warm_up
from augtool.errors import SourceError, UsageError, WorkerDied
from augtool.identity import files_of, skipped_before
from augtool.job import INLINE, Job
from augtool.known import known_of
from augtool.methods._contract import ChannelStatistics
from augtool.orders import check_options, rows_of
from augtool.plan import Plan, make_plan
from augtool.product import Made, Product, laid_out, make
from augtool.recipe import Recipe
from augtool.scratch import scratch_in
from augtool.sources import open_source
from augtool.sources._contract import Source, Varying
from augtool.sources._specs import expanded
from augtool.statistics import channel_statistics

_SMALL_JOB_BYTES = 32 << 20
_SCAN_ROWS = 256


@dataclass(frozen=True)
class Skipped:
    """A source row that could not be read, and why."""

    row: int
    name: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far a run is: rows done of ``total`` (None when there is no end), ``seconds`` since the
    first task. ``kept`` of them were made by an earlier run."""

    rows: int
    total: int | None
    workers: int
    seconds: float
    kept: int = 0


@dataclass(frozen=True)
class Summary:
    """What a run made.

    ``seconds`` is the pass alone, from the first task to the last report. ``decodes`` counts the
    images that were read one by one: none when the source's array is used in place.
    ``processes`` counts those that wrote rows; ``digests`` has the record of each field. ``kept``
    rows were made by an earlier run, which this one has gone on with.
    ``holdout`` is the validation output, if there is one.
    """

    output: str
    rows: int
    nbytes: int
    classes: int
    seconds: float
    decodes: int
    processes: int
    skipped: tuple[Skipped, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0
    holdout: Summary | None = None


Listener = Callable[[Progress], None]


def run(job: Job, listener: Listener | None = None) -> Summary:
    """Do a job: afterwards its output is complete, or there is none.

    ``listener`` hears how far the run is, at the start and after each task. Raises `AugtoolError`;
    when it does, and when it is interrupted, what it has finished is kept in a dot-directory beside
    the output, for a job with ``resume``, and a note on the error says so.
    """
    jobs = with_holdout(job)
    for one in jobs:
        check_options(one)
        check_output(one)
    if job.workers != INLINE:
        warm_up(_kernels_of(job.recipe))
    with (
        _open(job) as first,
        _open(*jobs[1:]) as second,
        scratch_in(job.scratch, first.scratch) as scratch,
    ):
        for one in jobs:
            check_output(one)  # again: a run that ended meanwhile has made it
        books = [first, second][: len(jobs)]
        return _run(jobs, books, scratch, listener or (lambda _progress: None))


def _run(jobs: list[Job], books: list[Books], scratch: Path, tell: Listener) -> Summary:
    """Do a job, and that of its validation output if there are two, in their books."""
    job = jobs[0]
    source = source_of(job, scratch)
    workers = workers_of(job, source)
    if workers == INLINE:
        kernels.load(_kernels_of(job.recipe))
    locks = [one.locks for one in books]
    with (
        _change_named(source),
        open_engine(workers, locks) as engine,
        ExitStack() as stack,
    ):
        kept_source = books[0].keep(source)
        if isinstance(engine, ProcessExecutor):  # while the output is planned and laid out
            layout = sinks.format_of(job.output, job.format)
            engine.prepare(worker.get_ready, kept_source, layout)
        skipped = _skipped(job, source, kept_source, engine, books[0])
        plan = _plan_for(job, source, skipped, books[0])
        plans = (plan, plan.validation())
        broken = [(one.row, one.name, one.reason) for one in skipped]
        content = content_of(files_of(job)) if job.strict else ""
        products = [
            laid_out(*each, source, kept_source, broken, content, stack)
            for each in zip(jobs, plans, books, strict=False)
        ]
        made = _make_all(products, source, engine, workers, tell)
        if not _vanishes(job):
            publish_all(books, job.overwrite)
    first, *more = (_summary(*each, source) for each in zip(products, made, strict=True))
    return dataclasses.replace(
        first,
        skipped=skipped,
        left_out=source.notes.left_out,
        warnings=(
            *source.notes.warnings,
            *plan_warnings(source, plan),
            *pair_rules.said(job.recipe.sampling.pair, made[0].unmet, made[0].rows),
            *owners.said(made[0].bare, made[0].rows),
        ),
        holdout=more[0] if more else None,
    )


@contextmanager
def _change_named(source: Source) -> Iterator[None]:
    """Where a worker dies, look whether a file that it had mapped has become shorter: then that is
    what killed it, and `InputChanged` says so."""
    try:
        yield
    except WorkerDied:
        rescue.look_again(source)
        raise


def _skipped(
    job: Job, source: Source, kept_source: Path, engine: Executor, books: Books
) -> tuple[Skipped, ...]:
    """The rows to go on without. What is not used is reported, before there are too many errors."""
    found = _broken(job, source, kept_source, engine, books)
    specs = expanded(job.inputs)
    if job.errors is not None:
        rows = (left_out.skipped(specs, source, *dataclasses.astuple(one)) for one in found)
        rest = left_out.left_out(specs, source, job.labels)
        error_report.write(job.errors, itertools.chain(rows, rest), len(specs) > 1)
    if found:
        first = f"{found[0].name}: {found[0].reason}"
        if len(found) == source.n:
            raise SourceError(f"none of the {source.n} images can be read; the first, {first}")
        error_report.check_count(len(found), job.max_errors, first)
    return found


def _plan_for(job: Job, source: Source, skipped: tuple[Skipped, ...], books: Books) -> Plan:
    """The plan of a job: drawn, or as it was stored."""
    if job.plan is None:
        return plan_of(job.recipe, source, skipped)
    from augtool.saved_plan import load, plan_again  # which needs this module to draw what is cut

    files = None if job.other_source else files_of(job)
    return plan_again(load(job.plan, books.scratch), source, files)


def _make_all(
    products: list[Product], source: Source, engine: Executor, workers: int, tell: Listener
) -> list[Made]:
    """Make the outputs, the held-out one first, since a stream may never end: it has its name
    before that begins."""
    totals = [rows_of(one.job, one.plan, one.order) for one in products]
    total = None if None in totals else sum(map(int, filter(None, totals)))
    kept = sum(product.kept for product in products)
    began, done, made = time.perf_counter(), 0, list[Made]()
    tell(Progress(kept, total, workers, 0.0, kept))
    for product in reversed(products):

        def say(rows: int, before: int = kept + done) -> None:
            tell(Progress(before + rows, total, workers, time.perf_counter() - began, kept))

        made.insert(0, make(product, source, engine, workers, say))
        done += made[0].rows - made[0].kept
        if _vanishes(products[0].job) and not _vanishes(product.job):
            product.books.publish(product.job.overwrite)
    return made


def _open(job: Job | None = None) -> AbstractContextManager[Books]:
    """The books of an output; of what leaves no output, or of none, in a temporary folder."""
    return open_notes() if job is None or _vanishes(job) else open_books(Path(job.output))


def _kernels_of(recipe: Recipe) -> tuple[str, ...]:
    of_steps = kernels_of(recipe.steps, by_objects=recipe.weight_by != "area")
    return (*of_steps, *images.kernels_of(recipe.reading))


def _vanishes(job: Job) -> bool:
    return sinks.leaves_nothing(job.output, job.format)


def _summary(output: Product, made: Made, source: Source) -> Summary:
    return Summary(
        output=output.job.output,
        rows=made.rows,
        nbytes=made.nbytes,
        classes=source.targets[0].width,
        seconds=made.seconds,
        decodes=made.decodes,
        processes=made.processes,
        digests=made.digests,
        kept=made.kept,
    )


def with_holdout(job: Job) -> list[Job]:
    """A job, and that of the validation output, if any: unmixed rows have labels as they are."""
    if job.recipe.sampling.holdout is None or job.plan is not None:
        return [job]
    if job.holdout_output is None and job.output == sinks.STDOUT:
        raise UsageError(
            "holdout: a stream has no place for what is held out; name one with --holdout-out FILE"
        )
    if job.holdout_output is None and _vanishes(job):
        return [job]
    output = Path(job.output)
    beside = output.with_name(f"{output.stem}-validation{output.suffix}")
    named = Path(job.holdout_output or beside)
    held = dataclasses.replace(
        job,
        output=str(named),
        recipe=dataclasses.replace(job.recipe, label_smoothing=0.0, label_noise=0.0),
        format=None if job.holdout_output and named.suffix else job.format,
        shards=None,
        index=None,
        copy=None,
        endless=False,
        task_index=0,
        num_tasks=1,
    )
    if not _vanishes(job) and os.path.realpath(named) == os.path.realpath(output):
        raise UsageError(f"holdout-out {named}: is the output itself; choose another place")
    return [job, held]


def check_output(job: Job) -> None:
    """Raise `UsageError` or `OutputExists` when the output must not be written."""
    if job.errors is not None:
        error_report.check_place(job.errors, job.output, expanded(job.inputs))
    if sinks.leaves_nothing(job.output, job.format):
        if job.resume:
            raise UsageError("resume: this run leaves nothing that a later one could go on with")
        return
    output = Path(job.output)
    for spec in (*expanded(job.inputs), *filter(None, (job.plan,))):
        check_place(output, spec, folder=sinks.is_folder(job.output, job.format))
    if job.resume:
        from augtool.output import is_output

        if books_of(output).exists() or is_output(str(output)):
            return  # whether it is this job's is seen once the job is known
    check_free(output, job.overwrite)


def source_of(job: Job, scratch: Path) -> Source:
    """The source of a job, as `open_for` opens it."""
    return open_for(
        job.recipe, job.inputs, scratch, job.masks, job.labels, job.in_format, job.listing
    )


def open_for(
    recipe: Recipe,
    spec: str | Sequence[str],
    scratch: Path,
    masks: str | None = None,
    labels_in: str | None = None,
    kind: str | None = None,
    listing: str | None = None,
) -> Source:
    """The source at ``spec``, with rows of one shape and targets and masks that the recipe can mix.

    ``masks`` is a folder of label images, ``labels_in`` a file of labels, ``kind`` the
    name of the input's format, ``listing`` a file that keeps its listing. Raises `UsageError` when
    images of several sizes need ``--size``, or when a step, smoothing or a weight has no meaning
    for what the source holds.
    """
    kept = None if listing is None else Path(listing)
    source = open_source(spec, recipe.reading, scratch, labels_in, kind, kept)
    if source.shape is None:
        raise cast(Varying, source).sizes_error()
    if masks is not None:
        source = mask_rules.with_folder(source, masks, scratch, recipe.mask_fill)
    for target in source.targets:
        labels.check_smoothing(target, recipe.label_smoothing)
        label_noise.check(target, recipe.label_noise)
    mask_rules.check(recipe, source.masks)
    return source


def plan_of(recipe: Recipe, source: Source, skipped: tuple[Skipped, ...] = ()) -> Plan:
    """The plan of a recipe over the rows of a source that can be read."""
    assert source.shape is not None
    good = None
    if skipped:
        good = np.setdiff1d(np.arange(source.n), [one.row for one in skipped])
    known = known_of(recipe.sampling, source)
    plan = make_plan(recipe, source.n, source.shape, source.dtype.itemsize, good, known)
    return dataclasses.replace(plan, recipe=_prepared(plan.recipe, source, plan.rows_of_pass()))


def _prepared(recipe: Recipe, source: Source, selection: Ints | None) -> Recipe:
    """The recipe with what its methods must know of the source, such as its mean colour."""

    def statistics() -> ChannelStatistics:
        return channel_statistics(source, recipe.seed, selection)

    steps = tuple(prepared(one, statistics) for one in recipe.steps)
    return dataclasses.replace(recipe, steps=steps)


def plan_warnings(source: Source, plan: Plan) -> tuple[str, ...]:
    """What is odd about the classes that take part."""
    target = source.targets[0]
    unmixed = all(link.slots == 1 for link in plan.links)
    if target.kind != "classes" or unmixed or plan.recipe.label_noise:
        return plan.warnings
    present = np.flatnonzero(labels.mass(target, plan.rows_of_pass()))
    if len(present) > 1:
        return plan.warnings
    return (*plan.warnings, "all images are of one class: mixing them changes no label")


def workers_of(job: Job, source: Source) -> int:
    """How many processes to use; none for a job too small to pay for them."""
    if job.workers is not None:
        return job.workers
    assert source.shape is not None
    recipe = job.recipe
    used = min(source.n, recipe.limit or source.n)
    plan = Plan(recipe, used, source.shape, source.dtype.itemsize)
    row_bytes = math.prod(source.shape) * source.dtype.itemsize
    if plan.total * row_bytes < _SMALL_JOB_BYTES:
        return INLINE
    low, high = plan.bounds(plan.blocks - 1)  # the largest: it takes the remainder
    return machine.workers_for(block_bytes=(high - low) * row_bytes)


def _broken(
    job: Job, source: Source, kept_source: Path, engine: Executor, books: Books
) -> tuple[Skipped, ...]:
    """The rows that cannot be read, if any may be: found now, or by the run that this one goes on
    with."""
    if job.on_error != "skip":
        return ()
    if job.resume and books.past is not None:
        known = skipped_before(job, source, books.past.job)
        if known is not None:
            return tuple(Skipped(*one) for one in known)
    return unreadable(source, kept_source, engine)


def unreadable(source: Source, kept_source: Path, engine: Executor) -> tuple[Skipped, ...]:
    """Every row that cannot be read, found by reading each once.

    One that failed is read again while nothing else is: low memory can look like a bad image.
    Raises `MemoryError` when there is not enough of it even then.
    """
    ranges = [
        (start, min(start + _SCAN_ROWS, source.n)) for start in range(0, source.n, _SCAN_ROWS)
    ]
    found = rescue.in_order(
        lambda rows: engine.submit(worker.unreadable, kept_source, *rows),
        ranges,
        len(ranges),
        lambda rows: rescue.scanned(kept_source, *rows, source),
    )
    suspects = [(row, row + 1) for several in found for row, _, _ in several]
    sure = rescue.in_order(
        lambda rows: engine.submit(worker.unreadable, kept_source, *rows, True),
        suspects,
        1,
        lambda rows: rescue.scanned(kept_source, *rows, source),
    )
    return tuple(Skipped(*one) for several in sure for one in several)
