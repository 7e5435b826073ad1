"""Checking a source without making anything: what cannot be used, and what is odd.

What is kept of an image is a hash and a size; all else is counted, or named where it is odd.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.engines import open_engine
from augtool.engines.inline import INLINE
from augtool.inspection import check_worker
from augtool.inspection.check_worker import Examined, Oddity, part_of
from augtool.pipeline.workdir import Books
from augtool.recipe.recipe import Reading
from augtool.sources import _unused, open_source
from augtool.sources._contract import Source
from augtool.sources._globs import expanded
from augtool.system import resources
from augtool.system.handover import Kept
from augtool.system.progress import Listener, Progress
from augtool.system.scratch import temporary

KINDS: Mapping[str, str] = {
    "unreadable": "cannot be read as an image",
    "truncated": "ends early",
    "zero-size": "has no bytes",
    "two classes": "same content, different labels",
    "duplicate": "same content as an earlier one",
    "extreme size": "over 64 times the median area, under 1/64, or over 8 times as long as wide",
    "odd mode": "neither RGB nor grey of 8 bits; it is converted",
    "not finite": "has pixels that are NaN or infinite; they are mixed as they are",
    "turned by EXIF": "stored on its side; it is turned upright",
    "misnamed": "another format than its name says",
    "left out": "not used: no image by its name, hidden, no regular file, without a label",
}
"""What there is to find, the worst first."""

UNUSABLE = ("unreadable", "truncated", "zero-size")

_TASK_ROWS = 64
_IN_FLIGHT = 4  # tasks per worker
_SMALL_BYTES = 32 << 20
_TASK_BYTES = 64 << 20
_AREA, _ASPECT = 64.0, 8.0
_SHOWN_SIZES = 4


@dataclass(frozen=True)
class Found:
    """Something about an image: ``path`` is its name, whole (``surrogateescape``), ``row`` its row,
    or None for a file that is none, ``like`` the rows that it is compared with."""

    kind: str
    path: str
    row: int | None
    words: str
    like: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a source holds: ``counts`` by kind, ``found`` by kind and row, ``sizes`` the commonest
    heights and widths with their counts."""

    path: str
    rows: int
    classes: int
    sizes: tuple[tuple[int, int, int], ...]
    more_sizes: int
    counts: Mapping[str, int]
    found: tuple[Found, ...]
    warnings: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether all images can be used."""
        return not any(self.counts[kind] for kind in UNUSABLE)


def check(
    specs: Sequence[str],
    reading: Reading | None = None,
    *,
    labels: str | None = None,
    kind: str | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
) -> Report:
    """Look at every image of a source. The report is the same for any number of workers.

    Raises `UsageError` and `SourceError` when the source cannot be opened.
    """
    with temporary() as folder:
        books = Books(folder, Path("-"))
        books.scratch.mkdir()
        source = open_source(tuple(specs), reading or Reading(), books.scratch, labels, kind)
        if workers is None:
            small = source.nbytes < _SMALL_BYTES
            workers = INLINE if small else resources.workers_for(block_bytes=_TASK_BYTES)
        context = books.keep(source)
        try:
            with open_engine(workers) as engine:
                return _report(
                    expanded(tuple(specs)),
                    source,
                    labels,
                    _Looking(context, source.n, engine, workers, listener),
                )
        finally:
            check_worker.forget()


@dataclass(frozen=True)
class _Looking:
    """How the rows of a source are looked at."""

    context: Kept
    rows: int
    engine: Executor
    workers: int
    listener: Listener | None

    def __iter__(self) -> Iterator[Examined]:
        """All rows, in order; those that failed come again, alone."""
        waiting: deque[Future[Examined]] = deque()
        began, suspects = time.perf_counter(), list[int]()
        self._tell(0, began)
        for start in [*range(0, self.rows, _TASK_ROWS), -1]:
            if start >= 0:
                stop = min(start + _TASK_ROWS, self.rows)
                waiting.append(self.engine.submit(check_worker.examine, self.context, start, stop))
            while waiting and (start < 0 or len(waiting) >= _IN_FLIGHT * max(self.workers, 1)):
                one = waiting.popleft().result()
                suspects += one.suspects
                self._tell(one.start + len(one.sizes), began)
                yield one
        for row in suspects:
            yield self.engine.submit(
                check_worker.examine, self.context, row, row + 1, True
            ).result()

    def _tell(self, rows: int, began: float) -> None:
        if self.listener is not None:
            seconds = time.perf_counter() - began
            self.listener(Progress(rows, self.rows, self.workers, seconds))


def _report(specs: Sequence[str], source: Source, labels: str | None, looking: _Looking) -> Report:
    digests = np.zeros((source.n, check_worker.DIGEST_BYTES), np.uint8)
    sizes = np.full((source.n, 2), -1, np.int32)
    oddities: list[Oddity] = []
    for one in looking:
        rows = slice(one.start, one.start + len(one.sizes))
        digests[rows], sizes[rows] = one.digests, one.sizes
        oddities += one.oddities
    found = [_named(source, one) for one in [*oddities, *_extremes(sizes)]]
    found += _same(source, digests, sizes[:, 0] >= 0)
    found += [
        Found("left out", one.path, None, one.reason)
        for one in _unused.left_out(specs, source, labels)
    ]
    order = list(KINDS)
    found.sort(key=lambda one: (order.index(one.kind), one.row is None, one.row or 0, one.path))
    common, counts = np.unique(sizes[sizes[:, 0] >= 0], axis=0, return_counts=True)
    ranked = sorted(zip(counts.tolist(), common.tolist(), strict=True), key=_by_count)
    return Report(
        path=" ".join(specs),
        rows=source.n,
        classes=source.targets[0].width,
        sizes=tuple((*size, count) for count, size in ranked[:_SHOWN_SIZES]),
        more_sizes=max(0, len(ranked) - _SHOWN_SIZES),
        counts={kind: sum(one.kind == kind for one in found) for kind in KINDS},
        found=tuple(found),
        warnings=source.notes.warnings,
    )


def _by_count(ranked: tuple[int, list[int]]) -> tuple[int, list[int]]:
    return -ranked[0], ranked[1]


def _name(source: Source, row: int) -> str:
    """A row's whole name."""
    part, inner = part_of(source, row)
    store: Any = getattr(part, "store", None)
    return source.name(row) if store is None else _unused.text_of(store.name(inner))


def _named(source: Source, one: Oddity) -> Found:
    return Found(one.kind, _name(source, one.row), one.row, one.words)


def _extremes(sizes: npt.NDArray[np.int32]) -> Iterator[Oddity]:
    """Images of which the area or the sides are far from the others'."""
    good = np.flatnonzero(sizes[:, 0] > 0)
    if not len(good):
        return
    wide = sizes[good].astype(np.float64)
    area = wide.prod(axis=1)
    times, aspect = area / np.median(area), wide.max(axis=1) / wide.min(axis=1)
    for at in np.flatnonzero((times > _AREA) | (times < 1 / _AREA) | (aspect > _ASPECT)).tolist():
        height, width = sizes[good[at]].tolist()
        yield Oddity(int(good[at]), "extreme size", f"{height}×{width}")


def _same(
    source: Source, digests: npt.NDArray[np.uint8], good: npt.NDArray[np.bool_]
) -> Iterator[Found]:
    """Rows of one content: each after the first is a duplicate, or of another class."""
    rows = np.flatnonzero(good)
    keys = np.ascontiguousarray(digests[rows]).view(np.dtype((np.void, digests.shape[1]))).ravel()
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1], [True]]))
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if high - low > 1:
            group = np.sort(rows[order[low:high]]).tolist()
            differ = _labels_differ(source, group)
            for row in group[1:]:
                first = _name(source, group[0])
                kind, words = "duplicate", f"as row {group[0]}, {first}"
                if differ(row):
                    kind, words = "two classes", f"as row {group[0]}, {first}, of another label"
                yield Found(kind, _name(source, row), row, words, (group[0],))


def _labels_differ(source: Source, group: Sequence[int]) -> Callable[[int], bool]:
    first = [np.asarray(target.values[group[0]]) for target in source.targets]

    def differ(row: int) -> bool:
        return any(
            np.asarray(target.values[row]).tobytes() != own.tobytes()
            for target, own in zip(source.targets, first, strict=True)
        )

    return differ
