"""Sources whose images are one array, in the file itself or unpacked to a scratch file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe.recipe import Layout, Mode, Reading
from augtool.sources._array_masks import ArrayMasks
from augtool.sources._contract import Notes, Pixels, Rows
from augtool.sources._layout import row_shape
from augtool.sources._mapped import ArrayFile, Extent, Version, check_version, usable
from augtool.sources._stored_targets import StoredTarget, digest_of
from augtool.targets import Target

ARRAY_READING = frozenset(
    {"size", "mode", "image_key", "label_key", "label_missing", "mask_key", "layout", "target"}
    | {"num_classes", "label_base", "max_unpacked"}
)
PIXEL_DTYPES = ("uint8", "uint16", "float32", "float64")


@dataclass(frozen=True)
class Found:
    """What the parent needs to know about a file of arrays.

    ``stored_bytes`` is what the images take in the file.
    """

    images: Extent
    layout: Layout | None
    targets: tuple[StoredTarget, ...]
    masks: Extent | None
    stored_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ArraySource:
    """An open source of arrays. ``images`` lies in the file itself or in a scratch file;
    ``find_column`` says where a row-aligned array of the file lies, given its key."""

    file: ArrayFile
    images: Extent
    layout: Layout | None
    stored_targets: tuple[StoredTarget, ...]
    masks: ArrayMasks | None
    notes: Notes
    nbytes: int
    find_column: Callable[[str], Extent]

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def n(self) -> int:
        return self.images.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return row_shape(self.images.shape, self.layout)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.images.dtype).newbyteorder("=")

    @property
    def targets(self) -> tuple[Target, ...]:
        return self._mapped_targets

    @cached_property
    def fingerprint(self) -> str:
        facts = json.dumps([self.n, *self.shape, self.dtype.name, digest_of(self.targets)])
        return hashlib.sha256(facts.encode()).hexdigest()

    @property
    def stamp(self) -> str:
        """The time of the file, which may lie in a folder that is the input."""
        return str(self.file.version.mtime_ns)

    @property
    def pixels(self) -> Pixels | None:
        """The mapped array; None where axes or bytes must be swapped to use it. Looks whether the
        file has changed: kernels read it without asking."""
        self.file.check_unchanged(self.images)
        return self._stored if self.layout != "NCHW" and usable(self._stored) else None

    def column(self, key: str) -> npt.NDArray[Any]:
        """See `Source`. Numbers are mapped where they lie as they are needed."""
        self.file.check_unchanged()
        extent = self.find_column(key)
        self.file.check_unchanged()
        values = self.file.mapped(extent)
        return values if usable(values) else values.astype(values.dtype.newbyteorder("="))

    def name(self, row: int) -> str:
        return f"row {row}"

    def read(self, rows: Rows, out: Pixels) -> None:
        self.file.gather(self.images, rows, out, channels_first=self.layout == "NCHW")

    def image(self, row: int) -> Pixels:
        out = np.empty(self.shape, self.dtype)
        self.read(np.array([row], np.int64), out[np.newaxis])
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in dataclasses.fields(self)}

    @cached_property
    def _mapped_targets(self) -> tuple[Target, ...]:
        return tuple(target.mapped() for target in self.stored_targets)

    @cached_property
    def _stored(self) -> Pixels:
        """The array as it lies in its file."""
        return self.file.mapped(self.images)


def source_of(
    path: Path,
    version: Version,
    found: Found,
    reading: Reading,
    find_column: Callable[[str], Extent],
    others: Mapping[Path, Version] | None = None,
) -> ArraySource:
    """The open source of what was found in the file ``path``, and in ``others``. Raises
    `UsageError` when ``reading`` asks for another size or mode, and `InputChanged` when a file has
    changed since it had its version."""
    file = ArrayFile(path, version)
    known = {path: version, **(others or {})}
    for each, before in known.items():
        check_version(each, before)
    source = ArraySource(
        file,
        found.images,
        found.layout,
        found.targets,
        None if found.masks is None else ArrayMasks(_file_of(found.masks, known), found.masks),
        Notes(found.warnings),
        found.stored_bytes,
        find_column,
    )
    check_own_size(source, reading)
    return source


def _file_of(extent: Extent, known: Mapping[Path, Version]) -> ArrayFile:
    """The file of an array that may lie in another than the images do, or in the scratch folder."""
    version = known.get(extent.path) or Version.of(extent.path)
    return ArrayFile(extent.path, version)


def check_lengths(spec: str, lengths: Mapping[str, int]) -> None:
    """Raise `SourceError`, naming two, unless arrays have one length; the images are the first."""
    images, *names = lengths
    if not names:  # one array is both; what is wrong with that is said elsewhere
        return
    for name in names:
        if lengths[name] != lengths[names[0]]:
            raise SourceError(
                f"{spec}: targets of different lengths: {names[0]} has {lengths[names[0]]} rows, "
                f"{name} has {lengths[name]}; choose labels of one length with --label-key"
            )
    if lengths[images] != lengths[names[0]]:
        raise SourceError(
            f"{spec}: {images} has {lengths[images]} rows, {names[0]} has {lengths[names[0]]}; "
            "choose arrays of one length with --image-key and --label-key"
        )


def check_own_size(source: ArraySource, reading: Reading) -> None:
    """Arrays are mixed as they are: options that would change them must agree with them."""
    size, shape = reading.size, source.shape
    if size is not None and size != shape[:2]:
        raise UsageError(
            f"{source.path}: rows are {'x'.join(map(str, shape))} and arrays keep their size, so "
            f"--size {size[0]}x{size[1]} cannot be met; leave it out, or resize them first"
        )
    if reading.mode is not None and reading.mode != _mode(source):
        raise UsageError(
            f"{source.path}: rows are {'x'.join(map(str, shape))} {source.dtype.name} and arrays "
            f"keep their channels, so --mode {reading.mode} cannot be met; leave it out"
        )


def _mode(source: ArraySource) -> Mode | None:
    """The image mode that an array amounts to."""
    channels = 1 if source.layout == "NHW" else source.shape[-1]
    modes: dict[tuple[int, str], Mode] = {
        (1, "uint8"): "L",
        (3, "uint8"): "RGB",
        (1, "uint16"): "L16",
    }
    return modes.get((channels, source.dtype.name)) if source.layout else None
