"""NumPy's npy files, used where they lie: a folder of ``x_train.npy`` and ``y_train.npy``, or one
array of images with ``--labels labels.npy``. Pickled objects are never loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from augtool.errors import SourceError, UsageError
from augtool.params import did_you_mean
from augtool.recipe.recipe import Reading
from augtool.sources._array_masks import MASK_KEY, check_masks, mask_extent
from augtool.sources._array_names import USUAL_NAMES, target_names
from augtool.sources._arrays import ARRAY_READING, PIXEL_DTYPES, Found, check_lengths, source_of
from augtool.sources._columns import column_path, text_extent
from augtool.sources._contract import NO_MASKS, Source
from augtool.sources._layout import layout_of, shown_shape
from augtool.sources._mapped import Extent, Version
from augtool.sources._npy_header import read_header
from augtool.sources._stored_targets import LabelArray, stored_targets
from augtool.system import strict_json, textfile
from augtool.text import shown

READING = ARRAY_READING | {"follow_links"}
_MAGIC = b"\x93NUMPY"
_SUFFIX = ".npy"
_OWN = "y_train_"  # what augtool puts before the name of a target
_MANIFEST = Path(".augtool") / "manifest.json"


@dataclass(frozen=True)
class _Chosen:
    """The files that a source is made of; labels by the names of their targets."""

    images: Path
    labels: dict[str, Path]
    masks: Path | None


def sniff(spec: str) -> bool:
    """Whether ``spec`` is a regular .npy file, or a folder of nothing but .npy files."""
    path = Path(spec)
    try:
        if path.is_dir():
            return bool(_arrays_in(path))
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except PermissionError:
        raise SourceError(f"{spec}: no permission to read it; change its mode") from None
    except OSError:
        return False


def open(spec: str, reading: Reading, scratch: Path) -> Source:
    """The images, labels and masks of the folder ``spec``, or of the folder in which the array of
    images ``spec`` lies.

    They are found by their usual names, or by the keys of ``reading``, which are file names with or
    without ``.npy``. Raises `UsageError` when they are not, `SourceError` when one is damaged.
    """
    path = Path(spec).absolute()
    inside = _arrays_in(path) if path.is_dir() else _beside(path)
    kept = _followed(spec, path, inside, reading.follow_links)
    linked = len(inside) - len(kept)
    warnings = (f"{spec}: {linked} linked arrays are not read; use --follow-links",) * (linked > 0)
    return _opened(spec, _chosen(spec, kept, reading), kept, reading, scratch, warnings)


def open_labelled(spec: str, reading: Reading, scratch: Path, labels: str) -> Source:
    """The array of images ``spec``, a file, with the labels in the .npy file ``labels``."""
    path, beside = Path(spec).absolute(), Path(labels).absolute()
    if path.is_dir():
        raise UsageError(f"{spec}: --labels goes with one array; choose one with --label-key")
    if reading.label_key is not None:
        raise UsageError(f"{spec}: --labels and --label-key both name labels: give one")
    if beside.suffix.lower() != _SUFFIX:
        raise UsageError(f"--labels {labels}: an array of images has its labels in a .npy file")
    return _opened(spec, _Chosen(path, {"": beside}, None), {}, reading, scratch)


def _opened(
    spec: str,
    chosen: _Chosen,
    inside: dict[str, Path],
    reading: Reading,
    scratch: Path,
    linked: tuple[str, ...] = (),
) -> Source:
    beside = (*chosen.labels.values(), *filter(None, (chosen.masks,)))
    others = {path: Version.of(path) for path in beside if path.is_file()}
    version = Version.of(chosen.images)
    images = _extent(chosen.images, PIXEL_DTYPES)
    extents = {name: _extent(path) for name, path in chosen.labels.items()}
    lengths = {chosen.images.name: images.shape[0]}
    lengths |= {chosen.labels[name].name: one.shape[0] for name, one in extents.items()}
    check_lengths(spec, lengths)
    layout = layout_of(images.shape, reading.layout, _shown(chosen.images))
    names = _class_names(chosen.images.parent, reading.follow_links)
    arrays = [
        LabelArray(
            name,
            np.memmap(one.path, one.dtype, "r", one.offset, one.shape),
            _shown(one.path),
            names.get(name),
        )
        for name, one in extents.items()
    ]
    targets, warnings = stored_targets(arrays, reading, scratch)
    masks = None
    if chosen.masks is not None:
        masks = _extent(chosen.masks)
        check_masks(masks.shape, np.dtype(masks.dtype), images, layout, _shown(chosen.masks))
        masks = mask_extent(masks)
    found = Found(images, layout, targets, masks, images.nbytes, (*linked, *warnings))
    find_column = partial(_column, spec, inside, images.shape[0], scratch)
    return source_of(chosen.images, version, found, reading, find_column, others)


def _arrays_in(folder: Path) -> dict[str, Path]:
    """The .npy files of a folder by name, without the suffix; none when it holds other things."""
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if not all(path.suffix == _SUFFIX and path.is_file() for path in entries):
        return {}
    return {path.stem: path for path in sorted(entries)}


def _beside(images: Path) -> dict[str, Path]:
    """The .npy files in the folder of an array of images, which is called images."""
    files = (path for path in images.parent.glob(f"*{_SUFFIX}") if path.is_file())
    return {path.stem: path for path in sorted(files)}


def _followed(spec: str, path: Path, inside: dict[str, Path], follow: bool) -> dict[str, Path]:
    """The arrays without those that are links, unless these are followed; the file that was named
    itself, ``path``, stays. Raises `UsageError` when nothing is left."""
    if follow:
        return inside
    kept = {name: file for name, file in inside.items() if file == path or not file.is_symlink()}
    if inside and not kept:
        raise UsageError(
            f"{spec}: holds links and nothing else; links are not followed unless you say so: use "
            "--follow-links"
        )
    return kept


def _chosen(spec: str, inside: dict[str, Path], reading: Reading) -> _Chosen:
    """The arrays that are meant, given or usual."""
    image = _images(spec, inside, reading)
    labels = _labels(spec, inside, reading, image)
    lower = {name.lower(): name for name in inside}
    masks = reading.mask_key or lower.get(MASK_KEY)
    return _Chosen(
        inside[image],
        {name: inside[key] for name, key in labels.items()},
        None if masks in (None, NO_MASKS) else inside[_known(masks, inside, spec)],
    )


def _images(spec: str, inside: dict[str, Path], reading: Reading) -> str:
    if reading.image_key is not None:
        return _known(reading.image_key, inside, spec)
    if Path(spec).is_file():
        return Path(spec).stem
    lower = {name.lower(): name for name in inside}
    usual = [lower[name] for name in USUAL_NAMES if name in lower]
    if not usual:
        raise UsageError(
            f"{spec}: no array has a usual name for images; choose one of {_listed(inside)} with "
            "--image-key"
        )
    return usual[0]


def _labels(spec: str, inside: dict[str, Path], reading: Reading, image: str) -> dict[str, str]:
    """The arrays of labels by the names of their targets."""
    if reading.label_key is not None:
        keys = [_known(key, inside, spec) for key in reading.label_key]
        return dict(zip(target_names(keys, spec), keys, strict=True))
    lower = {name.lower(): name for name in inside}
    partners = USUAL_NAMES.get(image.lower(), ())
    usual = [lower[name] for name in partners if name in lower]
    if usual:
        return {"": usual[0]}
    own = [name for name in inside if name.startswith(_OWN)]
    if own:
        return {name.removeprefix(_OWN): name for name in own}
    raise UsageError(
        f"{spec}: no array has a usual name for the labels of {image!r}; choose one of "
        f"{_listed(inside)} with --label-key, or give an array and --labels FILE.npy"
    )


def _known(key: str, inside: dict[str, Path], spec: str) -> str:
    name = key.removesuffix(_SUFFIX)
    if name not in inside:
        advice = did_you_mean(name, list(inside)) or f"; there are {_listed(inside)}"
        raise UsageError(f"{spec}: there is no array {key!r}{advice}")
    return name


def _extent(path: Path, dtypes: Sequence[str] | None = None) -> Extent:
    """Where the array of a .npy file lies. Raises `SourceError` when it is none, or cut short."""
    where = _shown(path)
    if not path.is_file():
        raise UsageError(f"{where}: there is no such file; check the path")
    try:
        with path.open("rb") as file:
            said = read_header(file)
            shape, dtype = said.shape, said.dtype
            extent = Extent(path, file.tell(), shape, dtype.str)
    except PermissionError:
        raise SourceError(f"{where}: no permission to read it; change its mode") from None
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{where}: not readable as npy ({error})") from None
    if said.by_columns and len(shape) > 1:
        raise SourceError(f"{where}: is in Fortran order; save it with np.ascontiguousarray")
    if dtypes is not None and dtype.name not in dtypes:
        raise UsageError(f"{where}: is {dtype}; pixels are {', '.join(dtypes)}: convert them")
    if not shape or 0 in shape:
        raise SourceError(f"{where}: {shown_shape(shape)} holds no rows")
    size = path.stat().st_size
    if extent.offset + extent.nbytes > size:
        raise SourceError(
            f"{where}: {shown_shape(shape)} should take {extent.offset + extent.nbytes:,} bytes "
            f"and has {size:,}; it was cut short"
        )
    return extent


def _column(spec: str, inside: dict[str, Path], n: int, scratch: Path, key: str) -> Extent:
    extent = _extent(inside[_known(key, inside, spec)])
    if extent.shape[0] != n:
        raise UsageError(f"{spec}: {key} has {extent.shape[0]} rows, the images have {n}")
    kind = np.dtype(extent.dtype).kind
    if kind not in "biufSU":
        raise UsageError(
            f"{spec}: {key} is {np.dtype(extent.dtype)}; a column holds numbers or strings"
        )
    if kind in "SU":
        values = np.memmap(extent.path, extent.dtype, "r", extent.offset, extent.shape)
        return text_extent(np.array(values), column_path(scratch, key))
    return extent


def _class_names(folder: Path, follow: bool) -> dict[str, tuple[str, ...]]:
    """The class names of each target that augtool wrote into a folder of its own; not by links
    unless these are followed."""
    manifest = folder / _MANIFEST
    if not follow and (manifest.is_symlink() or manifest.parent.is_symlink()):
        return {}
    try:
        said = strict_json.loads(textfile.text_of(manifest))["attributes"]
        return {
            key.removeprefix("class_names").removeprefix("_"): tuple(map(str, json.loads(value)))
            for key, value in said.items()
            if key.startswith("class_names")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _listed(inside: dict[str, Path]) -> str:
    return ", ".join(map(repr, inside)) or "no arrays"


def _shown(path: Path) -> str:
    return shown(str(path).encode("utf-8", "surrogateescape"))
