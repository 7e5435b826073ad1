"""What a job reads, and what it writes: one list each, for one check of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from augtool import sinks
from augtool.job import Job
from augtool.pipeline.workdir import books_of
from augtool.sources._globs import expanded
from augtool.system import overlap
from augtool.system.overlap import Place


def read_by(job: Job) -> list[Place]:
    """Every file and folder that a job reads."""
    sampling = job.recipe.sampling
    named = {
        "--masks": job.masks,
        "--labels": job.labels,
        "PLAN": job.plan,
        "--listing": job.listing,
    }
    return [
        *(Place("--in", one) for one in expanded(job.inputs)),
        *(Place(option, path) for option, path in named.items() if path is not None),
        *overlap.tables(
            ("--rows", sampling.rows),
            ("--group-by", sampling.group_by),
            ("--row-weights", sampling.row_weights),
        ),
    ]


def written_by(jobs: Sequence[Job]) -> list[Place]:
    """Every file and folder that a job writes, and that of its validation output."""
    first, *held = jobs
    outputs = [("--out", first), *(("--holdout-out", one) for one in held)]
    lasting = [one for one in outputs if not sinks.leaves_nothing(one[1].output, one[1].format)]
    places = [Place(option, job.output) for option, job in lasting]
    if first.errors is not None:
        places.append(Place("--errors", first.errors))
    return places


def beside(jobs: Iterable[Job]) -> list[Place]:
    """The folders in which runs of these outputs work, and which they clear."""
    lasting = [one for one in jobs if not sinks.leaves_nothing(one.output, one.format)]
    return [Place("the work folder", str(books_of(Path(one.output)))) for one in lasting]


def check(jobs: Sequence[Job], read: Iterable[Place] = (), written: Iterable[Place] = ()) -> None:
    """Raise `UsageError` when a job, or what else is ``written``, would write over what it, or
    what else is done, reads. ``jobs`` are the job and that of its validation output."""
    job = jobs[0]
    reads = [*read_by(job), *read]
    targets = [*written_by(jobs), *written]
    listing = [Place("--listing", job.listing, replaced=False)] if job.listing else []
    scratch = [Place("--scratch", job.scratch, replaced=False)] if job.scratch else []
    overlap.check(reads, [*targets, *beside(jobs)])
    overlap.check([one for one in reads if one.option != "--listing"], listing)
    overlap.check([one for one in reads if one.option == "--in"], scratch)
    overlap.check_each_other([*targets, *listing])
    overlap.check_links(reads, targets, follow_links=job.recipe.reading.follow_links)
    if job.output == sinks.STDOUT:
        overlap.check_stdout(reads)
