"""Finding data sets in an HDF5 file, without ever leaving the file.

Imports h5py, so it is imported in the child process only.
"""

from __future__ import annotations

import difflib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._array_masks import MASK_KEY
from augtool.sources._array_names import PARTNER_WORDS, USUAL_NAMES, target_names
from augtool.sources._contract import NO_MASKS
from augtool.sources._hdf5_augtool import own_targets
from augtool.sources._layout import shown_shape

_MOST_OBJECTS = 20_000
_MOST_SOFT_LINKS = 32
_FILTERS = (
    *(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32),
    *(h5py.h5z.FILTER_SZIP, h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET),
    h5py.h5z.FILTER_LZF,
)
_KEYS = "--image-key and --label-key"


@dataclass(frozen=True)
class Ask:
    """One question: the open ``file`` that is called ``spec``, read this way."""

    spec: str
    file: h5py.File
    reading: Reading
    scratch: Path

    def where(self, dataset: h5py.Dataset) -> str:
        """What messages call the data set: "data.h5: train/images"."""
        return f"{self.spec}: {short_name(dataset)}"


@dataclass(frozen=True)
class Refused:
    """Something that is there and is not followed, and why."""

    reason: str


@dataclass(frozen=True)
class Chosen:
    """The data sets that a source is made of; labels by the names of their targets."""

    images: h5py.Dataset
    labels: Mapping[str, h5py.Dataset]
    masks: h5py.Dataset | None


def chosen(ask: Ask) -> Chosen:
    """The data sets of images, labels and masks, by the given keys or by their usual names."""
    reading = ask.reading
    if reading.image_key is None:
        images, usual = _usual_pair(ask)
    else:
        images, usual = by_key(ask, reading.image_key), None
    masks = _masks(ask, images)
    if reading.label_key is not None:
        names = target_names(reading.label_key, ask.spec)
        found = [by_key(ask, key) for key in reading.label_key]
        return Chosen(images, dict(zip(names, found, strict=True)), masks)
    own = {} if usual is not None else own_targets(ask.file)
    if own:
        return Chosen(images, {name: by_key(ask, key) for name, key in own.items()}, masks)
    return Chosen(images, {"": _usual_labels(ask, images) if usual is None else usual}, masks)


def _masks(ask: Ask, images: h5py.Dataset) -> h5py.Dataset | None:
    """The masks that are named; else those beside the images, where there are any."""
    key = ask.reading.mask_key
    if key == NO_MASKS:
        return None
    if key is not None:
        return by_key(ask, key, "--masks")
    beside = f"{images.parent.name}/{MASK_KEY}"
    there = isinstance(followed(ask.file, beside), h5py.Dataset)
    return by_key(ask, beside, "--masks") if there else None


def by_key(ask: Ask, key: str, option: str = _KEYS) -> h5py.Dataset:
    """The data set ``key``. Raises `UsageError`, which lists what there is, when there is none,
    and `SourceError` when it lies outside of the file."""
    item = followed(ask.file, key)
    if isinstance(item, h5py.Dataset):
        return _own_bytes(ask, item, option)
    if isinstance(item, Refused):
        raise SourceError(f"{ask.spec}: {printable(key)} {item.reason}")
    if isinstance(item, h5py.Group):
        raise UsageError(f"{ask.spec}: {printable(key)} is a group; {listing(ask, option)}")
    near = difflib.get_close_matches(key.strip("/"), [path for path, _ in _walk(ask.file)], n=1)
    advice = f"did you mean {near[0]!r}?" if near else listing(ask, option)
    raise UsageError(f"{ask.spec}: there is no data set {key!r}; {advice}")


def _usual_pair(ask: Ask) -> tuple[h5py.Dataset, h5py.Dataset | None]:
    """The only image data set with a usual name in the groups nearest to the root, and its labels
    where they have a usual name too."""
    pairs = _usual_pairs(ask)
    if ask.reading.label_key is None:
        pairs = [pair for pair in pairs if pair[1] is not None] or pairs
    depths = [image.count("/") for image, _ in pairs]
    nearest = [pair for pair in pairs if pair[0].count("/") == min(depths)]
    chosen = {followed(ask.file, image): (image, label) for image, label in nearest}
    if len(chosen) != 1:
        reason = "more than one image data set" if chosen else "no image data set with a usual name"
        raise UsageError(f"{ask.spec}: {reason}; {listing(ask)}")
    image, label = chosen.popitem()[1]
    return by_key(ask, image), None if label is None else by_key(ask, label)


def _usual_pairs(ask: Ask) -> list[tuple[str, str | None]]:
    """The paths of image data sets with usual names, and of the labels beside them."""
    groups: dict[str, list[str]] = {}
    for path, _ in _walk(ask.file):
        groups.setdefault(path.rpartition("/")[0], []).append(path)
    return [
        (path, _first_of(USUAL_NAMES[_last_name(path)], paths))
        for paths in groups.values()
        for path in paths
        if _last_name(path) in USUAL_NAMES
    ]


def _usual_labels(ask: Ask, images: h5py.Dataset) -> h5py.Dataset:
    """The labels beside ``images``: train_labels beside train_images, else a usual name."""
    group = images.name.strip("/").rpartition("/")[0]
    words = _last_name(images.name).split("_")
    partner = "_".join(PARTNER_WORDS.get(word, word) for word in words)
    usual = [label for labels in USUAL_NAMES.values() for label in labels]
    names = [name for name in (partner, *usual) if name not in words]
    beside = [path for path, _ in _walk(ask.file) if path.rpartition("/")[0] == group]
    path = _first_of(names, beside)
    if path is None:
        raise UsageError(f"{ask.where(images)}: no labels beside it; {listing(ask)}")
    return by_key(ask, path)


def _first_of(names: Iterable[str], paths: list[str]) -> str | None:
    """The path that ends in the first of ``names`` that is there."""
    by_name = {_last_name(path): path for path in paths}
    return next((by_name[name] for name in names if name in by_name), None)


def _last_name(path: str) -> str:
    return path.rpartition("/")[2].lower()


def _walk(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset | Refused]]:
    """Data sets with their paths, those near the root first; each group is entered once.

    A file of very many objects is not seen to its end: what has a usual name lies near the root.
    """
    waiting, entered, left = deque([("", file)]), {file.id}, _MOST_OBJECTS
    while waiting and left > 0:
        path, group = waiting.popleft()
        for name in itertools.islice(group, left):
            left -= 1
            item_path = f"{path}/{name}".lstrip("/")
            item = followed(group, name, file)
            if isinstance(item, h5py.Dataset | Refused):
                yield item_path, item
            elif isinstance(item, h5py.Group) and item.id not in entered:
                entered.add(item.id)
                waiting.append((item_path, item))


def followed(
    start: h5py.Group, path: str, root: h5py.Group | None = None
) -> h5py.HLObject | Refused | None:
    """The object at ``path``, one link after the other, never out of the file; None when there is
    none."""
    here, names, hops = start, deque(path.split("/")), 0
    root = start if root is None else root
    while names:
        name = names.popleft()
        if name in ("", "."):
            continue
        if not isinstance(here, h5py.Group):
            return None
        link = _link(here, name)
        if isinstance(link, h5py.SoftLink):
            hops += 1
            here = root if link.path.startswith("/") else here
            names.extendleft(reversed(link.path.split("/")))
        elif isinstance(link, h5py.HardLink):
            here = here[name]
        else:
            return link
        if hops > _MOST_SOFT_LINKS:
            return Refused("is a soft link that leads in a circle; choose another data set")
    return here


def _link(group: h5py.Group, name: str) -> h5py.HardLink | h5py.SoftLink | Refused | None:
    advice = "augtool reads only the file itself; copy the data into it"
    try:
        link = group.get(name, getlink=True)
    except TypeError:
        return Refused(f"lies behind a link of an unknown kind: {advice}")
    if isinstance(link, h5py.ExternalLink):
        return Refused(f"lies behind an external link to {printable(link.filename)}: {advice}")
    return link


def foreign_filter(dataset: h5py.Dataset) -> str | None:
    """The filter that data need and the library does not have in it, so that it would load a
    program: its number and name."""
    plist = dataset.id.get_create_plist()
    filters = (plist.get_filter(number) for number in range(plist.get_nfilters()))
    foreign = (one for one in filters if one[0] not in _FILTERS)
    return next((f"{one[0]} {one[3].decode('utf-8', 'replace')}".strip() for one in foreign), None)


def lies_inside(dataset: h5py.Dataset) -> bool:
    """Whether the bytes of the data set lie in the file itself."""
    return not (dataset.is_virtual or dataset.id.get_create_plist().get_external_count())


def load_no_filters() -> None:
    """Have the library look for filters nowhere: neither where HDF5_PLUGIN_PATH says nor where it
    was built to."""
    for _ in range(h5py.h5pl.size()):
        h5py.h5pl.remove(0)


def _own_bytes(ask: Ask, dataset: h5py.Dataset, option: str) -> h5py.Dataset:
    """``dataset``, whose bytes lie in this very file, as the library alone can read them."""
    if not lies_inside(dataset):
        kind = "a virtual data set" if dataset.is_virtual else "a data set with external storage"
        raise SourceError(
            f"{ask.where(dataset)} is {kind}, whose bytes lie in other files; "
            "copy them into one file"
        )
    foreign = foreign_filter(dataset)
    if foreign is not None:
        raise SourceError(
            f"{ask.where(dataset)} is packed by filter {printable(foreign)}, for which a program "
            "would have to be loaded; pack it with gzip: h5repack -f GZIP=4"
        )
    if not dataset.shape:
        raise UsageError(
            f"{ask.where(dataset)} is a single value, not one a row; {listing(ask, option)}"
        )
    return dataset


def listing(ask: Ask, option: str = _KEYS, most: int = 12) -> str:
    """What there is to choose from."""
    lines = [f"{printable(path)} {_described(item)}" for path, item in _walk(ask.file)]
    if not lines:
        return f"there are none near its root; name yours with {option}"
    more = f" and {len(lines) - most} more" if len(lines) > most else ""
    return f"the file holds {', '.join(lines[:most])}{more}; choose with {option}"


def _described(item: h5py.Dataset | Refused) -> str:
    if isinstance(item, Refused):
        return "(a link that is not followed)"
    return f"{shown_shape(item.shape or ())} {type_name(item)}"


def type_name(dataset: h5py.Dataset) -> str:
    """The dtype as messages show it."""
    try:
        dtype = dataset.dtype
    except TypeError:
        return "of a type that NumPy does not have"
    if dtype.kind == "O":
        return "strings" if h5py.check_string_dtype(dtype) else "objects"
    if dtype.kind == "S":
        return "strings"
    return "compound" if dtype.kind == "V" else str(dtype.name)


def short_name(dataset: h5py.Dataset) -> str:
    return printable(dataset.name.lstrip("/"))


def printable(text: str) -> str:
    """``text`` on one line, whatever names a file uses."""
    return text if text.isprintable() else ascii(text)[1:-1]
