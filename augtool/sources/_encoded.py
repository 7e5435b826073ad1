"""Sources of encoded images, such as JPEG files, wherever the bytes lie: see `Store`."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from augtool.codecs import decode
from augtool.codecs.decode import BadImage, Header
from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._contract import Masks, Notes, Pixels, Rows
from augtool.sources._stored_targets import StoredTarget
from augtool.targets import Target
from augtool.text import shown

One = TypeVar("One")

IMAGE_READING = frozenset(
    {"size", "fit", "resample", "background", "mode", "max_pixels", "max_unpacked"}
)
"""The fields of `Reading` that say how encoded images become pixels."""

_PROBES = 64
_HEAD_BYTES = 131072  # an EXIF block that begins in the first 64 KiB ends in these
_LOSSY = {"JPEG", "WEBP"}
_BATCH_BYTES = 256 << 10


class Store(Protocol):
    """Where the encoded images of a source lie, one a row. Small when pickled."""

    @property
    def place(self) -> str:
        """What messages call all of it: a path."""
        ...

    @property
    def stamp(self) -> str:
        """See `Source`."""
        ...

    def name(self, row: int) -> bytes:
        """The name of a row, which need be neither UTF-8 nor one line."""
        ...

    def names(self) -> Iterator[bytes]:
        """The names of all rows, in order."""
        ...

    def contents(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        """(place in ``rows``, encoded image) of each of ``rows``, in the order that suits.

        Raises `BrokenInput` for a row that cannot be read, and `InputChanged`.
        """
        ...

    def content(self, row: int, most: int | None = None) -> bytes:
        """The encoded image of a row, or its first ``most`` bytes. Raises as `contents`."""
        ...


class Columns(Protocol):
    """What a source has beside its images."""

    def column(self, store: Store, key: str) -> npt.NDArray[Any]:
        """See `Source.column`."""
        ...


@dataclass(frozen=True)
class EncodedSource:
    """An open source of encoded images.

    Without ``reading.size``, ``shape`` is that of the images probed while opening, and None when
    they differ; `sizes_error` then says what to do, and `image` still shows each row. ``lossy``:
    the images are kept as JPEG or WebP.
    """

    store: Store
    reading: Reading
    n: int
    shape: tuple[int, ...] | None
    stored_targets: tuple[StoredTarget, ...]
    notes: Notes
    nbytes: int
    fingerprint: str
    columns: Columns
    lossy: bool = False
    masks: Masks | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return decode.layout_of(self.reading.mode)[1]

    @property
    def targets(self) -> tuple[Target, ...]:
        return self._mapped_targets

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the main target."""
        return self.stored_targets[0].class_names

    @property
    def stamp(self) -> str:
        return self.store.stamp if self.masks is None else self.store.stamp + self.masks.stamp

    @property
    def pixels(self) -> Pixels | None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what was mapped here is mapped again elsewhere."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def sizes_error(self) -> UsageError:
        """Why ``shape`` is None. Reads every header."""
        return _sizes_error(self)

    def column(self, key: str) -> npt.NDArray[Any]:
        return self.columns.column(self.store, key)

    def name(self, row: int) -> str:
        return shown(self.store.name(row))

    def read(self, rows: Rows, out: Pixels) -> None:
        """See `Source`. Raises `UsageError` when an image is of another size than ``shape``."""
        for place, content in self.store.contents(rows):
            try:
                fits = decode.decode_into(content, self.reading, out[place])
            except BadImage as error:
                raise self._broken(int(rows[place]), error) from error
            if not fits:
                raise self.sizes_error()

    def image(self, row: int) -> Pixels:
        """One row at its own size, in the mode of ``reading``."""
        own_size = dataclasses.replace(self.reading, size=None)
        try:
            return decode.decode(self.store.content(row), own_size)
        except BadImage as error:
            raise self._broken(row, error) from error

    def header(self, row: int) -> Header:
        """The header of one row. Raises `BrokenInput`, `InputChanged`."""
        most = self.reading.max_pixels
        try:
            return decode.header(self.store.content(row, _HEAD_BYTES), most)
        except BadImage as error:
            reason = error
        try:  # some formats keep their header at the end
            return decode.header(self.store.content(row), most)
        except BadImage:
            raise self._broken(row, reason) from reason

    @cached_property
    def _mapped_targets(self) -> tuple[Target, ...]:
        return tuple(target.mapped() for target in self.stored_targets)

    def _broken(self, row: int, error: BadImage) -> BrokenInput:
        return BrokenInput(row, self.name(row), str(error))


def batches(wanted: Iterable[tuple[int, One]]) -> Iterator[list[One]]:
    """Runs of what is to be read, each with its bytes, of about `_BATCH_BYTES`: reading some and
    then decoding them is faster than turn and turn about, which throws both out of the
    processor's caches."""
    batch: list[One] = []
    waiting = 0
    for size, one in wanted:
        batch.append(one)
        waiting += size
        if waiting >= _BATCH_BYTES:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def probed(source: EncodedSource, spec: str) -> EncodedSource:
    """The source with what an evenly spread sample of headers tells about it.

    Raises `SourceError` when none can be read, `UsageError` when ``reading.mode`` is needed.
    """
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
        shape=size and (*size, decode.layout_of(mode)[0]),
        lossy=_LOSSY.issuperset(head.format for head in heads),
    )


def _sizes_error(source: EncodedSource) -> UsageError:
    """The error for images of several sizes: reads every header and lists the commonest sizes."""
    tried = (_tried_header(source, row) for row in range(source.n))
    sizes = Counter((head.height, head.width) for head in tried if isinstance(head, Header))
    common = sorted(sizes, key=lambda size: (-sizes[size], size))[:4]
    listed = ", ".join(f"{height}x{width} ({sizes[height, width]})" for height, width in common)
    more = f" and {len(sizes) - len(common)} more" if len(sizes) > len(common) else ""
    height, width = common[0]
    return UsageError(
        f"{source.store.place}: the images have {len(sizes)} sizes, height x width: "
        f"{listed}{more}; bring them to one, as with --size {height}x{width} --fit crop"
    )


def _tried_header(source: EncodedSource, row: int) -> Header | BrokenInput:
    try:
        return source.header(row)
    except BrokenInput as error:
        return error
