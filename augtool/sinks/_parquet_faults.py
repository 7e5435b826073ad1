"""What in the end of a Parquet file is not as augtool writes it, so that readers may find other
columns, types or names of classes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from augtool.sinks._contract import Fault, Order

if TYPE_CHECKING:
    from augtool.sinks._parquet_rows import ParquetRows

_KEY = b"augtool"


def schema_faults(table: ParquetRows) -> Iterator[Fault]:
    """Differences between the schema of a file and the one that its facts ask for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from augtool.sinks import parquet
    from augtool.sinks._columns import arrow_schema

    facts, file = table.facts, table.file()
    described = json.loads(file.metadata.metadata[_KEY])
    if described["rows"] != [table.start, table.start + table.rows]:
        yield Fault(f"it has {table.rows} rows, and its end says {described['rows']}")
    order = Order(table.path, facts.fields, (0, table.rows), facts.attributes, encode=facts.encode)
    wanted = arrow_schema(parquet.lay_out(order).columns)
    stream = io.BytesIO()
    pq.write_table(pa.table([[]] * len(wanted), schema=wanted), stream, use_dictionary=False)
    plain = pq.ParquetFile(io.BytesIO(stream.getvalue()))
    if not file.schema_arrow.remove_metadata().equals(plain.schema_arrow.remove_metadata()):
        yield Fault("its columns have other names or types")
    elif not file.schema.equals(plain.schema):
        yield Fault("its columns are stored as other types")
    if _said(file.schema_arrow) != _said(wanted):
        yield Fault("what it says of its columns to other readers has changed")


def _said(schema: Any) -> dict[bytes, bytes]:
    return {name: text for name, text in (schema.metadata or {}).items() if name != _KEY}
