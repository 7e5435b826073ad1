"""What in the end of a Parquet file is not as augtool writes it, so that readers may find other
columns, types or names of classes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from augtool.sinks._arrow_columns import arrow_schema
from augtool.sinks._contract import Facts, Fault, Order
from augtool.sinks._parquet_columns import column_of

_KEY, _ARROW = b"augtool", b"ARROW:schema"
_WHOLE = {"show_schema_metadata": True, "truncate_metadata": False}


class ParquetRows(Protocol):
    """A file that is open for reading: what an audit asks of it."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def facts(self) -> Facts:
        """What its end says of it."""
        ...

    @property
    def start(self) -> int:
        """The output row of its first row."""
        ...

    @property
    def rows(self) -> int:
        """How many rows are there."""
        ...

    def file(self) -> Any:
        """The file, as pyarrow opens it."""
        ...


def schema_faults(table: ParquetRows) -> Iterator[Fault]:
    """Differences between the schema of a file and the one that its facts ask for."""
    import pyarrow.parquet as pq

    facts, file = table.facts, table.file()
    described = json.loads(file.metadata.metadata[_KEY])
    if described["rows"] != [table.start, table.start + table.rows]:
        yield Fault(f"it has {table.rows} rows, and its end says {described['rows']}")
    order = Order(table.path, facts.fields, (0, table.rows), facts.attributes, encode=facts.encode)
    wanted = arrow_schema(tuple(column_of(order, one) for one in order.fields))
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, wanted, use_dictionary=False):
        pass
    plain = pq.ParquetFile(io.BytesIO(stream.getvalue()))
    if not file.schema_arrow.remove_metadata().equals(plain.schema_arrow.remove_metadata()):
        yield Fault("its columns have other names or types")
    elif not file.schema.equals(plain.schema):
        yield Fault("its columns are stored as other types")
    if _said(file) != _said(plain):
        yield Fault("what it says of its columns to other readers has changed")


def _said(file: Any) -> dict[bytes, Any]:
    """What stands in the end of a file beside our own: Arrow's schema, and the words of others."""
    import pyarrow as pa

    said = {name: text for name, text in file.metadata.metadata.items() if name != _KEY}
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(said.pop(_ARROW))))
    return {**said, _ARROW: schema.to_string(**_WHOLE)}
