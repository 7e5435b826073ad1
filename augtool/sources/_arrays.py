"""Sources whose images are one array, in the file itself or unpacked to a scratch file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import InputChanged, UsageError
from augtool.recipe import Layout, Mode, Reading
from augtool.sources._contract import Masks, Notes, Pixels, Rows, Target
from augtool.sources._layout import row_shape
from augtool.sources._targets import StoredTarget, digest_of

ARRAY_READING = frozenset(
    {"size", "mode", "image_key", "label_key", "layout", "target", "num_classes", "label_base"}
)
PIXEL_DTYPES = ("uint8", "uint16", "float32", "float64")


@dataclass(frozen=True)
class Extent:
    """An array that lies as it is, in C order, in a file: ``dtype`` is NumPy's code with the
    byte order ("<u2")."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """How many bytes the array takes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Found:
    """What the parent needs to know about a file of arrays.

    ``stored_bytes`` is what the images take in the file.
    """

    images: Extent
    layout: Layout | None
    target: StoredTarget
    stored_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """What tells one state of a file from another."""

    size: int
    mtime_ns: int

    @staticmethod
    def of(path: Path) -> Version:
        try:
            stat = path.stat()
        except OSError as error:
            raise InputChanged(f"{path}: can no longer be read ({error.strerror})") from error
        return Version(stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class ArraySource:
    """An open source of arrays. ``images`` lies in ``path`` itself or in a scratch file."""

    path: Path
    version: Version
    images: Extent
    layout: Layout | None
    target: StoredTarget
    notes: Notes
    nbytes: int

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
        return (self._mapped_target,)

    @cached_property
    def fingerprint(self) -> str:
        facts = json.dumps([self.n, *self.shape, self.dtype.name, digest_of(self.targets)])
        return hashlib.sha256(facts.encode()).hexdigest()

    @property
    def pixels(self) -> Pixels | None:
        """The mapped array; None where axes or bytes must be swapped to use it. Looks whether the
        file has changed: kernels read it without asking."""
        self._check_unchanged()
        stored: Pixels = self._stored
        as_it_is = self.layout != "NCHW" and stored.dtype.isnative and stored.flags.aligned
        return stored if as_it_is else None

    @property
    def masks(self) -> Masks | None:
        return None

    def column(self, key: str) -> npt.NDArray[Any]:
        raise UsageError(f"{self.path}: there is no column {key!r}")

    def name(self, row: int) -> str:
        return f"row {row}"

    def read(self, rows: Rows, out: Pixels) -> None:
        self._check_unchanged()
        stored = self._as_rows
        for place in np.argsort(rows, kind="stable"):  # rising: disks and read-ahead like it
            out[place] = stored[rows[place]]

    def image(self, row: int) -> Pixels:
        out = np.empty(self.shape, self.dtype)
        self.read(np.array([row], np.int64), out[np.newaxis])
        return out

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what is mapped is mapped again by the process that gets them."""
        return {field.name: self.__dict__[field.name] for field in dataclasses.fields(self)}

    @cached_property
    def _mapped_target(self) -> Target:
        return self.target.mapped()

    @cached_property
    def _stored(self) -> Pixels:
        """The array as it lies in its file."""
        self._check_unchanged()
        images = self.images
        # A plain ndarray: every slice of a np.memmap pays for being one.
        return np.asarray(np.memmap(images.path, images.dtype, "r", images.offset, images.shape))

    @cached_property
    def _as_rows(self) -> Pixels:
        """The array with its axes as `read` gives them."""
        return self._stored.transpose(0, 2, 3, 1) if self.layout == "NCHW" else self._stored

    def _check_unchanged(self) -> None:
        if self.images.path == self.path and Version.of(self.path) != self.version:
            raise InputChanged(
                f"{self.path}: the file changed after it was opened; "
                "start again when nothing writes to it"
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
