"""What in an output folder augtool has made, by its manifest; all else is somebody's own."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

from augtool.errors import OutputExists
from augtool.system import mounts, textfile

MANIFEST = Path(".augtool") / "manifest.json"
"""In a folder that augtool has made: what describes it, and the name of each of its files."""

_SHOWN = 5
_OF_THE_SYSTEM = "lost+found"  # at the top of a file system


def files_made(folder: Path) -> frozenset[str] | None:
    """The names, from ``folder`` on and with /, of all files that its manifest says were made, and
    of the manifest; None when there is no manifest. Names that lead out of it are left out."""
    try:
        files = json.loads(textfile.text_of(folder / MANIFEST))["files"]
        inside = (str(name) for name in files if {"", ".", ".."}.isdisjoint(str(name).split("/")))
        return frozenset((*inside, MANIFEST.as_posix()))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def strangers(folder: Path, besides: str = "") -> Iterator[str]:
    """The names, from ``folder`` on, of what augtool has not made in it, sorted part by part:
    files, links whatever they lead to, and folders that are empty. An entry ``besides`` is left
    out, and what a file system has at its top."""
    made = files_made(folder) or frozenset()
    folders = {
        "/".join(parts[:count])
        for parts in {tuple(name.split("/")[:-1]) for name in made}
        for count in range(1, len(parts) + 1)
    }
    out = (_OF_THE_SYSTEM, besides) if mounts.is_mount(folder) else (besides,)
    return _strangers(folder, "", made, folders, out)


def _strangers(
    folder: Path, below: str, made: frozenset[str], folders: set[str], out: tuple[str, ...]
) -> Iterator[str]:
    with os.scandir(folder / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if not entries and below and below.rstrip("/") not in folders:
        yield below
    for entry in entries:
        name = below + entry.name
        if not below and entry.name in out:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _strangers(folder, f"{name}/", made, folders, out)
        elif name not in made or not entry.is_file(follow_symlinks=False):
            yield name


def check_only_ours(folder: Path, besides: str = "") -> None:
    """Raise `OutputExists`, with the first names, when there is anything in an output folder that
    augtool has not made."""
    found = list(itertools.islice(strangers(folder, besides), _SHOWN + 1))
    if found:
        more = ", …" if len(found) > _SHOWN else ""
        raise OutputExists(
            f"{folder}: holds what augtool has not made ({', '.join(found[:_SHOWN])}{more}); "
            "move it elsewhere, or choose another --out"
        )
