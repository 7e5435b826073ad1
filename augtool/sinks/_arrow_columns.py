"""The columns of a table: rows as Arrow arrays, with the types that readers are to find.

Numbers become scalars or fixed-size lists, nested where a row has several axes; pictures the struct
of a file's bytes and name that Hugging Face calls an Image. The schema says so in that library's
words too, so that it gives classes their names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.fields import Field
from augtool.sinks._contract import Encoded, Order


@dataclass(frozen=True)
class Column:
    """A column, and the field whose values it has.

    kind
        ``numbers``: ``shape`` values of ``dtype`` a row; ``picture``: the bytes of a file;
        ``text``.
    names
        Of the classes that the numbers mean; empty when they mean none.
    """

    name: str
    field: str
    kind: str = "numbers"
    dtype: str = "|u1"
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def numbers(order: Order, one: Field) -> Column:
    """The column of a field that is stored as numbers.

    Raises `UsageError` when there is no such thing as its dtype in a table.
    """
    import pyarrow as pa

    try:
        pa.from_numpy_dtype(np.dtype(one.dtype))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise UsageError(
            f"{one.name}: a table has no numbers of type {np.dtype(one.dtype).name}; "
            "use --format hdf5"
        ) from error
    return Column(
        one.name, one.name, dtype=one.dtype, shape=one.shape, names=_class_names(order, one)
    )


def _class_names(order: Order, one: Field) -> tuple[str, ...]:
    """The names of the classes that a hard label numbers, when each has its own."""
    name = one.name.replace("label", "class_names", 1)
    if one.dtype != "<i8" or one.shape or name not in order.attributes:
        return ()
    names = tuple(json.loads(str(order.attributes[name])))
    return names if len(set(names)) == len(names) else ()


def arrow_schema(columns: Sequence[Column]) -> Any:
    """The columns as an Arrow schema, with the features by which Hugging Face knows them."""
    import pyarrow as pa

    features = {one.name: _feature(one) for one in columns}
    described = json.dumps({"info": {"features": features}})
    return pa.schema(
        [(one.name, _type(one)) for one in columns], metadata={"huggingface": described}
    )


def leaf(column: Column) -> str:
    """The path by which Parquet calls the numbers or the text of a column."""
    return column.name + ".list.element" * len(column.shape)


def _type(column: Column) -> Any:
    import pyarrow as pa

    if column.kind == "picture":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if column.kind == "text":
        return pa.string()
    result = pa.from_numpy_dtype(np.dtype(column.dtype))
    for length in reversed(column.shape):
        result = pa.list_(result, length)
    return result


def _feature(column: Column) -> dict[str, Any]:
    """What ``datasets.Features.to_dict`` writes."""
    if column.kind == "picture":
        return {"_type": "Image"}
    if column.names:
        return {"names": list(column.names), "_type": "ClassLabel"}
    dtype = "string" if column.kind == "text" else np.dtype(column.dtype).name
    result: dict[str, Any] = {"dtype": dtype, "_type": "Value"}
    for length in reversed(column.shape):
        result = {"feature": result, "length": length, "_type": "List"}
    return result


@dataclass
class RowBuffer:
    """Rows on their way to the parent: what the columns have of them, in order."""

    columns: tuple[Column, ...]
    _first: int = -1  # the output row it begins with
    _kept: dict[str, list[Any]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget all rows."""
        self._first, self._kept = -1, {}

    def add(self, field: str, rows: npt.NDArray[np.int64], values: Any) -> None:
        """Keep what a field has in some more rows: an array (m, …), a list of text, or one of
        (bytes, file name)."""
        if self._first < 0:
            self._first = int(rows[0])
        self._kept.setdefault(field, []).append(values)

    def encoded(self) -> list[Encoded]:
        """All rows as one Arrow record batch, without its schema; afterwards they are
        forgotten."""
        import pyarrow as pa

        if self._first < 0:
            return []
        arrays = [_array(one, self._kept[one.field]) for one in self.columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(self.columns))
        piece = Encoded("", self._first, batch.serialize().to_pybytes())
        self.clear()
        return [piece]


def _array(column: Column, parts: list[Any]) -> Any:
    import pyarrow as pa

    if column.kind == "numbers":
        values = np.ascontiguousarray(np.concatenate(parts))
        result = pa.array(values.reshape(-1))
        for length in column.shape[::-1]:
            result = pa.FixedSizeListArray.from_arrays(result, length)
        return result
    joined = [one for part in parts for one in part]
    if column.kind == "text":
        return pa.array(joined, pa.string())
    data, names = zip(*joined, strict=True)
    return pa.StructArray.from_arrays(
        [pa.array(data, pa.binary()), pa.array(names, pa.string())], names=["bytes", "path"]
    )
