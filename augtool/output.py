"""Reading what augtool wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import SourceError, UsageError
from augtool.recipe import Recipe, recipe_from_json
from augtool.schema import RECORD
from augtool.sources._contract import TargetKind

Array = npt.NDArray[Any]

_VERSION = "schema_version"
_LABELS = "labels"


class Output:
    """An output of augtool, open for reading: a sequence of (image, label) pairs.

    ``output[i]`` is row i: its image (H, W, C) in the dtype of the source and its soft label (K,)
    float32, of several targets that of the first. ``output[a:b]`` is two arrays. Uncompressed files
    are memory-mapped, so an `Output` can be handed to the workers of a data loader: it is pickled
    by its path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._attributes, self._offsets, self._digests = _metadata(self.path)
        self._targets = _targets(self._attributes)
        self._arrays: dict[str, Any] = {}
        self._file: Any = None
        self._process = os.getpid()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields: images, masks when there are some, the labels of each target,
        src, weight and the plan's columns."""
        return tuple(self._offsets)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What describes the whole: versions, the recipe's JSON, the source's fingerprint."""
        return self._attributes

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run."""
        return recipe_from_json(self._attributes["recipe"])

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets, the main one first; the only target's name is empty."""
        return self._targets

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The K class names of the main target, or None when the source had none."""
        return self.class_names_of(self.targets[0])

    def class_names_of(self, target: str) -> tuple[str, ...] | None:
        """The class names of a target, or None when the source had none."""
        names = self._attributes.get(_of("class_names", target))
        return None if names is None else tuple(json.loads(names))

    def kind_of(self, target: str) -> TargetKind:
        """What the labels of a target are: those of classes, multi-hot ones or values."""
        kind: TargetKind = self._attributes[_of("target", target)]
        return kind

    @property
    def digest(self) -> str:
        """sha256 (hex) over the records of all fields: equal for outputs of equal content."""
        lines = "".join(f"{name} {self._digests[name]}\n" for name in sorted(self._digests))
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def images(self) -> Any:
        """(M, H, W, C), array-like."""
        return self.field("images")

    @property
    def labels(self) -> Any:
        """(M, K) float32, array-like: the soft labels of the main target."""
        return self.labels_of(self.targets[0])

    def labels_of(self, target: str) -> Any:
        """(M, K) float32, array-like: the soft labels of a target.

        Raises `KeyError` for a name that is not in ``targets``.
        """
        return self.field(_of(_LABELS, target))

    @property
    def masks(self) -> Any:
        """(M, H, W) integers, array-like: the class ids of the pixels. None when there are none."""
        return self.field("masks") if "masks" in self._offsets else None

    def field(self, name: str) -> Any:
        """A field as an array with M rows: a memory map, or an HDF5 data set when compressed.

        Raises `KeyError` for a name that is not in ``fields``.
        """
        if self._process != os.getpid():  # an open HDF5 file must not cross a fork
            self._arrays, self._file, self._process = {}, None, os.getpid()
        if name not in self._arrays:
            self._arrays[name] = self._open(name)
        return self._arrays[name]

    def __len__(self) -> int:
        return int(self._offsets["images"][1][0])

    def __getitem__(self, index: int | slice) -> tuple[Array, Array]:
        if not isinstance(index, slice) and not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        rows = index if isinstance(index, slice) else index % len(self)
        return np.array(self.images[rows]), np.array(self.labels[rows])

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return (self[row] for row in range(len(self)))

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Output], tuple[Path]]:
        return (Output, (self.path,))

    def __repr__(self) -> str:
        return f"<augtool output {str(self.path)!r}: {len(self)} rows>"

    def close(self) -> None:
        """Let go of the file. Memory maps that were handed out stay valid."""
        if self._file is not None:
            self._file.close()
        self._arrays, self._file = {}, None

    def _open(self, name: str) -> Any:
        offset, shape, dtype = self._offsets[name]
        if offset is not None:
            return np.memmap(self.path, dtype, "r", offset, shape)
        if self._file is None:
            import h5py

            self._file = h5py.File(self.path, "r", locking="best-effort")
        return self._file[name]


def open(path: str | os.PathLike[str]) -> Output:
    """Open an output of augtool.

    Raises `UsageError` when there is no such file and `SourceError` when augtool did not make it.
    """
    return Output(path)


def is_output(path: str) -> bool:
    """Whether there is an HDF5 file at ``path`` that augtool made."""
    try:
        _metadata(Path(path))
    except (SourceError, UsageError):
        return False
    return True


def _metadata(
    path: Path,
) -> tuple[dict[str, Any], dict[str, tuple[int | None, Any, Any]], dict[str, str]]:
    """The attributes, each field's (offset, shape, dtype), and each field's record."""
    import h5py

    if not path.exists():
        raise UsageError(f"{path}: there is no such file; check the path")
    if not path.is_file():  # opening a pipe would wait for ever
        raise SourceError(f"{path}: not a file, so not an output of augtool")
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            attributes = {name: _plain(value) for name, value in file.attrs.items()}
            known = all(isinstance(one, h5py.Dataset) for one in file.values())
            labels = [_of(_LABELS, name) for name in _targets(attributes)]
            if not known or not {"images", *labels} <= set(file) or _VERSION not in attributes:
                raise SourceError(f"{path}: an HDF5 file, but not made by augtool")
            fields = {
                name: (
                    data_set.id.get_offset() if data_set.chunks is None else None,
                    data_set.shape,
                    data_set.dtype,
                )
                for name, data_set in file.items()
            }
            digests = {
                name: data_set.attrs[RECORD].decode("ascii") for name, data_set in file.items()
            }
    except (OSError, KeyError) as error:
        raise SourceError(f"{path}: cannot be read as an output of augtool ({error})") from error
    ordered = {"images": fields.pop("images")}
    ordered.update({name: fields.pop(name) for name in ("masks", *labels) if name in fields})
    return attributes, {**ordered, **fields}, digests


def _targets(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the targets, the main one first; the only target's name is empty."""
    return tuple(json.loads(attributes["targets"])) if "targets" in attributes else ("",)


def _of(name: str, target: str) -> str:
    """The name of a field or an attribute of a target."""
    return f"{name}_{target}" if target else name


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
