"""Image folders: ``data/<class>/**/*.jpg``, one folder for each class."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import images
from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.images import BadImage, Header
from augtool.recipe import Reading
from augtool.sources import _listing
from augtool.sources._contract import Masks, Notes, Pixels, Rows, Target
from augtool.sources._files import ListedFile, content_of
from augtool.sources._listing import Classes, Listing

_PROBES = 64
_HEAD_BYTES = 131072  # an EXIF block that begins in the first 64 KiB ends in these
_LOSSY = {"JPEG", "WEBP"}
_BATCH_BYTES = 256 << 10
_Wanted = tuple[int, Pixels, ListedFile]  # row, where it goes, the file
READING = frozenset({"size", "fit", "resample", "background", "mode", "classes", "split"})


@dataclass(frozen=True)
class FolderSource:
    """An open image folder: rows by class id, then by relative path.

    Without ``reading.size``, ``shape`` is that of the images probed while opening, and None when
    they differ; `sizes_error` then says what to do, and `image` still shows each row.
    """

    root: bytes
    listing: Listing
    reading: Reading
    n: int
    shape: tuple[int, ...] | None
    class_names: tuple[str, ...]
    notes: Notes
    nbytes: int
    fingerprint: str
    lossy: bool
    masks: Masks | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return images.layout_of(self.reading.mode)[1]

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        names = self.class_names
        return (Target("classes", self.listing.class_ids, len(names), class_names=names),)

    @property
    def pixels(self) -> Pixels | None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was mapped here is mapped again elsewhere."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def sizes_error(self) -> UsageError:
        """Why ``shape`` is None. Reads every header."""
        return sizes_error(self)

    def column(self, key: str) -> npt.NDArray[Any]:
        """See `Source`: ``name`` is the relative path of each row, ``folder`` the folder that it
        lies in, (n,) text each."""
        if key not in ("name", "folder"):
            raise UsageError(
                f"{_listing.shown(self.root)}: an image folder has no column {key!r}; "
                "choose name (the path of each image) or folder (the folder that it lies in)"
            )
        files = (file for file, _, _ in self.listing.files(np.arange(self.n)))
        names = [_listing.shown(file) for file in files]
        return np.array(names if key == "name" else [name.rpartition("/")[0] for name in names])

    def name(self, row: int) -> str:
        relative, _, _ = next(self.listing.files(np.array([row])))
        return _listing.shown(relative)

    def read(self, rows: Rows, out: Pixels) -> None:
        """See `Source`. Raises `UsageError` when an image is of another size than ``shape``."""
        for batch in _batches(zip(rows, out, self.listing.files(rows), strict=True)):
            with _listing.opened(self.root) as within:
                data = [content_of(self.root, row, file, within=within) for row, _, file in batch]
            for (row, pixels, (name, _, _)), content in zip(batch, data, strict=True):
                try:
                    fits = images.decode_into(content, self.reading, pixels)
                except BadImage as error:
                    raise BrokenInput(int(row), _listing.shown(name), str(error)) from error
                if not fits:
                    raise sizes_error(self)

    def image(self, row: int) -> Pixels:
        """One row at its own size, in the mode of ``reading``."""
        own_size = dataclasses.replace(self.reading, size=None)
        name, size, time = next(self.listing.files(np.array([row])))
        try:
            return images.decode(self._bytes(row, name, size, time), own_size)
        except BadImage as error:
            raise BrokenInput(row, _listing.shown(name), str(error)) from error

    def header(self, row: int) -> Header:
        """The header of one row. Raises `BrokenInput`, `InputChanged`."""
        name, size, time = next(self.listing.files(np.array([row])))
        try:
            return images.header(self._bytes(row, name, size, time, _HEAD_BYTES))
        except BadImage as error:
            reason = error
        try:  # some formats keep their header at the end
            return images.header(self._bytes(row, name, size, time))
        except BadImage:
            raise BrokenInput(row, _listing.shown(name), str(reason)) from reason

    def _bytes(self, row: int, name: bytes, size: int, time: int, most: int | None = None) -> bytes:
        return content_of(self.root, row, (name, size, time), most)


def _batches(wanted: Iterable[_Wanted]) -> Iterator[list[_Wanted]]:
    """Runs of files of about `_BATCH_BYTES`: reading some and then decoding them is faster than
    turn and turn about, which throws both out of the processor's caches."""
    batch: list[_Wanted] = []
    waiting = 0
    for one in wanted:
        batch.append(one)
        waiting += one[2][1]
        if waiting >= _BATCH_BYTES:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a folder."""
    return Path(spec).is_dir()


def open(spec: str, reading: Reading, scratch: Path) -> FolderSource:
    """The image folder ``spec``; its listing is written to ``scratch``.

    Raises `UsageError` when the folder is not laid out as classes, or needs ``reading.mode`` or
    ``reading.split``; `SourceError` when it holds no images that can be read, or more files of
    other kinds than images.
    """
    root = os.fsencode(os.path.abspath(spec))  # noqa: PTH100 (Path would resolve links)
    spec = _listing.shown(os.fsencode(spec)).rstrip("/") or "/"
    if reading.split is not None:
        root, spec = _listing.split_folder(root, reading.split), f"{spec}/{reading.split}"
    classes = _listing.find_classes(root, spec, reading)
    listing, counts, left_out = _listing.write_listing(root, classes.folders, scratch)
    _check_share(spec, int(counts.sum()), left_out)
    source = FolderSource(
        root=root,
        listing=listing,
        reading=reading,
        n=int(counts.sum()),
        shape=None,
        class_names=classes.captions,
        notes=Notes(_warnings(classes, counts), dict(left_out)),
        nbytes=int(listing.sizes.sum()),
        fingerprint=listing.fingerprint(classes.captions),
        lossy=False,
    )
    return _probed(source, spec)


def sizes_error(source: FolderSource) -> UsageError:
    """The error for images of several sizes: reads every header and lists the commonest sizes."""
    tried = (_tried_header(source, row) for row in range(source.n))
    sizes = Counter((head.height, head.width) for head in tried if isinstance(head, Header))
    common = sorted(sizes, key=lambda size: (-sizes[size], size))[:4]
    listed = ", ".join(f"{height}x{width} ({sizes[height, width]})" for height, width in common)
    more = f" and {len(sizes) - len(common)} more" if len(sizes) > len(common) else ""
    height, width = common[0]
    return UsageError(
        f"{_listing.shown(source.root)}: the images have {len(sizes)} sizes, height x width: "
        f"{listed}{more}; bring them to one, as with --size {height}x{width} --fit crop"
    )


def _probed(source: FolderSource, spec: str) -> FolderSource:
    """The source with what an evenly spread sample of headers tells about it."""
    probes = min(_PROBES, source.n)
    tried = [_tried_header(source, i * source.n // probes) for i in range(probes)]
    heads = [head for head in tried if isinstance(head, Header)]
    if not heads:
        raise SourceError(f"{spec}: none of its images can be read; the first is {tried[0]}")
    mode = source.reading.mode
    if mode is None and all(head.grey16 for head in heads):
        raise UsageError(
            f"{spec}: the images are 16-bit grey; choose --mode L16 (as they are), L or RGB (8 bit)"
        )
    sizes = {(head.height, head.width) for head in heads}
    size = source.reading.size or (sizes.pop() if len(sizes) == 1 else None)
    return dataclasses.replace(
        source,
        shape=size and (*size, images.layout_of(mode)[0]),
        lossy=_LOSSY.issuperset(head.format for head in heads),
    )


def _tried_header(source: FolderSource, row: int) -> Header | BrokenInput:
    try:
        return source.header(row)
    except BrokenInput as error:
        return error


def _check_share(spec: str, n: int, left_out: Counter[str]) -> None:
    rest = f"not read: {_listing.not_read(left_out)}"
    if n == 0:
        raise SourceError(
            f"{spec}: no images in its class folders" + (f" ({rest})" if left_out else "")
        )
    if left_out.total() > n:
        raise SourceError(
            f"{spec}: more files are left out than read ({n} images; {rest}); "
            "convert them to JPEG or PNG, or move them away"
        )


def _warnings(classes: Classes, counts: Rows) -> tuple[str, ...]:
    missing = [
        f"the class folder {folder!r} is missing; its id is kept" for folder in classes.missing
    ]
    there = zip(classes.folders, counts, strict=True)
    empty = [_listing.shown(folder) for folder, count in there if count == 0]
    return (
        *missing,
        *(
            f"the class folder {folder!r} holds no images; its id is kept"
            for folder in empty
            if folder not in classes.missing
        ),
    )
