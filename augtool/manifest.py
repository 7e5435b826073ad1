"""The manifest of a folder output: what describes it, and the sha256 of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from augtool.books import MANIFEST
from augtool.sinks._contract import Digests, Order


def write(order: Order, name: str, digests: Digests) -> None:
    """Write the manifest of a finished folder of the format ``name``, a line for each file."""
    folder = order.path
    facts: dict[str, Any] = {
        "format": name,
        "borders": order.borders,
        "fields": [
            {"name": one.name, "dtype": one.dtype, "shape": one.shape} for one in order.fields
        ],
        "attributes": dict(order.attributes),
        "encode": order.encode,
        "records": dict(digests(0, order.rows)),
    }
    place = folder / MANIFEST
    place.parent.mkdir(exist_ok=True)
    with place.open("w", encoding="utf-8") as file:
        file.write(json.dumps(facts, ensure_ascii=False, indent=1).removesuffix("\n}"))
        before = ',\n "files": {\n  '
        for path in _files(folder):  # there may be millions: one at a time
            if path == place:
                continue
            about = {"size": path.stat().st_size, "sha256": sha256_of(path)}
            key = path.relative_to(folder).as_posix()
            file.write(f"{before}{json.dumps(key, ensure_ascii=False)}: {json.dumps(about)}")
            before = ",\n  "
        file.write("\n }\n}\n")


def _files(folder: Path) -> Iterator[Path]:
    """All files in a folder and those in it, sorted."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder output. Raises OSError or ValueError when it has none."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def sha256_of(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
