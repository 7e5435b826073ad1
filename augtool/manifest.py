"""The manifest of a folder output: what describes it, and the sha256 of each of its files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from augtool.books import MANIFEST
from augtool.sinks._contract import Digests, Order


def write(order: Order, name: str, digests: Digests) -> None:
    """Write the manifest of a finished folder of the format ``name``."""
    folder = order.path
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts: dict[str, Any] = {
        "format": name,
        "borders": order.borders,
        "fields": [
            {"name": one.name, "dtype": one.dtype, "shape": one.shape} for one in order.fields
        ],
        "attributes": dict(order.attributes),
        "encode": order.encode,
        "records": dict(digests(0, order.rows)),
        "files": {
            path.relative_to(folder).as_posix(): {
                "size": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in files
        },
    }
    place = folder / MANIFEST
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder output. Raises OSError or ValueError when it has none."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def sha256_of(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
