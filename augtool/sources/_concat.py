"""Several inputs as one source: their rows one after another."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from augtool.errors import BrokenInput, UsageError
from augtool.sources._contract import Masks, Notes, Pixels, Rows, Source, Varying
from augtool.sources._stored_targets import StoredTarget, digest_of
from augtool.sources._targets import blocks
from augtool.targets import Target
from augtool.text import shown

_SHOWN = 5


@dataclass(frozen=True)
class SeveralMasks:
    """The masks of several inputs, which all have some, of one shape and dtype."""

    parts: tuple[Masks, ...]
    starts: tuple[int, ...]
    stamp = ""  # that of the inputs has theirs

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    @property
    def pixels(self) -> Pixels | None:
        return None

    def read(self, rows: Rows, out: Pixels) -> None:
        _read(self.starts, rows, out, [part.read for part in self.parts])


@dataclass(frozen=True)
class Several:
    """An open source of several. Row ``starts[i]`` is the first of part i; the last of ``starts``
    is n."""

    specs: tuple[str, ...]
    parts: tuple[Source, ...]
    starts: tuple[int, ...]
    stored_targets: tuple[StoredTarget, ...]
    masks: SeveralMasks | None

    @property
    def n(self) -> int:
        return self.starts[-1]

    @property
    def shape(self) -> tuple[int, ...] | None:
        shapes = {part.shape for part in self.parts}
        return self.parts[0].shape if len(shapes) == 1 else None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.parts[0].dtype

    @property
    def targets(self) -> tuple[Target, ...]:
        return self._mapped_targets

    @property
    def lossy(self) -> bool:
        """Whether all parts keep their images as JPEG or WebP."""
        return all(getattr(part, "lossy", False) for part in self.parts)

    @property
    def notes(self) -> Notes:
        left_out: Counter[str] = Counter()
        for part in self.parts:
            left_out.update(part.notes.left_out)
        said = (warning for part in self.parts for warning in part.notes.warnings)
        return Notes(tuple(dict.fromkeys(said)), dict(left_out))

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @cached_property
    def fingerprint(self) -> str:
        parts = [part.fingerprint for part in self.parts]
        return hashlib.sha256(" ".join([*parts, digest_of(self.targets)]).encode()).hexdigest()

    @property
    def stamp(self) -> str:
        return " ".join(part.stamp for part in self.parts)

    @property
    def pixels(self) -> Pixels | None:
        for part in self.parts:
            _ = part.pixels  # raises when an array has changed meanwhile
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: self.__dict__[field.name] for field in dataclasses.fields(self)}

    def sizes_error(self) -> UsageError:
        """Why ``shape`` is None."""
        for part in self.parts:
            if part.shape is None:
                return cast(Varying, part).sizes_error()
        at = next(i for i, part in enumerate(self.parts) if part.shape != self.parts[0].shape)
        return UsageError(
            f"{self.specs[at]}: rows are {_times(self.parts[at])}, and in {self.specs[0]} "
            f"{_times(self.parts[0])}; bring images to one size with --size, or arrays beforehand"
        )

    def column(self, key: str) -> npt.NDArray[Any]:
        values = [part.column(key) for part in self.parts]
        kinds = {one.dtype.kind == "U" for one in values}
        if len(kinds) > 1 or len({one.shape[1:] for one in values}) > 1:
            raise UsageError(f"column {key!r}: is not of one kind in all inputs; leave it out")
        return np.concatenate(values)

    def name(self, row: int) -> str:
        at, inner = self._part(row)
        spec = shown(self.specs[at].encode("utf-8", "surrogateescape"))
        return f"{spec}: {self.parts[at].name(inner)}"

    def read(self, rows: Rows, out: Pixels) -> None:
        _read(self.starts, rows, out, [part.read for part in self.parts])

    def image(self, row: int) -> Pixels:
        at, inner = self._part(row)
        return self.parts[at].image(inner)

    def _part(self, row: int) -> tuple[int, int]:
        at = int(np.searchsorted(self.starts, row, "right")) - 1
        return at, row - self.starts[at]

    @cached_property
    def _mapped_targets(self) -> tuple[Target, ...]:
        return tuple(target.mapped() for target in self.stored_targets)


def several(specs: Sequence[str], parts: Sequence[Source], scratch: Path) -> Several:
    """The open sources ``parts``, which messages call ``specs``, as one.

    Raises `UsageError`, with the difference, when their targets, dtypes or masks are not alike.
    """
    for spec, part in zip(specs[1:], parts[1:], strict=True):
        _check_alike(spec, part, specs[0], parts[0])
    starts = (0, *np.cumsum([part.n for part in parts]).tolist())
    targets = tuple(
        _joined([part.targets[number] for part in parts], scratch / f"several-{number}.npy")
        for number in range(len(parts[0].targets))
    )
    masks = tuple(part.masks for part in parts if part.masks is not None)
    return Several(
        tuple(specs), tuple(parts), starts, targets, SeveralMasks(masks, starts) if masks else None
    )


def _check_alike(spec: str, part: Source, first_spec: str, first: Source) -> None:
    def refuse(what: str, mine: object, other: object) -> None:
        if mine != other:
            raise UsageError(
                f"{spec}: {what} {mine}, and in {first_spec} {other}; read what goes together"
            )

    refuse("pixels are", part.dtype.name, first.dtype.name)
    refuse("the number of targets is", len(part.targets), len(first.targets))
    for mine, other in zip(part.targets, first.targets, strict=True):
        refuse("a target is called", repr(mine.name), repr(other.name))
        refuse("labels are", mine.kind, other.kind)
        if mine.class_names != other.class_names:
            raise UsageError(
                f"{spec}: its classes are not those of {first_spec}: "
                f"{_difference(mine, other, spec, first_spec)}"
            )
        if mine.kind != "classes":
            refuse("the length of a label is", mine.width, other.width)
    for one in ("shape", "dtype"):
        kinds = [getattr(source.masks, one, "not there") for source in (part, first)]
        refuse("masks are", *map(str, kinds))


def _difference(mine: Target, other: Target, spec: str, first: str) -> str:
    if mine.class_names is None or other.class_names is None:
        return f"only {first if mine.class_names is None else spec} names them"
    own, others = mine.class_names, other.class_names
    pairs = ((own, set(others), spec), (others, set(own), first))
    only = [(where, [name for name in names if name not in rest]) for names, rest, where in pairs]
    said = [f"only in {where}: {_some(names)}" for where, names in only if names]
    return "; ".join(said) or "their order differs"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _joined(targets: Sequence[Target], path: Path) -> StoredTarget:
    """One target of all rows, in the file ``path``; ids may go further in one part than in
    another, where classes have no names."""
    first = targets[0]
    dtype = np.result_type(*(target.values.dtype for target in targets))
    rows = sum(len(target.values) for target in targets)
    header = {"descr": dtype.str, "fortran_order": False, "shape": (rows, *first.values.shape[1:])}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for target in targets:
            for _, block in blocks(target.values):
                file.write(np.ascontiguousarray(block, dtype).data)
    width = max(target.width for target in targets)
    return StoredTarget(path, first.kind, width, first.class_names, first.name)


def _read(
    starts: Sequence[int],
    rows: Rows,
    out: Pixels,
    readers: Sequence[Callable[[Rows, Pixels], None]],
) -> None:
    """Each part reads its own rows."""
    for at, places in _by_part(starts, rows):
        inner = rows[places] - starts[at]
        whole = len(places) == len(rows)
        buffer = out if whole else np.empty((len(places), *out.shape[1:]), out.dtype)
        try:
            readers[at](inner, buffer)
        except BrokenInput as error:
            raise BrokenInput(error.row + starts[at], error.name, error.reason) from error
        if not whole:
            out[places] = buffer


def _by_part(starts: Sequence[int], rows: Rows) -> Iterator[tuple[int, Rows]]:
    """(part, places in ``rows``) of each part that has some, the places in their order."""
    owner = np.searchsorted(np.asarray(starts), rows, "right") - 1
    for at in np.unique(owner).tolist():
        yield at, np.flatnonzero(owner == at)


def _times(part: Source) -> str:
    return "x".join(map(str, part.shape or ()))
