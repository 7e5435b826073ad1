"""What lies in a source and is not used: every file of a folder, every member of an archive.

A source counts what it leaves out by kind; here each is named, with a reason. Nothing is opened but
the archives themselves.
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
import zipfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from augtool.sources import _listing
from augtool.sources._concat import Several
from augtool.sources._contract import Source
from augtool.sources._zip_members import members

_RECORD = b".augtool.json"  # an archive's own, by augtool
_KEY = re.compile(rb"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)  # a sample of a WebDataset tar
_TABLES = (b"metadata.csv", b"metadata.jsonl", b"metadata.parquet")


@dataclass(frozen=True)
class Unused:
    """A file, or a member of an archive, below one input, that no row is made of.

    path
        As the system, or the archive, has it, from the input on; bytes that are no UTF-8 are kept
        as lone surrogates (Python's ``surrogateescape``).
    row
        The row of the source that it would have been; None for what is left out.
    """

    input: str
    path: str
    reason: str
    row: int | None = None


def left_out(specs: Sequence[str], source: Source, labels: str | None = None) -> Iterator[Unused]:
    """What no row of an open source is made of; ``labels`` is the file of its labels, if any.

    Sources of arrays, and tables, have nothing to leave out.
    """
    if isinstance(source, Several):
        for spec, part in zip(source.specs, source.parts, strict=True):
            yield from left_out((spec,), part, labels)
        return
    store = getattr(source, "store", None)
    if store is None:
        return
    used = sorted(store.names())
    follow = source.reading.follow_links if hasattr(source, "reading") else False
    for spec in specs:
        before = f"{Path(spec).name}/".encode("utf-8", "surrogateescape") if len(specs) > 1 else b""
        for name, reason in _unused(spec, store, used, before, labels, follow):
            yield Unused(spec, text_of(name), reason)


def skipped(specs: Sequence[str], source: Source, row: int, name: str, reason: str) -> Unused:
    """A row that cannot be read; ``name`` is what an error called it."""
    spec, part, inner = _part_of(specs, source, row)
    store = getattr(part, "store", None)
    own = part.name(inner)
    path = own if store is None else text_of(store.name(inner))
    if len(specs) > 1 and part is source:  # archives, whose rows begin with their names
        spec = next((one for one in specs if path.startswith(f"{Path(one).name}/")), spec)
        path = path.removeprefix(f"{Path(spec).name}/")
    elsewhere = "" if name in (own, source.name(row)) else f"{name}: "  # its mask
    return Unused(spec, path, f"{elsewhere}{reason}", row)


def text_of(name: bytes) -> str:
    """A name as text from which the bytes can be had back (``surrogateescape``)."""
    return name.decode("utf-8", "surrogateescape")


def _part_of(specs: Sequence[str], source: Source, row: int) -> tuple[str, Any, int]:
    if not isinstance(source, Several):
        return specs[0], source, row
    at = next(at for at in range(len(source.parts)) if row < source.starts[at + 1])
    return source.specs[at], source.parts[at], row - source.starts[at]


def _unused(
    spec: str,
    store: Any,
    used: Sequence[bytes],
    before: bytes,
    labels: str | None,
    follow: bool,
) -> Iterator[tuple[bytes, str]]:
    root = getattr(store, "root", None)
    if root is not None:
        own = None if labels is None else os.fsencode(Path(labels).resolve())
        return _files(root, used, own, follow)
    if zipfile.is_zipfile(spec):
        return _zipped(spec, used)
    return _archived(spec, used, before)


def _files(
    root: bytes, used: Sequence[bytes], labels: bytes | None, follow: bool
) -> Iterator[tuple[bytes, str]]:
    """The files below a folder that are not among the ``used`` ones, sorted."""
    waiting, nested = [b""], any(b"/" in name for name in used)
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(root + b"/" + inside) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield inside, f"the folder cannot be read ({error.strerror})"
            continue
        for entry in entries:
            name = inside + b"/" + entry.name if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif not _has(used, name):
                reason = _reason(entry, name, used, nested, follow)
                table = name in _TABLES and reason.startswith("not an image")
                is_labels = labels is not None and os.path.realpath(entry.path) == labels
                if reason and not is_labels and not (table and not nested):
                    yield name, reason


def _reason(
    entry: os.DirEntry[bytes], name: bytes, used: Sequence[bytes], nested: bool, follow: bool
) -> str:
    """Why a file is not used; empty for a link to a folder whose files are."""
    if any(_listing.is_clutter(part.lower()) for part in name.split(b"/")):
        return "hidden, or left behind by a system"
    try:
        mode = entry.stat().st_mode
    except OSError:
        return "a link that leads nowhere"
    if stat.S_ISDIR(mode):
        return "" if _has_below(used, name + b"/") else "a linked folder, which is not followed"
    ending = _listing.extension(entry.name.lower())
    reasons = {
        f"not an image by its name ({_listing.kind_of(ending)})": not _listing.is_image(ending),
        "a linked file, which is not followed": entry.is_symlink() and not follow,
        "not a regular file": not stat.S_ISREG(mode),
        "an image outside the class folders": nested and b"/" not in name,
        "an image without a label": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)


def _has(used: Sequence[bytes], name: bytes) -> bool:
    at = bisect_left(used, name)
    return at < len(used) and used[at] == name


def _has_below(used: Sequence[bytes], prefix: bytes) -> bool:
    at = bisect_left(used, prefix)
    return at < len(used) and used[at].startswith(prefix)


def _zipped(spec: str, used: Sequence[bytes]) -> Iterator[tuple[bytes, str]]:
    """The members of a zip that are no rows; rows are named from some folder in it on."""
    with Path(spec).open("rb") as file:
        found = [(_plain(one.name), one) for one in members(file) if not one.is_folder]
    ends = [name for name, _ in found if name.endswith(used[0])] if used else []
    top = min((name.removesuffix(used[0]) for name in ends), key=len, default=b"")
    for name, one in sorted(found, key=lambda pair: pair[0]):
        if name.startswith(top) and _has(used, name[len(top) :]):
            continue
        ending = _listing.extension(name.rpartition(b"/")[2].lower())
        if any(_listing.is_clutter(part.lower()) for part in name.split(b"/")):
            yield name, "hidden, or left behind by a system"
        elif not _listing.is_image(ending):
            yield name, f"not an image by its name ({_listing.kind_of(ending)})"
        elif one.link or one.encrypted:
            yield name, "a link" if one.link else "encrypted"
        else:
            yield name, "outside the class folders, without a label, or in a form that is not read"


def _plain(name: bytes) -> bytes:
    return b"/".join(part for part in name.split(b"/") if part not in (b"", b".", b".."))


def _archived(spec: str, used: Sequence[bytes], before: bytes) -> Iterator[tuple[bytes, str]]:
    """The members of a tar of which no sample with a row is made."""
    keys = sorted({_key(name) for name in used})
    with tarfile.open(spec, "r:*") as archive:
        while (info := archive.next()) is not None:
            cast(Any, archive).members = []  # it would keep all of them
            name = info.name.encode("utf-8", "surrogateescape")
            if info.isdir() or name == _RECORD:
                continue
            if not info.isreg():
                yield name, "not a regular file"
            elif not _has(keys, before + _key(name)):
                yield name, "of no sample with an image and a label"


def _key(name: bytes) -> bytes:
    match = _KEY.fullmatch(name)
    return match[1] if match else name
