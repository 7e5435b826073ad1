"""WebDataset tar archives: ``KEY.jpg`` and ``KEY.cls`` side by side, in one archive or several.

Members are never extracted: an index of where they lie is made by one look through the archives,
and rows are read from there. A compressed archive is unpacked once to the scratch folder.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import (
    _archive_store,
    _decompress,
    _label_files,
    _listing,
    _npy_members,
    _telling,
    _unpack_limits,
)
from augtool.sources._array_masks import MASK_KEY, left_behind
from augtool.sources._contract import Notes, Source
from augtool.sources._encoded import IMAGE_READING, EncodedSource, Store, probed
from augtool.sources._mapped import Version, check_version
from augtool.sources._webdataset import Archive, Sample
from augtool.sources._webdataset_labels import Labels, labels_in
from augtool.text import shown

READING = (
    IMAGE_READING
    | {"image_key", "label_key", "label_column"}
    | {"label_missing", "target", "num_classes", "label_base"}
)
_IMAGES = (*sorted(one[1:].decode() for one in _listing.EXTENSIONS), "heic", "heif")
_ARRAY = "npy"
_MASKS = f"{MASK_KEY}.npy"  # augtool's own archives have it
_BLOCK = 512


@dataclass(frozen=True)
class SampleColumns:
    """What the members' names say."""

    def column(self, store: Store, key: str) -> npt.NDArray[Any]:
        """See `Source`: ``name`` is the name of each row's image, (n,) text."""
        if key != "name":
            raise UsageError(f"{store.place}: an archive has no column {key!r}; choose name")
        return np.array(list(map(shown, store.names())))


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a regular file that begins as a tar archive, compressed or not."""
    path = Path(spec)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            block = file.read(_BLOCK)
        decompressed = _decompress.opener(block)
        if decompressed is not None:
            with decompressed(path) as stream:
                block = stream.read(_BLOCK)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except PermissionError:
        raise SourceError(f"{spec}: no permission to read it; change its mode") from None
    except (tarfile.HeaderError, *_decompress.DAMAGE):
        return False
    return True


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images of one archive; see `open_all`."""
    return open_all((spec,), reading, scratch)


def open_all(specs: Sequence[str], reading: Reading, scratch: Path) -> Source:
    """The images of some archives, archive after archive, in the order in which they lie there.

    The image of a row is its jpg, png, webp, … or else its npy member, or that of
    ``reading.image_key``. Its label is the member ``soft.npy``, ``cls`` or ``npy``, or that of
    ``reading.label_key``; or ``reading.label_column`` of its ``json``. Raises `UsageError` when
    these are not found, and `SourceError` for an archive that is damaged or cut short.
    """
    place = _place(specs)
    found, left_out = _archive_store.Found(), Counter[str]()
    labels: Labels | None = None
    files = list[tuple[Path, Version]]()
    warnings, image, masks = list[str](), "", False
    for number, spec in enumerate(specs):
        copy = scratch / f"unpacked-{number}.tar"
        files.append(_plain(Path(spec).absolute(), copy, reading))
        path = files[-1][0]
        before = f"{Path(spec).name}/".encode("utf-8", "surrogateescape") if len(specs) > 1 else b""
        with path.open("rb") as file:
            archive = Archive(path, file)
            for sample in archive.samples():
                image = image or _image_key(sample, reading, spec)
                masks = masks or _MASKS in sample.members
                extension = image if image in sample.members else _image_of(sample, image)
                if extension is None:
                    left_out["without image"] += 1
                    continue
                labels = labels or labels_in(sample, extension, reading, spec, scratch)
                if not labels.add(sample, archive.data):
                    left_out["without label"] += 1
                    continue
                member = sample.members[extension]
                found.add(before + member.name, number, member.offset, member.size)
        if not archive.complete:
            warnings.append(f"{spec}: has no end mark; perhaps it was cut short")
        if archive.others:
            left_out["other members"] += archive.others
        if labels is not None:
            labels.know(archive.record)
    if labels is None or not len(found):
        rest = f" ({_listing.not_read(left_out)})" if left_out else ""
        raise SourceError(f"{place}: holds no images with labels{rest}")
    targets, said = labels.targets(reading, place, scratch)
    store = _archive_store.stored(found, files, place, reading, scratch)
    fingerprint = _label_files.fingerprint(store.digest(), targets)
    lost = left_behind(place, reading) if masks and image != _MASKS else ()
    notes = Notes((*warnings, *said, *lost), dict(left_out))
    if image.rpartition(".")[2] == _ARRAY:
        return _npy_members.opened(store, len(found), targets, notes, fingerprint, reading)
    source = EncodedSource(
        store=store,
        reading=reading,
        n=len(found),
        shape=None,
        stored_targets=targets,
        notes=notes,
        nbytes=store.nbytes,
        fingerprint=fingerprint,
        columns=SampleColumns(),
    )
    return probed(source, place)


def _place(specs: Sequence[str]) -> str:
    first = shown(specs[0].encode("utf-8", "surrogateescape"))
    return first if len(specs) == 1 else f"{first} … ({len(specs)} archives)"


def _plain(path: Path, copy: Path, reading: Reading) -> tuple[Path, Version]:
    """The archive itself as it is, or ``copy`` with its unpacked content. Raises `InputChanged`
    when it changes while it is unpacked."""
    version = Version.of(path)
    with path.open("rb") as file:
        decompressed = _decompress.opener(file.read(_BLOCK))
    if decompressed is None:
        return path, version
    where, least = shown(str(path).encode("utf-8", "surrogateescape")), _telling.expected(path)
    _telling.tell(where, least, copy.parent, "at least ")
    _decompress.check_room(copy.parent, where, least)
    most = _unpack_limits.of_whole(reading, path.stat().st_size)
    unpacked = _decompress.unpacked(path, decompressed, copy, most)
    check_version(path, version)
    return unpacked, Version.of(unpacked)


def _image_key(sample: Sample, reading: Reading, spec: str) -> str:
    """Which member of a sample is its image, by the first sample."""
    listed = ", ".join(sample.members)
    if reading.image_key is not None:
        if reading.image_key not in sample.members:
            raise UsageError(
                f"{spec}: the first row has no member {reading.image_key!r}; it has {listed}"
            )
        return reading.image_key
    kinds = [one for one in sample.members if one.rpartition(".")[2] in _IMAGES]
    plain = [one for one in kinds if one in _IMAGES]  # not "mask.png" when there is "jpg"
    kinds = plain if len(plain) == 1 else kinds
    if not kinds and _ARRAY in sample.members:
        kinds = [_ARRAY]
    if len(kinds) != 1:
        what = f"several images ({', '.join(kinds)})" if kinds else f"no image among {listed}"
        raise UsageError(f"{spec}: the first row has {what}; choose one with --image-key")
    return kinds[0]


def _image_of(sample: Sample, usual: str) -> str | None:
    """The image of a sample that has none of the ``usual`` extension, as when some are png."""
    if usual not in _IMAGES:
        return None
    kinds = [one for one in sample.members if one in _IMAGES]
    return kinds[0] if len(kinds) == 1 else None
