"""A run, from top to bottom: source → plan → apply → sink."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from augtool import kernels, sinks
from augtool.codecs import decode
from augtool.engines import open_engine
from augtool.engines.inline import INLINE
from augtool.engines.processes import ProcessExecutor, warm_up
from augtool.errors import WorkerDied
from augtool.job import Job
from augtool.mixing import source_map
from augtool.mixing.source_plan import plan_of, plan_warnings
from augtool.pipeline import retry, worker
from augtool.pipeline.build import Made, Product, laid_out, make
from augtool.pipeline.holdout_job import with_holdout
from augtool.pipeline.layout import check_options, check_output, check_places, rows_of, vanishes
from augtool.pipeline.resume import files_of
from augtool.pipeline.scan import Skipped, skipped_of
from augtool.pipeline.start import source_of, workers_of
from augtool.pipeline.summary import Summary, pixel_warnings, summary_of
from augtool.pipeline.sweeping import sweep
from augtool.pipeline.workdir import (
    Books,
    open_books,
    open_notes,
    publish_all,
)
from augtool.planning import pairing as pair_rules
from augtool.planning.chain import kernels_of
from augtool.planning.plan import Plan
from augtool.recipe.recipe import Recipe
from augtool.sources._contract import Source
from augtool.sources._fingerprint import content_of
from augtool.system.progress import Listener, Progress
from augtool.system.scratch import scratch_in


def run(job: Job, listener: Listener | None = None) -> Summary:
    """Do a job: afterwards its output is complete, or there is none.

    ``listener`` hears how far the run is, at the start and after each task. Raises `AugtoolError`;
    when it does, and when it is interrupted, what it has finished is kept in a dot-directory beside
    the output, for a job with ``resume``, and a note on the error says so.
    """
    jobs = with_holdout(job)
    sweep(Path(one.output) for one in jobs if not vanishes(one))
    for one in jobs:
        check_options(one)
    check_places(jobs)
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
        skipped = skipped_of(job, source, kept_source, engine, books[0])
        plan = _plan_for(job, source, skipped, books[0])
        plans = (plan, plan.validation())
        broken = [(one.row, one.name, one.reason) for one in skipped]
        content = content_of(files_of(job), job.recipe.reading.follow_links) if job.strict else ""
        products = [
            laid_out(*each, source, kept_source, broken, content, stack)
            for each in zip(jobs, plans, books, strict=False)
        ]
        made = _make_all(products, source, engine, workers, tell)
        if not vanishes(job):
            publish_all(books, job.overwrite)
    first, *more = (summary_of(*each, source) for each in zip(products, made, strict=True))
    return dataclasses.replace(
        first,
        skipped=skipped,
        left_out=source.notes.left_out,
        warnings=(
            *source.notes.warnings,
            *plan_warnings(source, plan),
            *pair_rules.said(job.recipe.sampling.pair, made[0].unmet, made[0].rows),
            *source_map.said(made[0].bare, made[0].rows),
            *pixel_warnings(sum(part.not_finite for part in made), sum(part.rows for part in made)),
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
        retry.look_again(source)
        raise


def _plan_for(job: Job, source: Source, skipped: tuple[Skipped, ...], books: Books) -> Plan:
    """The plan of a job: drawn, or as it was stored."""
    if job.plan is None:
        return plan_of(job.recipe, source, [one.row for one in skipped])
    from augtool.outputs.stored_plan import (  # which needs this module to draw what is cut
        load,
        plan_again,
    )

    files = None if job.other_source else files_of(job)
    follow = job.recipe.reading.follow_links
    return plan_again(load(job.plan, books.scratch), source, files, follow)


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

        def say(rows: int, checked: int, before: int = kept + done) -> None:
            seconds = time.perf_counter() - began
            tell(Progress(before + rows, total, workers, seconds, kept, checked))

        made.insert(0, make(product, source, engine, workers, say))
        done += made[0].rows - made[0].kept
        if vanishes(products[0].job) and not vanishes(product.job):
            product.books.publish(product.job.overwrite)
    return made


def _open(job: Job | None = None) -> AbstractContextManager[Books]:
    """The books of an output; of what leaves no output, or of none, in a temporary folder."""
    return open_notes() if job is None or vanishes(job) else open_books(Path(job.output))


def _kernels_of(recipe: Recipe) -> tuple[str, ...]:
    of_steps = kernels_of(recipe.steps, by_objects=recipe.weight_by != "area")
    return (*of_steps, *decode.kernels_of(recipe.reading))
