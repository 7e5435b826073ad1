"""Rows that are .npy files of one shape and dtype, wherever their bytes lie."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._archive_store import PackStore
from augtool.sources._arrays import PIXEL_DTYPES
from augtool.sources._contract import Masks, Notes, Pixels, Rows
from augtool.sources._npy_header import read_header
from augtool.sources._stored_targets import StoredTarget
from augtool.targets import Target
from augtool.text import shown


@dataclass(frozen=True)
class ArrayRows:
    """An open source of .npy members. ``header`` is what each begins with."""

    store: PackStore
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    header: bytes
    stored_targets: tuple[StoredTarget, ...]
    notes: Notes
    nbytes: int
    fingerprint: str
    masks: Masks | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        return self._mapped_targets

    @property
    def stamp(self) -> str:
        return self.store.stamp

    @property
    def pixels(self) -> Pixels | None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def column(self, key: str) -> npt.NDArray[Any]:
        if key != "name":
            raise UsageError(f"{self.store.place}: an archive has no column {key!r}; choose name")
        return np.array(list(map(shown, self.store.names())))

    def name(self, row: int) -> str:
        return shown(self.store.name(row))

    def read(self, rows: Rows, out: Pixels) -> None:
        for place, data in self.store.contents(rows):
            if (
                not data.startswith(self.header)
                or len(data) != len(self.header) + out[place].nbytes
            ):
                raise BrokenInput(
                    int(rows[place]),
                    self.name(int(rows[place])),
                    f"is no array {self.shape} of {self.dtype.name} as the first is",
                )
            values = np.frombuffer(data, self.dtype, offset=len(self.header))
            out[place] = values.reshape(self.shape)

    def image(self, row: int) -> Pixels:
        out = np.empty((1, *self.shape), self.dtype)
        self.read(np.array([row]), out)
        pixels: Pixels = out[0]
        return pixels

    @cached_property
    def _mapped_targets(self) -> tuple[Target, ...]:
        return tuple(target.mapped() for target in self.stored_targets)


def opened(
    store: PackStore,
    n: int,
    targets: tuple[StoredTarget, ...],
    notes: Notes,
    fingerprint: str,
    reading: Reading,
) -> ArrayRows:
    """The rows of a store, all like the first. Raises `UsageError` for options that would change
    them, and `SourceError` when the first is no plain array."""
    data, where = store.content(0), shown(store.name(0))
    stream = io.BytesIO(data)
    try:
        said = read_header(stream)
    except (ValueError, EOFError) as error:
        raise SourceError(f"{store.place}: {where}: not readable as npy ({error})") from None
    shape, dtype = said.shape, said.dtype
    if dtype.name not in PIXEL_DTYPES or said.by_columns or not dtype.isnative:
        raise SourceError(
            f"{store.place}: {where}: pixels are {', '.join(PIXEL_DTYPES)} in C order and native "
            "byte order; convert them"
        )
    if not shape or 0 in shape:
        raise SourceError(f"{store.place}: {where}: {shape} holds no pixels")
    if reading.size not in (None, shape[:2]) or reading.mode is not None:
        raise UsageError(
            f"{store.place}: rows are arrays {shape} of {dtype.name} and keep their size and "
            "channels; leave --size and --mode out"
        )
    header = data[: stream.tell()]
    return ArrayRows(store, n, shape, dtype, header, targets, notes, store.nbytes, fingerprint)
