"""What a source is: a labelled data set with random access.

A source is one module in this folder. It offers

``sniff(spec)``
    whether ``spec`` (what the user gave as ``--in``) looks like this format;
``open(spec, reading, scratch)``
    a `Source` over it.

The parent opens a source once. The object is then pickled to the workers, so it holds only small
values and paths: whatever grows with the number of rows (a listing, targets, unpacked data) is
written to ``scratch``, a folder that outlives the workers, and mapped from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.recipe.recipe import Reading
from augtool.targets import Target

Rows = npt.NDArray[np.int64]
Pixels = npt.NDArray[Any]

NO_MASKS = "none"
"""The ``reading.mask_key`` that leaves masks out."""


@dataclass(frozen=True)
class Notes:
    """What the user should hear about a source besides its rows.

    ``warnings`` are whole sentences. ``left_out`` counts, by extension (".heic"), the files that
    were found and not read.
    """

    warnings: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


class Masks(Protocol):
    """A label image, or an importance map, for every row of a source. Small when pickled."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W): that of the source's rows."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """An integer dtype of ids, which are never blended, as they are kept (uint8, uint16,
        int32, …); or float32: an importance map. In native byte order."""
        ...

    @property
    def pixels(self) -> Pixels | None:
        """All of them as one memory-mapped array (n, H, W) when they lie on disk that way; else
        None."""
        ...

    @property
    def stamp(self) -> str:
        """See `Source`; empty when they lie in the input's own files."""
        ...

    def read(self, rows: Rows, out: Pixels) -> None:
        """Put the masks of the given rows into ``out`` (len(rows), H, W), in that order.

        Raises `BrokenInput` for a mask that cannot be read or does not fit its image, and
        `InputChanged` for one that is no longer what was listed.
        """
        ...


class Source(Protocol):
    """An open source. Rows are numbered 0 … n−1, always in the same order."""

    @property
    def n(self) -> int:
        """How many rows there are."""
        ...

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of one row as `read` gives it, (H, W, C) for images; None when it varies."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the pixels as `read` gives them, in native byte order."""
        ...

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets, the main one first."""
        ...

    @property
    def notes(self) -> Notes:
        """Warnings and left-out files, found while opening."""
        ...

    @property
    def nbytes(self) -> int:
        """The size of the source on disk, in bytes (0 when it is made on the fly)."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of relative names, sizes and targets; for arrays of shape, dtype and
        targets. Never of times or absolute paths."""
        ...

    @property
    def stamp(self) -> str:
        """What tells two states of the input apart when the fingerprint does not: the times of
        files in a folder; empty when there are none."""
        ...

    @property
    def pixels(self) -> Pixels | None:
        """All rows as one memory-mapped array (n, *shape) when they lie on disk that way, so that
        kernels read them in place; else None."""
        ...

    @property
    def masks(self) -> Masks | None:
        """The label images of the rows; None when the source has none."""
        ...

    def column(self, key: str) -> npt.NDArray[Any]:
        """The row-aligned array that the source calls ``key``: (n, …) booleans, numbers in native
        byte order, or text (dtype U). Asked in the parent, not in workers.

        Raises `UsageError`, with what there is, when there is none of that name and length.
        """
        ...

    def name(self, row: int) -> str:
        """What a person calls this row: its relative path, or ``"row 17"``."""
        ...

    def read(self, rows: Rows, out: Pixels) -> None:
        """Put the given rows into ``out`` (len(rows), *shape), in that order.

        Raises `BrokenInput` for a row that cannot be read and `InputChanged` for one that is no
        longer what was listed.
        """
        ...

    def image(self, row: int) -> Pixels:
        """One row at its own size, without ``--size``: for looking at, not for mixing."""
        ...


class Varying(Protocol):
    """A source whose ``shape`` can be None."""

    def sizes_error(self) -> UsageError:
        """Why it is None: one line with the sizes found and the option to use."""
        ...


class LabelledFormat(Protocol):
    """The module of a source that may have its labels in a file beside it."""

    def open_labelled(self, spec: str, reading: Reading, scratch: Path, labels: str) -> Source: ...


class ListedFormat(Protocol):
    """The module of a source whose listing may be kept in a file: `open_listed` makes that which is
    missing. Several ``specs`` come only to a module that has ``open_all``."""

    def open_listed(
        self,
        specs: Sequence[str],
        reading: Reading,
        scratch: Path,
        labels: str | None,
        file: Path,
    ) -> Source: ...


class Format(Protocol):
    """The module of a source. ``READING`` names the fields of `Reading` that mean something to
    it; any other that is given is refused."""

    READING: frozenset[str]

    def sniff(self, spec: str) -> bool: ...

    def open(self, spec: str, reading: Reading, scratch: Path) -> Source: ...
