"""Merging HDF5 outputs, such as the shards of a run, into one file.

The shards of one run become the file that the run would have made, byte for byte.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import sinks
from augtool.engines.inline import INLINE
from augtool.errors import SourceError, UsageError
from augtool.fields import SEAL, Field, sealed
from augtool.outputs.shards import FACTS, PARTS, Shard, Stretch, Whole, wholes
from augtool.pipeline.workdir import books_of, check_free, check_place, open_books, size_of
from augtool.planning.plan import Plan, pieces
from augtool.sinks import _checksums, hdf5
from augtool.sinks._checksums import Part, Records
from augtool.sinks._contract import Order, Sink, Writer
from augtool.system import overlap
from augtool.system.progress import Listener, Progress

_STEP_BYTES = 32 << 20  # of rows that are in memory at a time


@dataclass(frozen=True)
class Merged:
    """What was made; ``digests`` has the record of each field."""

    output: str
    files: int
    rows: int
    nbytes: int
    digests: Mapping[str, str]


def merge(
    paths: Sequence[str],
    output: str,
    *,
    overwrite: bool = False,
    compression: str | None = None,
    listener: Listener | None = None,
) -> Merged:
    """Put the rows of HDF5 outputs after one another into one; ``paths`` are files and folders of
    shards.

    The outputs have equal fields, and agree in all attributes but those of `FACTS`. Rows are
    checked against the records of the shards, save those of runs in source order. Raises
    `UsageError` and `SourceError` for what cannot be merged, `OutputError` when there is no room.
    """
    target = Path(output)
    if sinks.format_of(output) != "hdf5":
        raise UsageError(f"{output}: shards are merged into one HDF5 file; end the name in .h5")
    written = [
        overlap.Place("--out", output),
        overlap.Place("the work folder", str(books_of(target))),
    ]
    overlap.check([overlap.Place("PATH", path) for path in paths], written)
    check_place(target)
    check_free(target, overwrite)
    parts = wholes(paths)
    _check_equal(parts)
    rows = sum(shard.rows for whole in parts for shard in whole.shards)
    with open_books(target) as books:
        books.settle(None, resume=False, overwrite=overwrite)
        fields = parts[0].first.fields
        attributes = sealed(fields, _attributes(parts))
        order = Order(books.unfinished, fields, (0, rows), attributes, compression)
        with closing(hdf5.lay_out(order)) as sink:
            known = _copied(parts, order, sink, listener or (lambda _progress: None))
            sink.finish(known)
        nbytes = size_of(books.unfinished)
        books.publish(overwrite)
    files = sum(len(whole.shards) for whole in parts)
    return Merged(output, files, rows, nbytes, known.digests())


def _check_equal(parts: Sequence[Whole]) -> None:
    """Raise `UsageError` naming the first field or attribute in which outputs differ."""
    first, *others = (whole.first for whole in parts)
    for other in others:
        theirs, ours = _words(other), _words(first)
        for name in [*ours, *theirs]:
            if ours.get(name) != theirs.get(name):
                raise UsageError(
                    f"{other.path}: {name} is {theirs.get(name, 'not there')}, and "
                    f"{ours.get(name, 'not there')} in {first.path}; only outputs with equal "
                    "fields and attributes can be merged"
                )


def _words(shard: Shard) -> dict[str, str]:
    """What must be equal: fields in order, and what describes them."""
    fields = {
        f"field {one.name}": f"{'×'.join(map(str, one.shape)) or 'one value'} "
        f"{np.dtype(one.dtype)} a row"
        for one in shard.fields
    }
    plain = {
        f"attribute {name}": str(value)
        for name, value in shard.attributes.items()
        if name not in (*FACTS, PARTS, SEAL)
    }
    return {**fields, **plain}


def _attributes(parts: Sequence[Whole]) -> dict[str, Any]:
    """Those of the whole: facts in which its runs differ are told for each in `PARTS`."""
    stretches = [one for whole in parts for one in whole.stretches]
    if len(stretches) == 1:
        return dict(parts[0].first.attributes)
    shared = {
        name: stretches[0].facts[name]
        for name in FACTS
        if len({one.facts[name] for one in stretches}) == 1
    }
    each = [
        {"rows": one.rows, **{name: one.facts[name] for name in FACTS if name not in shared}}
        for one in stretches
    ]
    first = parts[0].first.attributes
    plain = {name: value for name, value in first.items() if name not in (*FACTS, PARTS)}
    return {**plain, **shared, PARTS: json.dumps(each, ensure_ascii=False)}


@dataclass(frozen=True)
class _Range:
    """``rows`` rows that are in one shard, from ``low`` on, and of one run, the ``number``-th, from
    ``first`` on; ``at`` is the row of the merged file at which they begin."""

    at: int
    rows: int
    shard: Shard
    low: int
    stretch: Stretch
    number: int
    first: int


def _ranges(parts: Sequence[Whole]) -> Iterator[_Range]:
    """All rows, in order."""
    at, number = 0, 0
    for whole in parts:
        shards, stretches = iter(whole.shards), iter(whole.stretches)
        shard, low = next(shards), 0
        for stretch in stretches:
            first = 0
            while first < stretch.rows:
                if low == shard.rows:
                    shard, low = next(shards), 0
                rows = min(shard.rows - low, stretch.rows - first)
                yield _Range(at, rows, shard, low, stretch, number, first)
                at, low, first = at + rows, low + rows, first + rows
            number += 1


def _copied(parts: Sequence[Whole], order: Order, sink: Sink, tell: Listener) -> Records:
    """Copy all rows; what was written."""
    known, began = Records(), time.perf_counter()
    chunk, ordered = hdf5.chunk_rows(order) or 1, True
    tell(Progress(0, order.rows, INLINE, 0.0))
    with sink.writer as writer:
        for one in _ranges(parts):
            ordered = ordered and one.stretch.recipe.order != "source"
            for done in _copy(one, order, writer, known):
                if done % chunk == 0 or done == order.rows:
                    sink.append(writer.encoded(), known)
                tell(Progress(done, order.rows, INLINE, time.perf_counter() - began))
            if one.low + one.rows == one.shard.rows:
                if ordered:  # else the rows of a block are all over the pass
                    _check(one.shard, known.digests(done - one.shard.rows, done))
                ordered = True
    return known


def _check(shard: Shard, found: Mapping[str, str]) -> None:
    """Raise `SourceError` when the rows of a shard are not as they were written."""
    wrong = [name for name, digest in found.items() if digest != shard.records[name]]
    if wrong:
        raise SourceError(
            f"{shard.path}: {wrong[0]} is not what was written, by its record; "
            "the file is damaged: copy or make it again"
        )


def _copy(one: _Range, order: Order, writer: Writer, known: Records) -> Iterator[int]:
    """Copy rows, some at a time; yields up to which row of the merged file all is there."""
    import h5py

    step, plan = _step_rows(order), _plan(one.stretch, order.fields[0])
    with h5py.File(one.shard.path, "r", locking="best-effort") as file:
        done, stop = one.at, one.at + one.rows
        while done < stop:
            end = min(stop, (done // step + 1) * step)
            low = one.low + done - one.at
            values = {
                field.name: _read(one.shard, file, field.name, low, low + end - done)
                for field in order.fields
            }
            first = one.first + done - one.at
            for piece in pieces(plan, first, first + end - done):
                crcs = _write(
                    writer, done, {name: each[: len(piece)] for name, each in values.items()}
                )
                values = {name: each[len(piece) :] for name, each in values.items()}
                number = (one.number << 32) + piece.number
                known.add([Part(number, piece.block, piece.low, piece.high, done, crcs)])
                done += len(piece)
            yield done


def _read(shard: Shard, file: Any, name: str, low: int, high: int) -> npt.NDArray[Any]:
    try:
        return np.asarray(file[name][low:high])
    except OSError as error:
        raise SourceError(
            f"{shard.path}: {name} cannot be read ({error}); copy or make the file again"
        ) from error


def _write(
    writer: Writer, row: int, values: Mapping[str, npt.NDArray[Any]]
) -> dict[str, tuple[int, int]]:
    """Write rows from ``row`` on; the CRC-32 and the length of each field's bytes."""
    crcs = {}
    for name, each in values.items():
        crc, length = 0, 0
        for data in writer.write(name, np.arange(row, row + len(each)), each):
            crc, length = _checksums.crc(data, crc), length + len(data)
        crcs[name] = crc, length
    return crcs


def _step_rows(order: Order) -> int:
    """Rows that are copied at a time: whole chunks of the output."""
    chunk = hdf5.chunk_rows(order) or 1
    return max(1, _STEP_BYTES // sum(one.row_bytes for one in order.fields) // chunk) * chunk


def _plan(stretch: Stretch, images: Field) -> Plan:
    """As much of a run's plan as says where its blocks begin."""
    itemsize = np.dtype(images.dtype).itemsize
    return Plan(stretch.recipe, int(stretch.facts["pass_rows"]), images.shape, itemsize)
