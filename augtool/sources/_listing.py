"""The files of an image folder: found once, written down, and mapped by the workers.

Names are bytes throughout: what the operating system gave, which need be neither UTF-8 nor one
line. Their order is that of ``sorted()`` on the names as text, whatever the locale.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from augtool.codecs.decode import reads_heif
from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._mapped import changed_ns
from augtool.system import progress
from augtool.text import shown

Int64s = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

EXTENSIONS = frozenset(
    {b".jpg", b".jpeg", b".png", b".bmp", b".gif", b".webp", b".tif", b".tiff", b".ppm"}
)
_HEIF = frozenset({b".heic", b".heif"})
_LINKED, _SEEN = "linked folders (--follow-links)", "linked folders seen already"
UNKNOWN = -1  # the inode and the change time of a file that another run has listed
LINKED_FILES = "linked files (--follow-links)"
_EXTRA = " (pip install 'augtool[heic]')"  # in the line that counts what was not read
SPLIT_WORDS = frozenset({b"train", b"val", b"valid", b"validation", b"dev", b"test"})
INT64 = (1 << 63) - 1  # Windows has larger inodes
_CLUTTER = frozenset({b"__macosx", b"@eadir", b"thumbs.db", b"desktop.ini"})


@dataclass(frozen=True)
class Classes:
    """The class folders in the order of their ids; ``missing`` are listed and not there."""

    folders: tuple[bytes, ...]
    captions: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """The rows of an image folder, as arrays in the files of ``scratch``.

    names
        The relative names of all rows, one after another, (sum of lengths,) uint8; row i is
        ``names[starts[i]:starts[i + 1]]``.
    sizes, times, class_ids
        (n,) int64: bytes, modification time in nanoseconds, class id.
    inodes, changes
        (n,) int64: inode, and change time in nanoseconds, to know a file again within this run;
        `UNKNOWN` where a listing was kept by another.
    """

    scratch: Path

    @cached_property
    def names(self) -> npt.NDArray[np.uint8]:
        return _mapped(self.scratch, "names", np.uint8)

    @cached_property
    def starts(self) -> Int64s:
        return _mapped(self.scratch, "starts", np.int64)

    @cached_property
    def sizes(self) -> Int64s:
        return _mapped(self.scratch, "sizes", np.int64)

    @cached_property
    def times(self) -> Int64s:
        return _mapped(self.scratch, "times", np.int64)

    @cached_property
    def inodes(self) -> Int64s:
        return _mapped(self.scratch, "inodes", np.int64)

    @cached_property
    def changes(self) -> Int64s:
        return _mapped(self.scratch, "changes", np.int64)

    @cached_property
    def class_ids(self) -> Int64s:
        return _mapped(self.scratch, "class_ids", np.int64)

    def __getstate__(self) -> dict[str, Any]:
        """Only the path: a worker maps the arrays itself."""
        return {"scratch": self.scratch}

    def files(self, rows: Int64s) -> Iterator[tuple[bytes, int, int, int, int]]:
        """(relative name, bytes, time, inode, change time) of each row."""
        names = self.names.data
        starts, ends = self.starts[rows].tolist(), self.starts[rows + 1].tolist()
        sizes, times = self.sizes[rows].tolist(), self.times[rows].tolist()
        inodes, changes = self.inodes[rows].tolist(), self.changes[rows].tolist()
        for start, end, *numbers in zip(starts, ends, sizes, times, inodes, changes, strict=True):
            size, time, inode, change = numbers
            yield names[start:end].tobytes(), size, time, inode, change

    @property
    def class_ids_path(self) -> Path:
        """The file of ``class_ids``."""
        return _path_of(self.scratch, "class_ids")

    def digest(self) -> str:
        """sha256 (hex) over relative names and sizes."""
        digest = hashlib.sha256(self.names.data)
        for numbers in (self.starts, self.sizes):
            digest.update(numbers.astype("<i8", copy=False).data)
        return digest.hexdigest()

    def stamp(self) -> str:
        """sha256 (hex) over modification times."""
        return hashlib.sha256(self.times.astype("<i8", copy=False).data).hexdigest()

    def fingerprint(self, captions: tuple[str, ...]) -> str:
        """sha256 over relative names, sizes, class ids and class names."""
        digest = hashlib.sha256(json.dumps(captions, ensure_ascii=True).encode())
        digest.update(self.names.data)
        for numbers in (self.starts, self.sizes, self.class_ids):
            digest.update(numbers.astype("<i8", copy=False).data)
        return digest.hexdigest()


@dataclass
class Files:
    """Files while they are found: relative names, bytes, modification times in nanoseconds; inodes
    and change times, unless a listing that was kept has none."""

    names: list[bytes] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    inodes: array[int] = field(default_factory=lambda: array("q"))
    changes: array[int] = field(default_factory=lambda: array("q"))
    folders: list[tuple[bytes, int]] = field(default_factory=list)  # name, and time before a look

    def add(self, name: bytes, status: os.stat_result) -> None:
        self.names.append(name)
        self.sizes.append(status.st_size)
        self.times.append(status.st_mtime_ns)
        self.inodes.append(status.st_ino & INT64)
        self.changes.append(changed_ns(status))

    def numbers(self, order: Sequence[int]) -> Numbers:
        """(4, n) int64: sizes, times, inodes, changes, in a given order."""
        known = len(self.inodes) == len(self.sizes)
        unknown = np.full(len(self.sizes), UNKNOWN, np.int64)
        columns = (
            np.array(self.sizes, np.int64),
            np.array(self.times, np.int64),
            np.array(self.inodes, np.int64) if known else unknown,
            np.array(self.changes, np.int64) if known else unknown,
        )
        return np.stack([column[list(order)] for column in columns])

    def order(self) -> list[int]:
        texts = [text(name) for name in self.names]
        return sorted(range(len(texts)), key=texts.__getitem__)


@dataclass(frozen=True)
class Level:
    """What lies directly in a folder: subfolders in order, the count of images, and the rest."""

    folders: tuple[bytes, ...]
    images: int
    left_out: Counter[str]


Walk = Callable[[bytes, bytes, Counter[str], bool], Files]
"""`walked`, or what knows its results already."""


def count_of_links(left_out: Mapping[str, int]) -> int:
    """How many links were not followed."""
    return left_out.get(LINKED_FILES, 0) + left_out.get(_LINKED, 0)


def links_not_followed(left_out: Mapping[str, int]) -> tuple[str, ...]:
    """The warning about links that were not followed, if there were any."""
    counts = {kind: left_out.get(kind, 0) for kind in (LINKED_FILES, _LINKED)}
    said = [f"{count:,} {kind.partition(' (')[0]}" for kind, count in counts.items() if count]
    if not said:
        return ()
    return (f"{' and '.join(said)} are not read; use --follow-links to read what they link to",)


def not_read(left_out: Mapping[str, int]) -> str:
    """The left-out files as a person says them, the most frequent first: "380 .heic, 30 .mov"."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {extension}" for extension, count in ordered)


def split_folder(root: bytes, reading: Reading) -> bytes:
    """The folder of ``reading.split``. Raises `UsageError` when there is none."""
    split = str(reading.split)
    folders = _level(root, reading.follow_links).folders
    if _name(split) not in folders:
        choices = ", ".join(map(shown, folders)) or "no folders at all"
        raise UsageError(f"--split {split}: not in {shown(root)}, which holds {choices}")
    return os.path.join(root, _name(split))  # noqa: PTH118 (paths of bytes)


def find_classes(root: bytes, spec: str, reading: Reading) -> Classes:
    """The classes of the folder ``root``, which messages call ``spec``.

    Raises `UsageError` when the folders are not classes: splits, one folder too high, or images
    without class folders; and when ``reading.classes`` does not list a folder.
    """
    level = _level(root, reading.follow_links)
    if not level.folders or not set(level.folders) <= _listed(reading.classes or ()):
        _check_structure(root, spec, level, reading.follow_links)
    return classes_of(spec, level, reading)


def classes_of(spec: str, level: Level, reading: Reading) -> Classes:
    """The classes that are these folders, in the order and with the captions of
    ``reading.classes`` if it is given. Raises `UsageError` when it does not list a folder."""
    if reading.classes is None:
        return Classes(level.folders, tuple(map(shown, level.folders)))
    return _listed_classes(spec, level, reading.classes)


def write_listing(
    root: bytes, folders: Iterable[bytes], scratch: Path, walk: Walk, follow: bool = False
) -> tuple[Listing, Int64s, Counter[str]]:
    """Find the files of the class folders by ``walk`` and write them down in ``scratch``.

    Returns the listing, the number of images of each class (one folder, one class), and the
    left-out files by extension. Raises `SourceError` when a folder cannot be read.
    """
    left_out = _level(root, follow).left_out
    names: list[bytes] = []
    parts: list[tuple[Int64s, Numbers]] = []
    for folder in folders:
        found = walk(root, folder, left_out, follow)
        order = found.order()
        lengths = np.array([len(found.names[at]) for at in order], np.int64)
        names.append(b"".join([found.names[at] for at in order]))
        parts.append((lengths, found.numbers(order)))
    counts = np.array([len(lengths) for lengths, _ in parts], np.int64)
    all_lengths = np.concatenate([lengths for lengths, _ in parts])
    numbers = np.concatenate([columns for _, columns in parts], axis=1)
    _save_files(scratch, names, all_lengths, numbers)
    _save(scratch, "class_ids", np.repeat(np.arange(len(counts), dtype=np.int64), counts))
    return Listing(scratch), counts, left_out


def listed(
    root: bytes, follow: bool = False, walk: Walk | None = None
) -> tuple[Files, Counter[str]]:
    """All image files at any depth below ``root``, in no order, and the left-out files by
    extension."""
    left_out: Counter[str] = Counter()
    return (walk or walked)(root, b"", left_out, follow), left_out


def forget(left_out: Counter[str], root: bytes, file: bytes) -> None:
    """Take a file that is read otherwise out of the count of those that are not."""
    if file.startswith(root + b"/"):
        ending = shown(extension(os.path.basename(file).lower()))  # noqa: PTH119 (bytes)
        left_out[ending] -= left_out[ending] > 0
        if not left_out[ending]:
            del left_out[ending]


def write_files(files: Files, order: Sequence[int], scratch: Path) -> Listing:
    """A listing, in ``scratch``, of files in a given order; it has no class ids."""
    names = [files.names[at] for at in order]
    lengths = np.array([len(name) for name in names], np.int64)
    _save_files(scratch, names, lengths, files.numbers(order))
    return Listing(scratch)


def _save_files(scratch: Path, names: list[bytes], lengths: Int64s, numbers: Numbers) -> None:
    _save(scratch, "names", np.frombuffer(b"".join(names), np.uint8))
    _save(scratch, "starts", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    for column, values in zip(("sizes", "times", "inodes", "changes"), numbers, strict=True):
        _save(scratch, column, values)


def text(name: bytes) -> str:
    """A name as text, for sorting."""
    return name.decode("utf-8", "surrogateescape")


def _name(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _path_of(scratch: Path, column: str) -> Path:
    return scratch / f"folder-{column}.npy"


def _save(scratch: Path, column: str, values: npt.NDArray[Any]) -> None:
    np.save(_path_of(scratch, column), values, allow_pickle=False)


def _mapped(scratch: Path, column: str, dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    mapped = np.load(_path_of(scratch, column), mmap_mode="r", allow_pickle=False)
    return np.asarray(mapped, dtype)


def is_clutter(lowered: bytes) -> bool:
    """Whether a name, in lower case, is one that systems leave behind, or is hidden."""
    return lowered.startswith(b".") or lowered in _CLUTTER


def is_image(ending: bytes) -> bool:
    """Whether files of this extension can be read."""
    return ending in EXTENSIONS or (ending in _HEIF and reads_heif())


def kind_of(ending: bytes) -> str:
    """What the count of files that are not read calls those of this extension."""
    return (shown(ending) or "without extension") + _EXTRA * (ending in _HEIF)


def extension(lowered: bytes) -> bytes:
    """``.jpg`` of a name in lower case, or nothing."""
    dot = lowered.rfind(b".")
    return lowered[dot:] if dot >= 0 else b""


def _entries(folder: bytes) -> Iterator[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise SourceError(
            f"{shown(folder)}: the folder cannot be read ({error.strerror})"
        ) from error


@contextlib.contextmanager
def opened(folder: bytes) -> Iterator[int | None]:
    """A descriptor to find files from, or None where it cannot be had: whole paths then do."""
    try:
        descriptor = os.open(folder, os.O_RDONLY) if os.open in os.supports_dir_fd else None
    except OSError:
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _level(root: bytes, follow: bool) -> Level:
    folders: list[bytes] = []
    images = Files()
    left_out: Counter[str] = Counter()
    for entry in _entries(root):
        lowered = entry.name.lower()
        if is_clutter(lowered):
            continue
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif follow and _is_folder(entry, follow):
            if _identity(root + b"/" + entry.name) == _identity(root):
                left_out[_SEEN] += 1
            else:
                folders.append(entry.name)
        else:
            _sort_in(entry, entry.name, lowered, images, left_out, follow)
    if images.names and folders:
        left_out["images outside class folders"] = len(images.names)
    return Level(tuple(sorted(folders, key=text)), len(images.names), left_out)


def _is_folder(entry: os.DirEntry[bytes], follow: bool) -> bool:
    """Whether an entry is a folder, or where links are followed a link to one."""
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:  # a link that leads round in a circle
        return False


def walked(root: bytes, folder: bytes, left_out: Counter[str], follow: bool) -> Files:
    """The images at any depth below a class folder, their names relative to ``root``; those left
    out are counted. A class folder that is missing has none.

    Where links are followed each folder is entered once, by its own name if it has one here, else
    by the first of its links: so what is found depends neither on the file system's order nor on
    links in a circle.
    """
    files = Files()
    links: list[bytes] | None = [] if follow else None
    entered: set[tuple[int, int]] = set()
    if os.path.isdir(root + b"/" + folder):  # noqa: PTH112 (paths of bytes)
        _gather(root, folder, files, left_out, links, entered)
    while links:
        links.sort(key=text, reverse=True)
        link = links.pop()
        if _identity(root + b"/" + link) in entered:
            left_out[_SEEN] += 1
        else:
            _gather(root, link, files, left_out, links, entered)
    return files


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116 (paths of bytes)
    return status.st_dev, status.st_ino


def _gather(
    root: bytes,
    folder: bytes,
    files: Files,
    left_out: Counter[str],
    links: list[bytes] | None,
    entered: set[tuple[int, int]],
) -> None:
    """Add the images at any depth below a folder; linked folders come to ``links``, unless that is
    None."""
    top = root + b"/"
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        before = inside + b"/" if inside else b""
        if links is not None:
            identity = _identity(top + inside)
            if identity in entered:
                continue
            entered.add(identity)
        with opened(top + inside) as within:
            files.folders.append((inside, _time(top + inside if within is None else within)))
            for entry in _entries(top + inside):
                name = entry.name
                lowered = name.lower()
                if is_clutter(lowered):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(before + name)
                elif links is not None and _is_folder(entry, True):
                    links.append(before + name)
                else:
                    follow = links is not None
                    _sort_in(entry, before + name, lowered, files, left_out, follow, within)
                    progress.found(1)


def _time(folder: bytes | int) -> int:
    """When a folder was changed last; −1 where nobody says."""
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 (paths of bytes)
    except OSError:
        return -1


def _sort_in(
    entry: os.DirEntry[bytes],
    relative: bytes,
    lowered: bytes,
    images: Files,
    left_out: Counter[str],
    follow: bool,
    within: int | None = None,
) -> None:
    """Count one entry that is no folder as an image or as left out, without opening it: to open a
    pipe blocks for ever. A link counts as what it leads to where links are followed."""
    ending = extension(lowered)
    if not is_image(ending):
        linked = entry.is_symlink() and os.path.isdir(entry.path)  # noqa: PTH112 (paths of bytes)
        left_out[_LINKED if linked else kind_of(ending)] += 1
        return
    if entry.is_symlink() and not follow:
        left_out[LINKED_FILES] += 1
        return
    try:
        # From its folder: the system need not walk the whole path again for each file.
        status = entry.stat() if within is None else os.stat(entry.name, dir_fd=within)
    except OSError:  # the link leads nowhere, or round in a circle
        left_out[f"{shown(ending)} (broken link)"] += 1
        return
    if stat.S_ISREG(status.st_mode):
        images.add(relative, status)
    else:
        left_out[f"{shown(ending)} (not a regular file)"] += 1


def _check_structure(root: bytes, spec: str, level: Level, follow: bool) -> None:
    """Raise `UsageError` when the folders under ``root`` do not look like classes."""
    if not level.folders:
        if not level.images:
            check_not_all_links(spec, level.left_out)
            rest = f" (not read: {not_read(level.left_out)})" if level.left_out else ""
            raise UsageError(f"{spec}: holds no images{rest}; expected {spec}/CLASS/IMAGE.jpg")
        raise UsageError(
            f"{spec}: its {level.images} images are in no class folder; expected "
            f"{spec}/CLASS/IMAGE.jpg: make one folder for each class"
        )
    nested = [folder for folder in level.folders if _holds_folders(root, folder, follow)]
    splits = [folder for folder in nested if folder.lower() in SPLIT_WORDS]
    if splits and (len(splits) >= 2 or len(level.folders) == 1):
        choices = ", ".join(f"--split {shown(folder)}" for folder in splits)
        raise UsageError(f"{spec}: holds splits, not classes; choose one: {choices}")
    if len(level.folders) == 1 and nested and not level.images:
        inner = f"{spec}/{shown(nested[0])}"
        raise UsageError(f"{spec}: holds one folder that only holds folders; try --in {inner}")


def check_not_all_links(spec: str, left_out: Counter[str]) -> None:
    """Raise `UsageError` where links are all that is left of a source."""
    links = count_of_links(left_out)
    if links and links == left_out.total():
        raise UsageError(
            f"{spec}: holds {links:,} links and nothing else; links are not followed unless you "
            "say so: use --follow-links"
        )


def _holds_folders(root: bytes, folder: bytes, follow: bool) -> bool:
    """Whether a folder holds folders and no images; most classes tell with their first entry."""
    folders = False
    for entry in _entries(os.path.join(root, folder)):  # noqa: PTH118 (paths of bytes)
        lowered = entry.name.lower()
        if is_clutter(lowered):
            continue
        if _is_folder(entry, follow):
            folders = True
        elif is_image(extension(lowered)):
            return False
    return folders


def _listed(classes: tuple[tuple[str, str], ...]) -> set[bytes]:
    return {_name(folder) for folder, _ in classes}


def _listed_classes(spec: str, level: Level, classes: tuple[tuple[str, str], ...]) -> Classes:
    folders = tuple(_name(folder) for folder, _ in classes)
    twice = [shown(folder) for folder, count in Counter(folders).items() if count > 1]
    if twice:
        raise UsageError(f"--classes: {twice[0]!r} is listed twice; give each folder one line")
    unlisted = [shown(folder) for folder in level.folders if folder not in set(folders)]
    if unlisted:
        raise UsageError(
            f"{spec}: the folder {unlisted[0]!r} is not listed in --classes; "
            "add a line for it, or move it away"
        )
    missing = tuple(shown(folder) for folder in folders if folder not in set(level.folders))
    captions = tuple(shown(_name(caption)) for _, caption in classes)
    return Classes(folders, captions, missing)
