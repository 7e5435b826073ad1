"""What the page of an input shows: its rows, labels and oddities, before anything is mixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from augtool.mixing.mask_rules import with_folder
from augtool.preview import palette
from augtool.report import findings, warnings
from augtool.report.histogram import Histogram
from augtool.report.label_tally import ClassTally, ValueTally
from augtool.report.outputs import add_names, target_json
from augtool.report.pictures import data_uris, picked, png_uri, thumbnail
from augtool.report.rows import PICTURE_BYTES, label_entries, spread
from augtool.report.words import shortened
from augtool.sources import open_source
from augtool.sources._contract import Source
from augtool.targets import UNKNOWN, Target

if TYPE_CHECKING:
    from augtool.report.options import Options
    from augtool.system.progress import Listener

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

_SLICE = 1 << 14
_SLICE_BYTES = 16 << 20
_VALUES_SHOWN, _VALUE_BINS = 6, 40


def data_of(
    path: str, options: Options, listener: Listener | None, scratch: Path
) -> dict[str, Any]:
    """All that the page of an input shows."""
    given = options.source
    labels, kind = (given.labels, given.kind) if given else (None, None)
    source = open_source(path, options.reading, scratch, labels, kind)
    if given is not None and given.masks is not None:
        source = with_folder(source, given.masks, scratch, 0)
    tallies = [_tally(target) for target in source.targets]
    chosen = spread(source.n, options.rows)
    rows, note = _rows(source, chosen)
    targets = [
        target_json(target.name, target.kind, target.class_names, tally)
        for target, tally in zip(source.targets, tallies, strict=True)
    ]
    for at, target in enumerate(source.targets):
        add_names(targets[at], at, rows, target.class_names)
    name = shortened(path if path.startswith("sample:") else Path(path).name or path)
    return {
        "kind": "input",
        "title": name,
        "total": source.n,
        "estimated": 0,
        "summary": _summary(source),
        "warnings": list(warnings.of_source(source)),
        "targets": targets,
        "geometry": None,
        "sources": None,
        "check": (
            findings.of_source(options, source, None, (path,), listener) if options.check else None
        ),
        "rows": rows,
        "source_rows": {},
        "note": note,
        "size": list(source.shape[:2]) if source.shape else [],
        "colours": [],
    }


def _summary(source: Source) -> dict[str, Any]:
    shape = "of several sizes" if source.shape is None else "×".join(map(str, source.shape))
    facts = [
        ["rows", f"{source.n:,}"],
        ["a row", f"{shape} {source.dtype}"],
        ["label images", str(source.masks.dtype) if source.masks is not None else ""],
        ["fingerprint", source.fingerprint],
    ]
    kinds = ", ".join(
        f"{target.width:,} {'values' if target.kind == 'values' else 'classes'}"
        + (f" of {shortened(target.name)}" if target.name else "")
        for target in source.targets
    )
    return {
        "facts": [[term, shortened(text)] for term, text in facts if text],
        "sentence": f"{source.n:,} rows with {kinds}. Nothing is mixed yet.",
        "commands": [],
        "recipe": "",
        "citation": "",
        "bibtex": "",
        "verify": None,
        "with_source": True,
    }


def _tally(target: Target) -> ClassTally | ValueTally:
    """All labels of a target, counted."""
    if target.kind == "values":
        columns = np.asarray(target.values).reshape(len(target.values), -1)[:, :_VALUES_SHOWN]
        tally: ClassTally | ValueTally = ValueTally([_range(one) for one in columns.T])
    else:
        tally = ClassTally(target.kind, target.width, 1)
    for vectors, hard in _vectors(target):
        if isinstance(tally, ValueTally):
            tally.add(vectors)
        else:
            tally.add(vectors, hard)
    if target.kind in ("classes", "multihot") and isinstance(tally, ClassTally):
        tally.entropy = None  # a class is a class
    return tally


def _range(values: Array) -> Histogram:
    finite = values[np.isfinite(values.astype(np.float64))].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return Histogram(low, high, _VALUE_BINS)


def _vectors(target: Target) -> Iterator[tuple[Array, Array | None]]:
    """The labels of some rows at a time, as vectors (m, K), and as classes (m,) where they are."""
    step = max(1, min(_SLICE, _SLICE_BYTES // max(4 * target.width, 1)))
    for low in range(0, len(target.values), step):
        values = np.asarray(target.values[low : low + step])
        if target.kind == "classes":
            vectors = np.zeros((len(values), target.width), np.float32)
            known = values != UNKNOWN
            vectors[np.flatnonzero(known), values[known]] = 1
            vectors[~known] = np.nan
            yield vectors, values
        else:
            vectors = values.reshape(len(values), -1).astype(np.float32)
            yield vectors, None


def _rows(source: Source, chosen: Ints) -> tuple[list[dict[str, Any]], str]:
    """The rows that are shown, each at its own size."""
    rows, images = list[dict[str, Any]](), list[Array]()
    for row in chosen.tolist():
        vectors = [_vector(target, row) for target in source.targets]
        rows.append(
            {
                "row": row,
                "name": shortened(source.name(row)),
                "labels": [
                    label_entries(vector, 0.0, target.kind)
                    for vector, target in zip(vectors, source.targets, strict=True)
                ],
            }
        )
        images.append(source.image(row))
        if images[-1].ndim in (2, 3):
            rows[-1]["size"] = list(images[-1].shape[:2])
            images[-1] = thumbnail(images[-1])
    if any(image.ndim not in (2, 3) for image in images):
        return rows, "rows of this shape are not images, so that there are no pictures"
    uris, note = data_uris(images, PICTURE_BYTES)
    for at, (row, uri) in enumerate(zip(rows, uris, strict=True)):
        row["picture"] = uri
        if source.masks is not None and source.masks.dtype.kind in "iu":
            row["mask"] = png_uri(palette.coloured(picked(_mask(source, int(chosen[at])))))
    return rows, note


def _mask(source: Source, row: int) -> Array:
    assert source.masks is not None
    out = np.empty((1, *source.masks.shape), source.masks.dtype)
    source.masks.read(np.array([row]), out)
    pixels: Array = out[0]
    return pixels


def _vector(target: Target, row: int) -> Array:
    """(K,) the label of a row."""
    if target.kind != "classes":
        return np.atleast_1d(np.asarray(target.values[row], np.float64))
    vector = np.zeros(target.width)
    if target.values[row] == UNKNOWN:
        vector[:] = np.nan
    else:
        vector[target.values[row]] = 1
    return vector
