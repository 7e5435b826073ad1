"""Whether a source is the one that an output, or a saved plan, was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from augtool.errors import UsageError
from augtool.sources._contract import Source
from augtool.sources._fingerprint import content_of


def check_origin(
    where: str,
    attributes: Mapping[str, Any],
    source: Source,
    files: Sequence[str],
    follow: bool = False,
) -> None:
    """Raise `UsageError` that says what differs when the fingerprint of ``source`` is not the one
    in ``attributes``, or the content of its ``files`` when that stands there too; links in folders
    are followed or not."""
    same = source.fingerprint == attributes["source_fingerprint"]
    content = attributes.get("source_content")
    if same and (content is None or content == content_of(files, follow)):
        return
    rows = int(attributes["source_rows"])
    if source.n != rows:
        how = f"that had {rows:,} rows, and --in has {source.n:,}"
    elif same:
        how = "names, sizes and labels are the same, and what is in the files is not"
    else:
        how = f"both have {rows:,} rows, but their names, sizes or labels differ"
    raise UsageError(
        f"{where}: was made from another source ({how}); give the same --in with the same reading "
        "options, or take this one all the same with --other-source"
    )
