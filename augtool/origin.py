"""Whether a source is the one that an output, or a saved plan, was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augtool.errors import UsageError
from augtool.sources._contract import Source


def check_origin(where: str, attributes: Mapping[str, Any], source: Source) -> None:
    """Raise `UsageError` that says what differs when the fingerprint of ``source`` is not the one
    in ``attributes``."""
    if source.fingerprint == attributes["source_fingerprint"]:
        return
    rows = int(attributes["source_rows"])
    if source.n != rows:
        how = f"that had {rows:,} rows, and --in has {source.n:,}"
    else:
        how = f"both have {rows:,} rows, but their names, sizes or labels differ"
    raise UsageError(
        f"{where}: was made from another source ({how}); give the same --in with the same reading "
        "options, or take this one all the same with --other-source"
    )
