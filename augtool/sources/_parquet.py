"""What Parquet files hold, by pyarrow, an extra that is imported when it is needed.

Files come from outside and can crash the library, so they are looked at by child processes only:
what is here runs in one, by `augtool.isolate.isolated`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import AugtoolError, SourceError, UsageError
from augtool.isolate import limited
from augtool.sources._listing import shown

_SPARE_BYTES = 1 << 30
_CPU_SECONDS = 30
_SLOWEST = 2_000_000  # bytes a second, on all processors together


def check_installed(path: Path) -> None:
    """Raise `UsageError` when there is no pyarrow to read ``path`` with. Does not import it."""
    if find_spec("pyarrow") is None:
        where = _shown(path)
        raise UsageError(f"{where}: Parquet files need pyarrow: pip install 'augtool[parquet]'")


def opened(path: Path) -> Any:
    """The file as a ``pyarrow.parquet.ParquetFile``. Raises `SourceError` when it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = _shown(path)
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{where}: not readable as Parquet ({_line(error)})") from error


@contextmanager
def bounded(place: str, paths: Sequence[Path]) -> Iterator[None]:
    """In the child: what runs inside takes memory and time that the sizes of the files account for.
    A column's part of a row group is in memory as a whole, packed and unpacked.

    Whatever the library makes of a damaged file becomes `SourceError`, with ``place``.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # the others reserve a gigabyte at once
    sizes = [path.stat().st_size for path in paths]
    try:
        with limited(_SPARE_BYTES + 4 * max(sizes), _CPU_SECONDS + sum(sizes) // _SLOWEST):
            yield
    except AugtoolError:
        raise
    except Exception as error:  # of many classes: names that are no UTF-8, types, memory, …
        if isinstance(error, OSError) and error.errno:
            raise
        raise SourceError(
            f"{place}: not readable as Parquet, perhaps damaged ({_line(error)}); get it again"
        ) from error


def headings(path: Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The names of the columns, and `class_names`. Raises as `opened`."""
    with bounded(_shown(path), [path]):
        file = opened(path)
        return tuple(file.schema_arrow.names), class_names(file)


def columns(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any] | list[Any]]:
    """Some columns of a file, see `column`."""
    with bounded(_shown(path), [path]):
        file = opened(path)
        return {name: column(file, name) for name in names}


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

    try:
        parts = [_values(batch.column(0)) for batch in batches(file, name, 4096)]
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"column {name!r}: damaged ({_line(error)})") from error
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if parts and len(arrays) == len(parts) and len({part.shape[1:] for part in arrays}) == 1:
        return np.concatenate(arrays)
    return [cell for part in parts for cell in (part if isinstance(part, list) else part.tolist())]


def batches(file: Any, name: str, rows: int) -> Iterator[Any]:
    """A column in record batches of so many rows; by this thread alone, since stacks of others
    count as memory."""
    yield from file.iter_batches(batch_size=rows, columns=[name], use_threads=False)


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


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
