"""Parquet files of images, as Hugging Face has them: a column of struct<bytes, path> or of bytes.

The encoded images are copied once, batch by batch, to the scratch folder, and decoded from there by
row. Files from outside can crash the library, so a child process does that. Needs pyarrow, the
extra ``augtool[parquet]``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Reading
from augtool.sources import (
    _archive_store,
    _decompress,
    _label_files,
    _parquet,
    _telling,
    _unpack_limits,
)
from augtool.sources._array_masks import MASK_KEY, left_behind
from augtool.sources._array_names import target_names
from augtool.sources._column import Column
from augtool.sources._columns import as_text
from augtool.sources._contract import Notes, Source
from augtool.sources._encoded import IMAGE_READING, EncodedSource, Store, probed
from augtool.sources._label_cells import labels_of
from augtool.sources._mapped import Version, check_version
from augtool.sources._stored_targets import LabelArray, stored_targets
from augtool.sources._tables import check_headings
from augtool.system.child import isolated, limited
from augtool.text import shown

READING = (
    IMAGE_READING
    | {"image_key", "label_key", "label_missing"}
    | {"target", "num_classes", "label_base"}
)
_MAGIC = b"PAR1"
_ROWS = 64  # in a batch
_IMAGES = ("image", "images", "img", "picture", "jpg", "png", "bytes")
_LABELS = (
    "labels",
    "label",
    "fine_label",
    "coarse_label",
    "class",
    "target",
    "targets",
    "y",
    "cls",
)


@dataclass(frozen=True)
class ParquetColumns:
    """The other columns of the files."""

    files: Path  # a JSON list of their paths, with the numbers of their versions

    def column(self, store: Store, key: str) -> npt.NDArray[Any]:
        """See `Source`: any column of numbers or text, and ``name``."""
        if key == "name":
            return np.array(list(map(shown, store.names())))
        known = json.loads(self.files.read_text())
        _check_versions(known)
        parts = isolated(_parts, store.place, key, [path for path, *_ in known])
        _check_versions(known)
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.concatenate(parts)
        cells = [cell for part in parts for cell in part]
        if not all(isinstance(cell, str) for cell in cells):
            raise UsageError(f"{store.place}: {key} holds neither numbers nor text in all rows")
        return as_text(np.array(cells, object))


def _check_versions(known: Sequence[Sequence[Any]]) -> None:
    """Raise `InputChanged` unless all files are as they were."""
    for path, *numbers in known:
        check_version(Path(path), Version(*numbers))


def _parts(place: str, key: str, paths: Sequence[str]) -> list[npt.NDArray[Any] | list[Any]]:
    """A column of each file."""
    with _parquet.whatever(place):
        opened = [_parquet.opened(Path(path)) for path in paths]
        names = list(opened[0].schema_arrow.names)
        if key not in names:
            advice = did_you_mean(key, names) or f"; it has name, {', '.join(names)}"
            raise UsageError(f"{place}: there is no column {key!r}{advice}")
        return [_parquet.column(file, key) for file in opened]


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a regular file that begins with Parquet's signature."""
    path = Path(spec)
    try:
        if not path.is_file() or path.stat().st_size < 2 * len(_MAGIC):
            return False
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except PermissionError:
        raise SourceError(f"{spec}: no permission to read it; change its mode") from None
    except OSError:
        return False


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images of one file; see `open_all`."""
    return open_all((spec,), reading, scratch)


def open_all(specs: Sequence[str], reading: Reading, scratch: Path) -> Source:
    """The rows of some files with the same columns, file after file.

    Columns are found by their types and usual names, or by the keys of ``reading``. Raises
    `UsageError` when they are not, or when pyarrow is missing, and `SourceError` when a file is
    damaged, has no images, or has rows without one.
    """
    first = shown(specs[0].encode("utf-8", "surrogateescape"))
    place = first if len(specs) == 1 else f"{first} … ({len(specs)} files)"
    return probed(isolated(_copied, place, tuple(specs), reading, scratch), place)


def _copied(place: str, specs: Sequence[str], reading: Reading, scratch: Path) -> EncodedSource:
    """The source, in the child process that looks into the files."""
    with _parquet.whatever(place):
        return _source(place, specs, reading, scratch)


def _source(place: str, specs: Sequence[str], reading: Reading, scratch: Path) -> EncodedSource:
    paths = [Path(spec).absolute() for spec in specs]
    versions = [Version.of(path) for path in paths]
    files = [_parquet.opened(path) for path in paths]
    shown_specs = [shown(spec.encode("utf-8", "surrogateescape")) for spec in specs]
    image = _image_column(files[0], reading, shown_specs[0])
    keys = _label_columns(files[0], reading, shown_specs[0], image)
    for file, spec in zip(files, shown_specs, strict=True):
        check_headings(tuple(file.schema_arrow.names), spec)
    for file, spec in zip(files[1:], shown_specs[1:], strict=True):
        _check_alike(file, files[0], (image, *keys), spec, shown_specs[0])
    arrays = _labels(files, keys, place, reading, scratch)
    targets, warnings = stored_targets(arrays, reading, scratch)
    has_masks = MASK_KEY in files[0].schema_arrow.names and image != MASK_KEY
    lost = left_behind(place, reading) if has_masks else ()
    needed = sum(_parquet.bytes_of(file, image) for file in files)
    _telling.tell(place, needed, scratch)
    _decompress.check_room(scratch, place, needed)
    found, staged = _archive_store.Found(), scratch / "images.bin"
    with staged.open("wb") as out:
        for number, (file, spec) in enumerate(zip(files, shown_specs, strict=True)):
            before = f"{paths[number].name}/" if len(files) > 1 else ""
            most = out.tell() + _unpack_limits.of_whole(reading, paths[number].stat().st_size)
            memory = max(_parquet.MEMORY, 5 * _unpack_limits.of_piece(reading) // 2)
            with limited(memory, _parquet.CPU_SECONDS):
                _stage(file, image, out, found, spec, before, most)
    if not len(found):
        raise SourceError(f"{place}: holds no rows")
    listed = scratch / "parquet-files.json"
    known = [
        (str(path), *dataclasses.astuple(version))
        for path, version in zip(paths, versions, strict=True)
    ]
    listed.write_text(json.dumps(known))
    _check_versions(known)
    store = _archive_store.stored(found, [(staged, Version.of(staged))], place, reading, scratch)
    return EncodedSource(
        store=store,
        reading=reading,
        n=len(found),
        shape=None,
        stored_targets=targets,
        notes=Notes((*warnings, *lost)),
        nbytes=sum(path.stat().st_size for path in paths),
        fingerprint=_label_files.fingerprint(store.digest(), targets),
        columns=ParquetColumns(listed),
    )


def _image_column(file: Any, reading: Reading, spec: str) -> str:
    fields = {field.name: field.type for field in file.schema_arrow}
    if reading.image_key is not None:
        if reading.image_key not in fields:
            advice = did_you_mean(reading.image_key, list(fields))
            raise UsageError(
                f"{spec}: there is no column {reading.image_key!r}"
                f"{advice or f'; it has {_list(fields)}'}"
            )
        if not _holds_images(fields[reading.image_key]):
            raise UsageError(
                f"{spec}: {reading.image_key} is {fields[reading.image_key]}; images are bytes, or "
                "struct<bytes, path>"
            )
        return reading.image_key
    images = [name for name, kind in fields.items() if _holds_images(kind)]
    usual = [name for name in _IMAGES if name in images]
    if not images:
        raise SourceError(f"{spec}: no column holds images (bytes); it has {_list(fields)}")
    if not usual and len(images) > 1:
        raise UsageError(f"{spec}: {_list(images)} could be the images; choose with --image-key")
    return (usual or images)[0]


def _holds_images(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        inner = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        return "bytes" in inner and _holds_images(inner["bytes"])
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _label_columns(file: Any, reading: Reading, spec: str, image: str) -> tuple[str, ...]:
    rest = [name for name in file.schema_arrow.names if name != image]
    for key in reading.label_key or ():
        if key not in rest:
            advice = did_you_mean(key, rest) or f"; it has {_list(rest)}"
            raise UsageError(f"{spec}: there is no column {key!r}{advice}")
    own = tuple(name for name in rest if name.startswith("labels_"))
    keys = reading.label_key or own or tuple(name for name in _LABELS if name in rest)[:1]
    if not keys:
        raise UsageError(
            f"{spec}: no column has a usual name for labels; choose one of {_list(rest)} with "
            "--label-key"
        )
    return keys


def _check_alike(file: Any, first: Any, keys: Sequence[str], spec: str, other: str) -> None:
    for key in keys:
        names = file.schema_arrow.names
        kinds = [one.schema_arrow.field(key).type for one in (first, file) if key in names]
        if len(kinds) < 2 or kinds[0] != kinds[1]:
            has = f"is {kinds[1]}" if len(kinds) == 2 else "is not there"
            raise UsageError(
                f"{spec}: {key} {has}, and in {other} it is {first.schema_arrow.field(key).type}; "
                "read files of one kind"
            )
        mine, others = (_parquet.class_names(one).get(key) for one in (file, first))
        if mine != others:
            raise UsageError(
                f"{spec}: the classes of {key} are not those of {other}; read files of one kind"
            )


def _labels(
    files: Sequence[Any], keys: Sequence[str], place: str, reading: Reading, scratch: Path
) -> list[LabelArray]:
    arrays = []
    for key, name in zip(keys, target_names(keys, place), strict=True):
        parts = [_parquet.column(file, key) for file in files]
        alike = all(isinstance(part, np.ndarray) for part in parts)
        alike = alike and len({np.shape(part)[1:] for part in parts}) == 1
        cells = np.concatenate(parts) if alike else [cell for part in parts for cell in part]
        column = Column(cells, _parquet.class_names(files[0]).get(key))
        rows = np.arange(len(cells))
        where = f"{place}: {key}"
        arrays.append(labels_of(column, rows, name, where, reading.label_missing, None, scratch))
    return arrays


def _stage(
    file: Any,
    image: str,
    out: IO[bytes],
    found: _archive_store.Found,
    spec: str,
    before: str,
    most: int,
) -> None:
    """Copy the encoded images of a file to ``out``, which has ``most`` bytes then at most, and note
    where they are."""
    import pyarrow as pa

    row = 0
    try:
        at_once = _parquet.rows_at_once(file, image, _ROWS)
        for batch in file.iter_batches(batch_size=at_once, columns=[image], use_threads=False):
            column = batch.column(0)
            _decompress.check_room(Path(out.name).parent, spec, column.nbytes)
            struct = pa.types.is_struct(column.type)
            data = column.field("bytes") if struct else column
            paths = column.field("path").to_pylist() if _has_path(column) else [None] * len(column)
            valid = column.is_valid().to_pylist()
            for value, path, there in zip(data, paths, valid, strict=True):
                content = value.as_py() if there else None
                if content is None:
                    raise SourceError(
                        f"{spec}: row {row} has no image"
                        + (f", only the path {shown(str(path).encode())!r}" if path else "")
                        + "; embed all images in the file"
                    )
                name = f"{before}{row}" + (f" {path}" if path else "")
                encoded = name.encode("utf-8", "surrogateescape")
                if out.tell() + len(content) > most:
                    raise SourceError(
                        f"{spec}: unpacks to gigabytes by row {row}; {_unpack_limits.OPTION}"
                    )
                found.add(encoded, 0, out.tell(), len(content))
                out.write(content)
                row += 1
    except MemoryError as error:
        raise SourceError(
            f"{spec}: near row {row}: images take very much memory; {_unpack_limits.OPTION}"
        ) from error
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        message = _parquet.line(error)
        raise SourceError(f"{spec}: damaged near row {row} ({message}); get it again") from error


def _has_path(column: Any) -> bool:
    import pyarrow as pa

    kind = column.type
    if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return False
    return bool(pa.types.is_string(kind.field("path").type))


def _list(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
