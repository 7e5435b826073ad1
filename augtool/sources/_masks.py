"""Label images in a folder beside an image folder, paired with its images by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.codecs import label_image
from augtool.codecs.decode import BadImage
from augtool.codecs.label_image import Ids
from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.sources import _listing, _unpack_limits
from augtool.sources._contract import Pixels, Rows, Source
from augtool.sources._encoded import EncodedSource
from augtool.sources._files import content_of
from augtool.sources._listing import Files, Listing
from augtool.text import shown

_PROBES = 64


@dataclass(frozen=True)
class FolderMasks:
    """The label images under ``root`` for the rows of ``images``; ``fill`` is the id around
    padded ones."""

    images: EncodedSource
    root: bytes
    listing: Listing
    dtype: np.dtype[Any]
    fill: int

    @property
    def shape(self) -> tuple[int, int]:
        assert self.images.shape is not None
        height, width, _ = self.images.shape
        return height, width

    @property
    def stamp(self) -> str:
        """See `Source`."""
        return self.listing.stamp()

    @property
    def pixels(self) -> Pixels | None:
        return None

    def read(self, rows: Rows, out: Pixels) -> None:
        """See `Masks`."""
        for row, place in zip(rows.tolist(), out, strict=True):
            ids = self.ids(row)
            if ids.dtype != self.dtype:
                self._check_depth(row, ids)
            place[...] = label_image.fitted(ids, self.images.reading, self.fill)

    def ids(self, row: int) -> Ids:
        """One label image at its own size, (h, w), which is that of its upright image."""
        file = next(self.listing.files(np.array([row])))
        try:
            most = _unpack_limits.of_piece(self.images.reading)
            content = content_of(
                self.root, row, file, most, follow=self.images.reading.follow_links
            )
            ids = label_image.decode(content, self.images.reading.max_pixels)
        except BadImage as error:
            raise self._broken(row, str(error)) from error
        size = self._image_size(row)
        if ids.shape != size:
            raise self._broken(
                row,
                f"is {'x'.join(map(str, ids.shape))} and its image {self.images.name(row)} "
                f"{'x'.join(map(str, size))} (height x width, upright)",
            )
        return ids

    def _image_size(self, row: int) -> tuple[int, int]:
        if self.images.reading.size is None:  # then all images are of one size, or refused
            return self.shape
        head = self.images.header(row)
        return head.height, head.width

    def _check_depth(self, row: int, ids: Ids) -> None:
        info = np.iinfo(self.dtype)
        low, high = int(ids.min()), int(ids.max())
        if low < info.min or high > info.max:
            raise self._broken(
                row,
                f"has ids from {low} to {high}, and those looked at first fit {self.dtype.name}; "
                "save all with one depth",
            )

    def _broken(self, row: int, reason: str) -> BrokenInput:
        name, *_ = next(self.listing.files(np.array([row])))
        return BrokenInput(row, shown(os.path.join(self.root, name)), reason)  # noqa: PTH118


def open_masks(source: Source, directory: str, scratch: Path, fill: int = 0) -> FolderMasks:
    """The label images in ``directory`` for the rows of an image folder.

    The label image of ``cat/a.jpg`` is ``cat/a.*`` there, or ``a.*``. A folder there of the name of
    ``reading.split`` is looked into in its place. Their listing is written to ``scratch``. Raises
    `UsageError` for another kind of source and for images without one, or with one between them,
    and `SourceError` when none can be read.
    """
    if not isinstance(source, EncodedSource):
        raise UsageError(
            f"--masks {directory}: a folder of label images goes with an image folder; "
            "name the array of masks in the input, --masks KEY"
        )
    if source.shape is None:
        raise source.sizes_error()
    root = _root(directory, source.reading.split)
    files, left_out = _listing.listed(root, source.reading.follow_links)
    if not files.names:
        _listing.check_not_all_links(f"--masks {directory}", left_out)
        rest = f" (not read: {_listing.not_read(left_out)})" if left_out else ""
        raise UsageError(f"--masks {directory}: holds no images{rest}")
    place = scratch / "masks"
    place.mkdir(exist_ok=True)
    listing = _listing.write_files(files, _paired(source, files, directory), place)
    masks = FolderMasks(source, root, listing, np.dtype(np.uint8), fill)
    return FolderMasks(source, root, listing, _dtype(masks, directory), fill)


def _root(directory: str, split: str | None) -> bytes:
    root = Path(directory).absolute()
    if not root.is_dir():
        raise UsageError(f"--masks {directory}: there is no such folder")
    inside = root / split if split is not None else root
    return os.fsencode(inside if inside.is_dir() else root)


def _paired(source: EncodedSource, files: Files, directory: str) -> Sequence[int]:
    """The place in ``files`` of each row's label image."""
    by_stem: dict[bytes, int] = {}
    for at, name in enumerate(files.names):
        other = by_stem.setdefault(_stem(name), at)
        if other != at:
            both = " and ".join(sorted((shown(files.names[other]), shown(name))))
            raise UsageError(f"--masks {directory}: {both} would be one label image; remove one")
    places, missing, owner = [], [], dict[int, bytes]()
    for name in source.store.names():
        stem = _stem(name)
        at = by_stem.get(stem, by_stem.get(stem.rpartition(b"/")[2], -1))
        if at < 0:
            missing.append(name)
        elif owner.setdefault(at, name) != name:
            both = f"{shown(owner[at])} and {shown(name)}"
            raise UsageError(
                f"--masks {directory}: {both} would both have {shown(files.names[at])}; "
                "put label images into folders as the images are"
            )
        places.append(at)
    if missing:
        first, expected = shown(missing[0]), shown(_stem(missing[0]))
        flat = Path(expected).name
        raise UsageError(
            f"--masks {directory}: {len(missing)} of {source.n} images have no label image, such "
            f"as {first}; expected {directory}/{expected}.png or {directory}/{flat}.png"
        )
    return places


def _stem(name: bytes) -> bytes:
    return os.path.splitext(name)[0]  # noqa: PTH122 (paths of bytes)


def _dtype(masks: FolderMasks, directory: str) -> np.dtype[Any]:
    """The dtype that holds the ids of an evenly spread sample, and the fill."""
    n = masks.images.n
    probes = min(_PROBES, n)
    found = [_tried(masks, i * n // probes) for i in range(probes)]
    dtypes = [one for one in found if isinstance(one, np.dtype)]
    if not dtypes:
        raise SourceError(
            f"--masks {directory}: none of the label images fits; the first: {found[0]}"
        )
    dtype = np.result_type(*dtypes)
    info = np.iinfo(dtype)
    if not info.min <= masks.fill <= info.max:
        raise UsageError(
            f"--masks {directory}: ids are {dtype.name}, and the fill {masks.fill} is none; "
            f"choose one in {info.min}…{info.max}"
        )
    return dtype


def _tried(masks: FolderMasks, row: int) -> np.dtype[Any] | BrokenInput:
    try:
        return masks.ids(row).dtype
    except BrokenInput as error:
        return error
