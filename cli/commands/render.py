"""Make the rows of a stored plan again, without a draw."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from .. import build_job, options
from ._command import Command


@click.command("render", cls=Command)
@click.argument("plan", metavar="PLAN")
@options.INPUT
@options.OUTPUT
@options.WRITING
@options.BESIDE
@click.option("--overwrite", is_flag=True, help="Replace --out, once the new one is complete.")
@options.TALK
def command(plan: str, **given: Any) -> int:
    """Make the rows of a stored plan again, without a draw.

    PLAN is an output of augtool, or what `augtool plan --out FILE.csv` has saved. The rows are what
    its numbers say, also when it was made by another version; only partners that --num has cut off
    are drawn again. --in must be the source of the plan, read with the options in its recipe.
    """
    from augtool.pipeline.render_job import render_job
    from augtool.run import run

    from ..progress import Meter
    from ..report import say_summary

    names = ("workers", "format", "shards", "shard_size", "compression", "encode", "labels_as")
    others = ("out_layout", "overwrite", "masks", "labels", "in_format", "other_source")
    chosen = {name: given[name] for name in (*names, *others)}
    job = render_job(plan, given["input"], given["output"], **chosen)
    reading = dataclasses.replace(job.recipe.reading, **build_job.grants_from(given))
    job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, reading=reading))
    build_job.check_talk(job.output, as_json=given["as_json"])
    with Meter(given["quiet"] or given["as_json"], verbose=given["verbose"]) as meter:
        summary = run(job, meter)
    say_summary(summary, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"])
    return 0
