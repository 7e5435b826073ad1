"""Image folders: ``data/<class>/**/*.jpg``, one folder for each class; or images in any folders,
with labels in a table beside them or in their names."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import _label_files, _listing, _unpack_limits, npy
from augtool.sources._contract import Notes, Rows
from augtool.sources._encoded import IMAGE_READING, EncodedSource, Store, probed
from augtool.sources._file_store import FileStore
from augtool.sources._listed_folder import by_listing
from augtool.sources._listing import Classes, Listing, Walk, walked
from augtool.sources._stored_targets import StoredTarget
from augtool.text import shown

READING = IMAGE_READING | {"split", "classes", "follow_links"} | _label_files.TABLE_READING


@dataclass(frozen=True)
class PathColumns:
    """What the paths of images say."""

    def column(self, store: Store, key: str) -> npt.NDArray[Any]:
        """See `Source`: ``name`` is the relative path of each row, ``folder`` the folder that it
        lies in, (n,) text each."""
        if key not in ("name", "folder"):
            raise UsageError(
                f"{store.place}: an image folder has no column {key!r}; "
                "choose name (the path of each image) or folder (the folder that it lies in)"
            )
        names = map(shown, store.names())
        return np.array([name if key == "name" else name.rpartition("/")[0] for name in names])


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a folder, and not one of arrays."""
    # PTH112: False also for what no file can be called
    return os.path.isdir(spec) and not npy.sniff(spec)  # noqa: PTH112


def open(spec: str, reading: Reading, scratch: Path, walk: Walk = walked) -> EncodedSource:
    """The image folder ``spec``; its listing is written to ``scratch``.

    Labels come from ``reading.label_from_name``, else from a table called metadata in the folder,
    else from the names of the folders. Raises `UsageError` when the folder is not laid out as
    classes, or needs ``reading.mode`` or ``reading.split``, or when the labels do not fit the
    images; `SourceError` when it holds no images that can be read, or more files of other kinds
    than images.
    """
    root, spec = _root_of(spec, reading)
    if reading.label_from_name is not None:
        return _labelled(root, spec, reading, scratch, None, walk)
    table, warnings = _label_files.metadata_in(root, reading.follow_links)
    if table is not None:
        source = _labelled(root, spec, reading, scratch, table, walk)
    else:
        _label_files.check_no_table(spec, reading)
        source = _by_folders(root, spec, reading, scratch, walk)
    notes = dataclasses.replace(source.notes, warnings=(*warnings, *source.notes.warnings))
    return dataclasses.replace(source, notes=notes)


def open_labelled(
    spec: str, reading: Reading, scratch: Path, labels: str, walk: Walk = walked
) -> EncodedSource:
    """The images at any depth below the folder ``spec``, with labels from the file ``labels``.

    Raises as `open`, and `UsageError` when the file and the images do not fit.
    """
    root, spec = _root_of(spec, reading)
    return _labelled(root, spec, reading, scratch, Path(labels), walk)


def open_listed(
    specs: Sequence[str], reading: Reading, scratch: Path, labels: str | None, file: Path
) -> EncodedSource:
    """The one folder of ``specs`` as `open` or `open_labelled` has it, by the listing in ``file``,
    which is made when it is missing. Raises as `by_listing`, too."""
    (spec,) = specs
    root, said = _root_of(spec, reading)

    def opened(walk: Walk) -> EncodedSource:
        if labels is None:
            return open(spec, reading, scratch, walk)
        return open_labelled(spec, reading, scratch, labels, walk)

    source = by_listing(root, said, reading.follow_links, file, opened)
    most = _unpack_limits.of_piece(reading)
    store = FileStore(root, Listing(scratch), most, reading.follow_links, str(file))
    return dataclasses.replace(source, store=store)


def _root_of(spec: str, reading: Reading) -> tuple[bytes, str]:
    """The folder to read, and what messages call it."""
    root = os.fsencode(os.path.abspath(spec))  # noqa: PTH100 (Path would resolve links)
    spec = shown(os.fsencode(spec)).rstrip("/") or "/"
    if reading.split is None:
        return root, spec
    return _listing.split_folder(root, reading), f"{spec}/{reading.split}"


def _by_folders(
    root: bytes, spec: str, reading: Reading, scratch: Path, walk: Walk
) -> EncodedSource:
    """The classes are the folders."""
    classes = _listing.find_classes(root, spec, reading)
    listing, counts, left_out = _listing.write_listing(
        root, classes.folders, scratch, walk, reading.follow_links
    )
    n, captions = int(counts.sum()), classes.captions
    check_share(spec, n, left_out, " in its class folders")
    target = StoredTarget(listing.class_ids_path, "classes", len(captions), captions, "")
    source = EncodedSource(
        store=FileStore(root, listing, _unpack_limits.of_piece(reading), reading.follow_links),
        reading=reading,
        n=n,
        shape=None,
        stored_targets=(target,),
        notes=_notes(class_warnings(classes, counts), left_out),
        nbytes=int(listing.sizes.sum()),
        fingerprint=listing.fingerprint(captions),
        columns=PathColumns(),
    )
    return probed(source, spec)


def _labelled(
    root: bytes, spec: str, reading: Reading, scratch: Path, table: Path | None, walk: Walk
) -> EncodedSource:
    """The labels are in a table, or in the images' names."""
    if reading.classes is not None:
        raise UsageError(f"{spec}: --classes names class folders, and labels come from elsewhere")
    files, left_out = _listing.listed(root, reading.follow_links, walk)
    check_share(spec, len(files.names), left_out, "")
    order = files.order()
    names = [files.names[at] for at in order]
    if table is None:
        found = _label_files.from_names(names, spec, reading, scratch)
    else:
        found = _label_files.from_table(names, table, spec, reading, scratch)
        _listing.forget(left_out, root, os.fsencode(table.absolute()))
    listing = _listing.write_files(files, [order[place] for place in found.places], scratch)
    source = EncodedSource(
        store=FileStore(root, listing, _unpack_limits.of_piece(reading), reading.follow_links),
        reading=reading,
        n=len(found.places),
        shape=None,
        stored_targets=found.targets,
        notes=_notes(found.warnings, left_out + found.left_out),
        nbytes=int(listing.sizes.sum()),
        fingerprint=_label_files.fingerprint(listing.digest(), found.targets),
        columns=PathColumns(),
    )
    return probed(source, spec)


def _notes(warnings: tuple[str, ...], left_out: Counter[str]) -> Notes:
    return Notes((*warnings, *_listing.links_not_followed(left_out)), dict(left_out))


def check_share(spec: str, n: int, left_out: Counter[str], where: str) -> None:
    """Raise `SourceError` unless there are images, and more of them than of what is left out."""
    rest = f"not read: {_listing.not_read(left_out)}"
    if n == 0:
        _listing.check_not_all_links(spec, left_out)
        raise SourceError(f"{spec}: no images{where}" + (f" ({rest})" if left_out else ""))
    if left_out.total() > n:
        linked = 2 * _listing.count_of_links(left_out) > left_out.total()
        advice = (
            "use --follow-links to read what links lead to"
            if linked
            else "convert them to JPEG or PNG, or move them away"
        )
        raise SourceError(
            f"{spec}: more files are left out than read ({n} images; {rest}); {advice}"
        )


def class_warnings(classes: Classes, counts: Rows) -> tuple[str, ...]:
    """What is odd about the folders of classes and their ``counts`` of images."""
    missing = [
        f"the class folder {folder!r} is missing; its id is kept" for folder in classes.missing
    ]
    there = zip(classes.folders, counts, strict=True)
    empty = [shown(folder) for folder, count in there if count == 0]
    return (
        *missing,
        *(
            f"the class folder {folder!r} holds no images; its id is kept"
            for folder in empty
            if folder not in classes.missing
        ),
    )
