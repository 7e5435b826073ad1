"""From a job to what its format is asked to lay out: shards, encodings and the form of rows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from augtool import sinks
from augtool.errors import UsageError
from augtool.fields import Field, sealed
from augtool.job import Job
from augtool.mixing import rows as schema
from augtool.mixing.label_noise import noise_of
from augtool.mixing.rows import Shape
from augtool.pipeline import places, unused_report
from augtool.pipeline.workdir import books_of, check_free, check_place
from augtool.planning.plan import Plan
from augtool.sinks._contract import Order
from augtool.sources._contract import Source

_ENDLESS = 1 << 62  # rows of a stream of which nobody says the end
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{letter}i": 1 << (10 * (place + 1)) for place, letter in enumerate("kmgt")}
_ENCODINGS = r"auto|png|npy|(jpg|webp)(:([1-9][0-9]?|100))?"


def shape_of(job: Job) -> Shape:
    """The form of an output's rows."""
    return Shape(
        sparse=job.labels_as == "sparse",
        nchw=job.out_layout == "NCHW",
        smoothing=job.recipe.label_smoothing,
        noise=noise_of(job.recipe.label_noise, job.recipe.seed),
    )


def order_of(job: Job, plan: Plan, source: Source, path: Path, content: str = "") -> Order:
    """What a job asks of its format, to be made at ``path``; ``content`` is that of a strict job's
    input, see `content_of`.

    Raises `UsageError` for options that the format does not have, and for more shards than rows.
    """
    shape, to_stdout = shape_of(job), job.output == sinks.STDOUT
    fields = schema.fields(plan, source, shape)
    attributes = schema.attributes(plan, source, shape)
    if content:
        attributes["source_content"] = content
    is_part = job.endless or job.copy is not None or job.num_tasks > 1
    return Order(
        path=Path(sinks.STDOUT) if to_stdout else path,
        fields=fields,
        borders=(0, _ENDLESS) if is_part else _borders(job, plan.total, fields),
        attributes=sealed(fields, attributes),
        compression=job.compression,
        encode=encoding_of(job.encode, source),
        index=job.index or "",
    )


def ranges_of(job: Job, plan: Plan, order: Order) -> Iterable[tuple[int, int]]:
    """The output rows that are made, in order: first and one after the last of each range, of which
    none is in two shards; without an end for an endless stream."""
    if not order.to_stdout:
        return order.shards
    if job.copy is not None:
        return (_share(job, plan, job.copy),)
    if job.endless:
        low, high = _share(job, plan, 0)
        if low == high:  # copy after copy without a row
            raise UsageError(
                f"num_tasks {job.num_tasks}: the source has {plan.blocks} blocks to share out, so "
                f"task {job.task_index} would make nothing; use at most {plan.blocks}"
            )
        return (_share(job, plan, number) for number in itertools.count())
    if job.num_tasks > 1:
        return tuple(_share(job, plan, number) for number in range(plan.passes))
    return ((0, plan.total),)


def rows_of(job: Job, plan: Plan, order: Order) -> int | None:
    """How many rows are made; None for an endless stream."""
    if job.endless:
        return None
    return sum(stop - start for start, stop in ranges_of(job, plan, order))


def _share(job: Job, plan: Plan, number: int) -> tuple[int, int]:
    """The rows of one pass that a task of several makes: a range of its blocks."""
    first, end = (
        plan.blocks * index // job.num_tasks for index in (job.task_index, job.task_index + 1)
    )
    low = plan.bounds(first)[0] if first < plan.blocks else plan.n
    high = plan.bounds(end)[0] if end < plan.blocks else plan.n
    return number * plan.n + low, number * plan.n + high


def check_options(job: Job) -> None:
    """Raise `UsageError` when the format of a job does not have one of its options."""
    name = sinks.format_of(job.output, job.format)
    asked = {
        "shards": job.shards is not None or job.shard_size is not None,
        "compression": job.compression is not None,
        "encode": job.encode != "auto",
        "sparse": job.labels_as != "dense",
        "nchw": job.out_layout != "NHWC",
        "order": job.recipe.order != "shuffled",
        "stdout": job.output == sinks.STDOUT,
        "index": job.index is not None,
    }
    words = {
        "shards": "shards",
        "compression": f"compression {job.compression}",
        "encode": f"encode {job.encode}",
        "sparse": f"labels-as {job.labels_as}",
        "nchw": f"out-layout {job.out_layout}",
        "order": f"order {job.recipe.order}",
        "stdout": "out -",
        "index": f"index {job.index}",
    }
    for option, given in asked.items():
        if given and option not in sinks.load(name).OPTIONS:
            able = [one for one in sinks.names() if option in sinks.load(one).OPTIONS]
            raise UsageError(
                f"{words[option]}: the format {name} has no such thing; "
                f"formats that have: {', '.join(able)}"
            )
    if asked["shards"] and not sinks.is_folder(job.output, job.format):
        raise UsageError(
            f"{job.output}: one file has no shards; give a folder, --out DIR --format {name}"
        )
    if asked["index"] and not sinks.is_folder(job.output, job.format):
        raise UsageError(
            f"{job.output}: an index is for a folder of shards; give --out DIR --format {name}"
        )
    if not re.fullmatch(_ENCODINGS, job.encode):
        raise UsageError(f"encode {job.encode}: use auto, jpg, jpg:QUALITY, png, webp or npy")


def encoding_of(encode: str, source: Source) -> str:
    """How images are stored where each is a file: ``auto`` is JPEG for lossy sources of 8 bits,
    npy for what no image format holds, else PNG."""
    assert source.shape is not None
    if encode != "auto":
        return {"jpg": "jpg:95", "webp": "webp:90"}.get(encode, encode)
    channels = source.shape[2] if len(source.shape) == 3 else 1
    depth = source.dtype.name
    if len(source.shape) in (2, 3) and (depth, channels) in (("uint8", 1), ("uint8", 3)):
        return "jpg:95" if getattr(source, "lossy", False) else "png"
    is_png = len(source.shape) in (2, 3) and (depth, channels) in (("uint8", 4), ("uint16", 1))
    return "png" if is_png else "npy"


def _borders(job: Job, rows: int, fields: tuple[Field, ...]) -> tuple[int, ...]:
    """Where shards begin, and the end: of near-equal sizes, without gaps."""
    count = job.shards or 1
    if job.shard_size is not None:
        count = -(-rows // _rows_of(job.shard_size, sum(one.row_bytes for one in fields)))
    if count > rows:
        raise UsageError(f"shards {count}: there are only {rows} rows; ask for fewer")
    return tuple(rows * number // count for number in range(count + 1))


def _rows_of(size: str, row_bytes: int) -> int:
    """Rows of a shard: a number of rows, or of bytes with a unit."""
    match = re.fullmatch(r"(\d+)\s*([kmgt]i?)?(b)?", size.strip().lower())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"shard-size {size}: give rows, 10000, or bytes, 512MB")
    number = int(match[1])
    if match[2] is None and match[3] is None:
        return number
    return max(1, number * _UNITS[match[2] or ""] // row_bytes)


def check_places(jobs: Sequence[Job]) -> None:
    """Raise `UsageError` or `OutputExists` when what a job writes, with that of its validation
    output, must not be written there."""
    job = jobs[0]
    places.check(jobs)
    if job.errors is not None:
        unused_report.check_place(job.errors, overwrite=job.overwrite)
    for each in jobs:
        check_output(each)


def check_output(job: Job) -> None:
    """Raise `UsageError` or `OutputExists` when there is something at the output that must stay."""
    if sinks.leaves_nothing(job.output, job.format):
        if job.resume:
            raise UsageError("resume: this run leaves nothing that a later one could go on with")
        return
    output = Path(job.output)
    check_place(output, folder=sinks.is_folder(job.output, job.format))
    if job.resume:
        from augtool.outputs.output import is_output

        if books_of(output).exists() or is_output(str(output)):
            # whether it is this job's is seen once the job is known
            if job.overwrite:
                check_free(output, overwrite=True)
            return
    check_free(output, job.overwrite)


def vanishes(job: Job) -> bool:
    """Whether a job leaves no output, such as a stream."""
    return sinks.leaves_nothing(job.output, job.format)
