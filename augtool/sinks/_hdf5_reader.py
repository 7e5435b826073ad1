"""Reading an HDF5 file that augtool wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.errors import SourceError
from augtool.fields import RECORD, Field
from augtool.sinks._contract import Buffer, Facts, Fault, Runs
from augtool.sinks._positional_writer import bytes_of
from augtool.sinks._reader import Array, Ints, PerProcess, by_name, row_array, take
from augtool.text import shown

_VERSION = "schema_version"
_FILTERS = frozenset({1, 2, 3})  # deflate, shuffle, fletcher32


def read(path: Path) -> Hdf5Rows:
    """Open a finished file. Raises ValueError when augtool did not make it."""
    import h5py

    with h5py.File(path, "r", locking="best-effort") as file:
        _check_links(file)
        data_sets = dict(sorted(file.items(), key=_place))
        attributes = {name: _plain(value) for name, value in file.attrs.items()}
        known = all(isinstance(one, h5py.Dataset) for one in data_sets.values())
        if not known or "images" not in data_sets or _VERSION not in attributes:
            raise ValueError("an HDF5 file, but not made by augtool")
        rows, size = data_sets["images"].shape[0], path.stat().st_size
        for name, one in data_sets.items():
            _check_own(name, one, rows, size)
        offsets = {
            name: one.id.get_offset() for name, one in data_sets.items() if one.chunks is None
        }
        facts = Facts(
            tuple(Field(name, one.dtype.str, one.shape[1:]) for name, one in data_sets.items()),
            attributes,
            {name: one.attrs[RECORD].decode("ascii") for name, one in data_sets.items()},
        )
    return Hdf5Rows(path, facts, rows, offsets, PerProcess(lambda: _open(path)))


def _check_links(file: Any) -> None:
    """Raise ValueError for links, of which augtool writes none, before they are followed."""
    import h5py

    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{_named(name)} is a link: not made by augtool")


def _check_own(name: str, one: Any, rows: int, size: int) -> None:
    """Raise ValueError for a data set that augtool cannot have written: of objects or other rows,
    elsewhere than in the file, or packed by other filters."""
    plist = one.id.get_create_plist()
    filters = {plist.get_filter(number)[0] for number in range(plist.get_nfilters())}
    elsewhere = one.is_virtual or plist.get_external_count()
    if one.dtype.hasobject or one.shape[:1] != (rows,) or elsewhere or not filters <= _FILTERS:
        raise ValueError(f"{_named(name)}: not made by augtool")
    offset = one.id.get_offset() if one.chunks is None else 0
    if offset is None or (one.chunks is None and offset + one.nbytes > size):
        raise ValueError(f"{_named(name)} lies beyond the end of the file; it was cut short")


def _named(name: str) -> str:
    return shown(name.encode("utf-8", "surrogateescape"))


@dataclass
class Hdf5Rows:
    """A file, open for reading; ``offsets`` has the byte at which a field begins that is not
    compressed."""

    path: Path
    facts: Facts
    rows: int
    offsets: Mapping[str, int]
    file: PerProcess[Any]

    def field(self, name: str) -> Any:
        """A memory map, or, when compressed, what is decompressed row by row."""
        one = by_name(self.facts.fields)[name]
        if name in self.offsets:
            shape = (self.rows, *one.shape)
            return np.memmap(self.path, one.dtype, "r", self.offsets[name], shape)

        def read(rows: Ints) -> Array:
            try:
                return take(self.file()[name], rows)
            except (OSError, RuntimeError) as error:  # as h5py says that a chunk is damaged
                raise SourceError(f"{self.path}: {name} cannot be read ({error})") from error

        return row_array(self.rows, one, read)

    @property
    def runs(self) -> Runs | None:
        """None: a shard does not say at which row it begins."""
        return None

    def stored(self, name: str, rows: Ints) -> Sequence[Buffer]:
        """See `Stored`."""
        return (bytes_of(self.field(name)[rows]),)

    def faults(self, low: int, high: int) -> Iterator[Fault]:
        """See `Stored`: what the HDF5 library says of the data sets."""
        from augtool.sinks._hdf5_audit import faults

        if low == 0:
            yield from faults(self.path, self.facts.fields, self.rows)

    def close(self) -> None:
        """Close the file, if compressed fields had it opened. Memory maps stay valid."""
        opened = self.file.forget()
        if opened is not None:
            opened.close()


def _place(item: tuple[str, Any]) -> int:
    """The byte at which a data set's header lies: the order in which they were made."""
    import h5py

    return int(h5py.h5o.get_info(item[1].id).addr)


def _open(path: Path) -> Any:
    import h5py

    return h5py.File(path, "r", locking="best-effort")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
