"""The walk through an image folder, kept in a file for other runs: see `_listing_file`.

A listing holds names, sizes and times of files, and the times of all folders that were looked into.
A folder's time changes when something is put in, taken out or renamed, so a look at each folder
tells whether a listing still holds; a changed file is found when it is read.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from augtool.errors import InputChanged, UsageError
from augtool.sources import _listing, _listing_cache
from augtool.sources._listing import Files, Walk
from augtool.sources._listing_cache import DAMAGE, Saved, advising, refused, split, texts
from augtool.text import shown

Opened = TypeVar("Opened")

_KIND = "folder"


@dataclass(frozen=True)
class _Part:
    """What lies below one folder of the root, or below the root itself (b"")."""

    files: Files
    left_out: Counter[str]


@dataclass
class _Noted:
    """A walk that is noted down. ``time`` is that of the root before it was looked at."""

    root: bytes
    follow: bool
    time: int
    parts: dict[bytes, _Part] = field(default_factory=dict)

    def walk(self, root: bytes, folder: bytes, left_out: Counter[str], follow: bool) -> Files:
        """See `_listing.walked`."""
        counted = Counter[str]()
        files = _listing.walked(root, folder, counted, follow)
        self.parts[folder] = _Part(files, counted)
        left_out.update(counted)
        return files

    def saved(self) -> Saved:
        parts = self.parts.values()
        folders = [(b"", self.time)] + [one for part in parts for one in part.files.folders]
        files = texts([name for part in parts for name in part.files.names])
        names = texts([name for name, _ in folders])
        return Saved(
            {
                "kind": _KIND,
                "input": _place(self.root),
                "follow_links": self.follow,
                "parts": [
                    (_listing.text(name), len(part.files.names), dict(part.left_out))
                    for name, part in self.parts.items()
                ],
            },
            {
                **files,
                "sizes": np.concatenate([np.array(part.files.sizes, "<i8") for part in parts]),
                "times": np.concatenate([np.array(part.files.times, "<i8") for part in parts]),
                "folder_names": names["names"],
                "folder_lengths": names["lengths"],
                "folder_times": np.array([time for _, time in folders], "<i8"),
            },
        )


def by_listing(
    root: bytes, spec: str, follow: bool, file: Path, make: Callable[[Walk], Opened]
) -> Opened:
    """What ``make`` opens by a walk through ``root``, through linked folders or not: that of the
    listing in ``file``, or a real one, which is noted there for others.

    Raises `UsageError` for a listing of something else, `InputChanged` for an old one.
    """

    def noted() -> tuple[Opened, Saved]:
        notes = _Noted(root, follow, os.stat(root).st_mtime_ns)  # noqa: PTH116 (paths of bytes)
        return make(notes.walk), notes.saved()

    def read(saved: Saved) -> Opened:
        try:
            parts = _parts_of(saved, root, spec, follow, file)
        except DAMAGE as error:
            raise refused(file, f"is damaged ({error})") from None

        def walk(_root: bytes, folder: bytes, left_out: Counter[str], _follow: bool) -> Files:
            if folder not in parts:
                raise _other(file, spec)
            left_out.update(parts[folder].left_out)
            return parts[folder].files

        with advising(file):  # images are probed
            return make(walk)

    return _listing_cache.read_or_made(file, read, noted)


def _other(file: Path, spec: str) -> UsageError:
    return refused(file, f"lists {spec} for other options than these")


def _parts_of(saved: Saved, root: bytes, spec: str, follow: bool, file: Path) -> dict[bytes, _Part]:
    """The parts of a listing, checked. Raises `UsageError`, `InputChanged`, and what is in
    `DAMAGE`."""
    head, arrays = saved.head, saved.arrays
    if head["kind"] != _KIND or head["input"] != _place(root):
        raise refused(file, f"lists another input than {spec}")
    if head["follow_links"] is not follow:
        raise _other(file, spec)
    folders = split(arrays["folder_names"], arrays["folder_lengths"])
    _check_folders(folders, arrays["folder_times"].tolist(), root, spec, follow, file)
    names = split(arrays["names"], arrays["lengths"])
    sizes, times = arrays["sizes"].tolist(), arrays["times"].tolist()
    if not len(names) == len(sizes) == len(times):
        raise ValueError("its columns have not the same length")
    parts, at, known = {}, 0, frozenset(folders)
    for text, count, left_out in head["parts"]:
        folder, stop = str(text).encode("utf-8", "surrogateescape"), at + int(count)
        if not at <= stop <= len(names):
            raise ValueError("its counts are wrong")
        _check_names(names[at:stop], folder + b"/" if folder else b"", known)
        files = Files(names[at:stop], array("q", sizes[at:stop]), array("q", times[at:stop]))
        parts[folder] = _Part(files, _counts(left_out))
        at = stop
    if at < len(names):
        raise ValueError("its counts are wrong")
    return parts


def _check_folders(
    folders: list[bytes], times: list[int], root: bytes, spec: str, follow: bool, file: Path
) -> None:
    """All are folders inside the root, by no link unless these are followed, and as they were."""
    known = set(folders)
    if len(times) != len(folders) or folders[0]:
        raise ValueError("its folders are damaged")
    for folder, time in zip(folders, times, strict=True):
        above, _, name = folder.rpartition(b"/")
        if folder and (above not in known or not _is_name(name)):
            raise ValueError(f"{shown(folder)!r} is no folder inside the input")
        path = root + b"/" + folder if folder else root
        try:
            status = os.stat(path, follow_symlinks=follow or not folder)  # noqa: PTH116 (paths of bytes)
        except OSError:
            status = None
        if status is None or not stat.S_ISDIR(status.st_mode) or status.st_mtime_ns != time:
            inside = f": the folder {shown(folder)!r}" if folder else ": it"
            raise InputChanged(
                f"--listing {shown(os.fsencode(file))}: is older than {spec}{inside} has changed; "
                "remove it to have it made again, or name another file"
            )


def _check_names(names: list[bytes], prefix: bytes, folders: frozenset[bytes]) -> None:
    """All are names of images, directly in folders that were checked."""
    for name in names:
        above, _, last = name.rpartition(b"/")
        lowered = last.lower()
        if (
            not name.startswith(prefix)
            or above not in folders
            or not _is_name(last)
            or _listing.is_clutter(lowered)
            or not _listing.is_image(_listing.extension(lowered))
        ):
            raise ValueError(f"{shown(name)!r} is no image of the input")


def _is_name(name: bytes) -> bool:
    return name not in (b"", b".", b"..") and b"\0" not in name


def _counts(left_out: Any) -> Counter[str]:
    return Counter({str(kind): int(count) for kind, count in left_out.items() if count > 0})


def _place(root: bytes) -> str:
    """What an input is known by: its path without links."""
    return _listing.text(os.path.realpath(root))
