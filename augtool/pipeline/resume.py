"""What makes two runs one job, so that one goes on where the other was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augtool import sinks
from augtool.errors import SourceError, UsageError
from augtool.fields import SEAL
from augtool.job import Job
from augtool.sinks import _manifest
from augtool.sinks._contract import Order
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.system.inventory import MANIFEST


def identity_of(
    job: Job, order: Order, source: Source, skipped: Sequence[tuple[int, str, str]]
) -> dict[str, Any]:
    """All that decides the bytes of an output and how its tasks are cut, as JSON has it: recipe,
    format, shards, encoder, versions, the input's content as far as its fingerprint and its file
    times say, and the rows of it that cannot be read. No workers, no paths."""
    attributes = dict(order.attributes)
    recipe = json.loads(str(attributes.pop("recipe")))
    attributes.pop(SEAL, None)  # it follows from the others
    return {
        "recipe": recipe,
        "rows": order.rows,
        "format": sinks.format_of(job.output, job.format),
        "shards": len(order.shards),
        "compression": order.compression,
        "encode": order.encode,
        "fields": [[one.name, one.dtype, list(one.shape)] for one in order.fields],
        **attributes,
        "task_blocks": job.task_blocks,
        "from_a_plan": job.plan is not None,
        "file_times": None if job.strict else stamp_of(job, source),
        "skipped": [list(one) for one in skipped],
    }


def made_before(job: Job, order: Order, output: Path) -> Mapping[str, str] | None:
    """The records of an output that is there, complete, and what a run of this job has made: the
    same recipe, fields, versions and ``source_fingerprint``, rows, shards, format and encoding, and
    no input file has come or changed since. None when it is another, or none of ours.

    Not compared is ``compression``. With ``strict`` the contents of the inputs are compared, in
    place of their times. Contents of the output are not read: `augtool verify` does.
    """
    from augtool.outputs.output import looked_at  # which a run that makes something does not need

    name = sinks.format_of(job.output, job.format)
    try:
        with looked_at(str(output)) as made:
            facts, borders = made.facts, made.borders
        whole = not output.is_dir() or _manifest.holds(output, name, indexed=bool(order.index))
        made_at = (output / MANIFEST if output.is_dir() else output).stat().st_mtime_ns
    except (SourceError, UsageError, OSError, ValueError, KeyError):
        return None
    same = (
        facts.attributes.get(SEAL) == order.attributes[SEAL]
        and borders == order.borders
        and ("encode" not in sinks.load(name).OPTIONS or facts.encode == order.encode)
    )
    if not (whole and same):
        return None
    inputs = (Path(one) for one in filter(None, (*files_of(job), job.plan)))
    newer = not job.strict and any(newest(one) > made_at for one in inputs)
    return None if newer else facts.records


def skipped_before(
    job: Job, source: Source, past_job: Mapping[str, Any] | None
) -> list[tuple[int, str, str]] | None:
    """The rows that an earlier run could not read, when the input is what it was."""
    if past_job is None or past_job["source_fingerprint"] != source.fingerprint:
        return None
    if past_job["file_times"] not in (None, stamp_of(job, source)):
        return None
    return [(row, name, reason) for row, name, reason in past_job["skipped"]]


def stamp_of(job: Job, source: Source) -> str:
    """sha256 (hex) of sizes and times of all files that are read."""
    said = [source.stamp, *(_stamp(Path(one)) for one in (*files_of(job), job.plan or ""))]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def files_of(job: Job) -> list[str]:
    """The inputs of a job, and the files or folders of labels and masks."""
    return [*expanded(job.inputs), *filter(None, (job.labels, job.masks))]


def newest(path: Path) -> int:
    """When a file, or any in a folder, was last written, renamed or put there (ns): a copy that
    keeps the times of the original cannot hide that it came later. 0 where there is none."""
    if not path.is_dir():
        return _changed(path)
    seen, latest = set[tuple[int, int]](), 0
    for folder, below, names in os.walk(path, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:  # links go in circles
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        latest = max((latest, *(_changed(Path(folder, name)) for name in names)))
    return latest


def _changed(path: Path) -> int:
    try:
        status = path.stat()
    except OSError:  # a link that leads nowhere, or no file of this name: an input such as sample:
        return 0
    on_windows = os.name == "nt"  # there it is the time of birth, which a copy has anew
    return max(status.st_mtime_ns, 0 if on_windows else status.st_ctime_ns)


def _stamp(path: Path) -> list[int]:
    """Size and time of a file; nothing for a folder, whose files `Source.stamp` knows."""
    if not path.is_file():
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
