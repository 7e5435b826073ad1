"""What Parquet files hold, by pyarrow, an extra that is imported when it is needed.

A file from outside can crash it, or make it take any memory, so this runs in a child process:
see `augtool.system.child`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import AugtoolError, SourceError, UsageError
from augtool.sources._column import Column
from augtool.system.child import limited
from augtool.text import shown

MEMORY = 640 << 20
"""Bytes that reading a few rows may take."""

CPU_SECONDS = 1 << 30  # what is read is as long as it is

_BUFFER = 1 << 20
_BATCH_BYTES = 32 << 20
_ROWS = 4096
_CELL_BYTES = 400
_MOST_FOOTER = 100 << 20


def opened(path: Path) -> Any:
    """The file as a ``pyarrow.parquet.ParquetFile``. Raises `SourceError` when it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = _shown(path)
    try:
        with limited(MEMORY, CPU_SECONDS):
            file = pq.ParquetFile(
                path,
                buffer_size=_BUFFER,  # without it all of a column is read at once
                thrift_string_size_limit=_MOST_FOOTER,
                thrift_container_size_limit=_MOST_FOOTER,
            )
            _ = file.schema_arrow.names  # which need not be text
            return file
    except (OSError, MemoryError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise SourceError(f"{where}: not readable as Parquet ({line(error)})") from error


@contextmanager
def whatever(place: str) -> Iterator[None]:
    """Whatever the library makes of a damaged file inside becomes `SourceError`, with ``place``.
    Raises `UsageError` when there is no library."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError(
            f"{place}: Parquet files need pyarrow: pip install 'augtool[parquet]'"
        ) from None
    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve a gigabyte at once
    try:
        yield
    except AugtoolError:
        raise
    except Exception as error:  # of many classes: names that are no UTF-8, types, memory, …
        if isinstance(error, OSError) and error.errno:
            raise
        raise SourceError(
            f"{place}: not readable as Parquet, perhaps damaged ({line(error)}); get it again"
        ) from error


def headings(path: Path) -> tuple[str, ...]:
    """The names of the columns. Raises as `opened`."""
    with whatever(_shown(path)):
        return tuple(opened(path).schema_arrow.names)


def columns(path: Path, names: Sequence[str]) -> dict[str, Column]:
    """Some columns, with the names of classes. Raises as `opened` and `column`."""
    with whatever(_shown(path)):
        file = opened(path)
        classes = class_names(file)
        return {name: Column(column(file, name), classes.get(name)) for name in names}


def class_names(file: Any) -> dict[str, tuple[str, ...]]:
    """The names of the classes in each column of ids, as Hugging Face's metadata has them."""
    metadata = file.schema_arrow.metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            column: tuple(map(str, one["names"]))
            for column, one in features.items()
            if isinstance(one, dict) and one.get("_type") == "ClassLabel" and one.get("names")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def column(file: Any, name: str) -> npt.NDArray[Any] | list[Any]:
    """The column ``name``: an array of numbers (m,) or (m, K) where it is one, else cells.

    Raises `SourceError` when it is damaged.
    """
    import pyarrow as pa

    rows = file.metadata.num_rows
    try:
        batch_rows = rows_at_once(file, name, _ROWS)
        with limited(MEMORY + _CELL_BYTES * rows, CPU_SECONDS):
            batches = file.iter_batches(columns=[name], batch_size=batch_rows, use_threads=False)
            parts = [_values(batch.column(0)) for batch in batches]
    except (OSError, MemoryError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise SourceError(f"column {name!r}: damaged ({line(error)})") from error
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if parts and len(arrays) == len(parts) and len({part.shape[1:] for part in arrays}) == 1:
        return np.concatenate(arrays)
    return [cell for part in parts for cell in (part if isinstance(part, list) else part.tolist())]


def rows_at_once(file: Any, name: str, most: int) -> int:
    """How many rows of a column to read at a time, by what the file says of its size."""
    rows = max(1, file.metadata.num_rows)
    return int(max(1, min(most, _BATCH_BYTES * rows // max(1, bytes_of(file, name)))))


def bytes_of(file: Any, name: str) -> int:
    """What a column takes, as the file says itself."""
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    own = (one for one in chunks if one.path_in_schema.split(".")[0] == name)
    return sum(max(0, one.total_uncompressed_size) for one in own)


def _values(array: Any) -> npt.NDArray[Any] | list[Any]:
    import pyarrow as pa

    kind = array.type
    if array.null_count == 0 and _is_number(kind):
        values: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return values
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    lists = lists or pa.types.is_fixed_size_list(kind)
    if lists and array.null_count == 0 and _is_number(kind.value_type):
        flat = array.flatten()
        width = len(flat) // max(1, len(array))
        lengths = {width} if pa.types.is_fixed_size_list(kind) else set(_lengths(array))
        if flat.null_count == 0 and lengths == {width} and width:
            table: npt.NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(-1, width)
            return table
    cells: list[Any] = array.to_pylist()
    return cells


def _lengths(array: Any) -> list[int]:
    found: list[int] = array.value_lengths().to_pylist()
    return found


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    test = pa.types
    return bool(test.is_integer(kind) or test.is_floating(kind) or test.is_boolean(kind))


def _shown(path: Path) -> str:
    return shown(str(path).encode("utf-8", "surrogateescape"))


def line(error: Exception) -> str:
    """What the library says, in one line: it repeats bytes of the file."""
    return shown(" ".join(str(error).split()).encode("utf-8", "backslashreplace"))
