"""The manifest of a folder output: what describes it, and the sha256 of each of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from augtool.sinks._contract import Digests, Order
from augtool.system import strict_json, textfile
from augtool.system.inventory import MANIFEST

INDEX = (MANIFEST.parent / "_info.json").as_posix()
README, CROISSANT = "README.md", "croissant.json"
"""Cards that describe a folder to others; they may be put into it once it is finished."""

_READ_BYTES = 1 << 20


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
        for file_name in _files(folder):  # there may be millions: one at a time
            if file_name != MANIFEST.as_posix():
                size, digest = _size_and_sha256(f"{folder}/{file_name}")
                about = json.dumps({"size": size, "sha256": digest})
                file.write(f"{before}{json.dumps(file_name, ensure_ascii=False)}: {about}")
                before = ",\n  "
        file.write("\n }\n}\n")


def _files(folder: Path, below: str = "") -> Iterator[str]:
    """The names from ``folder`` on of all files in it, with /, sorted part by part."""
    with os.scandir(folder / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _files(folder, f"{below}{entry.name}/")
        else:
            yield below + entry.name


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a folder output. Raises OSError when it has none, and ValueError for what is
    none, and for one that names a file outside of the folder."""
    facts = strict_json.loads(textfile.text_of(inside(folder, MANIFEST.as_posix())))
    if not isinstance(facts, dict) or not isinstance(facts.get("files"), dict):
        raise ValueError("its manifest is not in the form that augtool writes")
    for name in facts["files"]:
        place = Path(name)
        if place.is_absolute() or place.drive or ".." in place.parts or not place.parts:
            raise ValueError(f"its manifest names the file {name!r}, which is not its own")
    return facts


def inside(folder: Path, name: str) -> Path:
    """The file ``name`` of a folder output. Raises ValueError when links lead out of the folder."""
    real = os.path.realpath(folder / name)
    if not Path(real).is_relative_to(os.path.realpath(folder)):
        raise ValueError(f"{name} leads out of the folder by a link")
    return folder / name


def holds(folder: Path, name: str, *, indexed: bool) -> bool:
    """Whether a folder output is of the format ``name``, has an index if and only if it is to be
    ``indexed``, and has all its files in their sizes. Raises as `read`, and `KeyError`."""
    facts = read(folder)
    files = facts["files"]
    return (
        facts["format"] == name
        and (INDEX in files) == indexed
        and all((folder / one).stat().st_size == about["size"] for one, about in files.items())
    )


def _size_and_sha256(path: str) -> tuple[int, str]:
    """How many bytes a file has, and their sha256 (hex). Opened in the way that takes least time:
    most files are small."""
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        while data := os.read(handle, _READ_BYTES):
            digest.update(data)
            size += len(data)
    finally:
        os.close(handle)
    return size, digest.hexdigest()
