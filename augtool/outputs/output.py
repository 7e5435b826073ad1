"""Reading what augtool wrote, in any format."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from augtool import sinks
from augtool.errors import AugtoolError, SourceError, UsageError
from augtool.fields import Field
from augtool.mixing import labels as label_rules
from augtool.outputs.shards import PARTS
from augtool.recipe.recipe import Recipe, recipe_from_json
from augtool.sinks import _manifest
from augtool.sinks._contract import Facts, Stored
from augtool.sinks._reader import Ints, Shards, facts_of, row_array
from augtool.system.child import isolated, limited
from augtool.targets import TargetKind

Array = npt.NDArray[Any]

# What reading others' files raises.
_NOT_OURS = (
    *(OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError),
    OverflowError,
    *(MemoryError, BadZipFile, struct.error, zlib.error),
)
_HARMLESS = (".tar", ".npz", ".zip")  # read by no library that can crash
_MEMORY = 384 << 20
_CPU_SECONDS = 30


class Output:
    """An output of augtool, open for reading: a sequence of (image, label) pairs.

    ``output[i]`` is row i: its image (H, W, C) in the dtype of the source, or (C, H, W) where
    ``layout`` says so, and its soft label (K,) float32, of several targets that of the first.
    ``output[a:b]`` is two arrays. What lies in a file as it is is memory-mapped, all else is read
    and decoded row by row. An `Output` can be handed to the workers of a data loader: it is pickled
    by its path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._stored = stored_at(self.path)
        try:
            self._attributes = dict(sorted(self._stored.facts.attributes.items()))
            self._targets = _targets(self._attributes)
            self._check()
        except _NOT_OURS as error:
            raise SourceError(f"{path}: its attributes cannot be read ({error})") from error
        self._arrays: dict[str, Any] = {}

    def _check(self) -> None:
        """Raise `TypeError`, `ValueError` or `KeyError` for attributes and fields that no output
        of augtool has: who reads them relies on their types."""
        borders = self.borders
        if not all(isinstance(border, int | np.integer) for border in borders):
            raise TypeError("the rows at which its files begin are no numbers")
        if list(borders) != sorted(borders):
            raise ValueError(f"its files begin at rows {borders}")
        if any(type(field.name) is not str for field in self._stored.facts.fields):
            raise TypeError("the name of a field is no text")
        if "images" not in self.fields:
            raise ValueError("it has no images")
        texts = [name for name in ("layout", "recipe") if name in self._attributes]
        if any(type(self._attributes[name]) is not str for name in texts):
            raise TypeError("its layout or recipe is no text")
        if not isinstance(json.loads(self._attributes.get("recipe", "{}")), dict):
            raise TypeError("its recipe is no table")
        for target in self._targets:
            self._check_target(target)

    def _check_target(self, target: str) -> None:
        if self.kind_of(target) not in get_args(TargetKind):
            raise ValueError(f"the labels are {self.kind_of(target)!r}")
        width = int(self._attributes[_of("num_classes", target)])
        names = self.class_names_of(target)
        if names is not None and any(type(name) is not str for name in names):
            raise TypeError("a class name is no text")
        if names is not None and len(names) != width:
            raise ValueError(f"it has {width} classes and {len(names)} names of classes")
        if not {_of("labels", target), _of("classes", target)} & set(self.fields):
            raise ValueError("it has no labels")

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields: images, masks when there are some, the labels of each target
        (or their classes, when they are sparse), src, weight and the plan's columns."""
        of_targets = ("labels", "classes", "label")
        first = [_of(name, target) for name in of_targets for target in self._targets]
        order = ["images", "masks", *first, "src", "weight", "area_weight"]
        names = [one.name for one in self._stored.facts.fields]
        return tuple(sorted(names, key=lambda name: (*(name != one for one in order), name)))

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What describes the whole: versions, the recipe's JSON, the source's fingerprint."""
        return self._attributes

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run. Raises `SourceError` when runs with several were merged."""
        if "recipe" not in self.attributes:
            raise SourceError(
                f"{self.path}: was merged of outputs with several recipes; its attribute "
                f"{PARTS} has them"
            )
        try:
            return recipe_from_json(self.attributes["recipe"])
        except AugtoolError:
            raise
        except _NOT_OURS as error:
            raise SourceError(f"{self.path}: its recipe cannot be read ({error})") from error

    @property
    def layout(self) -> str:
        """The axes of ``images``, such as NHWC or NCHW."""
        return str(self.attributes["layout"])

    @property
    def encode(self) -> str:
        """How images are stored where each is a file of its own, "jpg:95" or "png"; else empty."""
        return self._stored.facts.encode

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
        names = self.attributes.get(_of("class_names", target))
        return None if names is None else tuple(json.loads(names))

    def kind_of(self, target: str) -> TargetKind:
        """What the labels of a target are: those of classes, multi-hot ones or values."""
        kind: TargetKind = self.attributes[_of("target", target)]
        return kind

    @property
    def facts(self) -> Facts:
        """What its files say of the whole."""
        return self._stored.facts

    @property
    def borders(self) -> tuple[int, ...]:
        """The rows at which its files begin, from 0, and M."""
        return tuple(getattr(self._stored, "borders", (0, len(self))))

    @property
    def digest(self) -> str:
        """sha256 (hex) over the records of all fields: equal for outputs of equal content and
        encoding."""
        records = self._stored.facts.records
        lines = "".join(f"{name} {records[name]}\n" for name in sorted(records))
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
        """(M, K) float32, array-like: the soft labels of a target; those that are stored as classes
        and weights are made of them.

        Raises `KeyError` for a name that is not in ``targets``.
        """
        name = _of("classes", target)
        if name not in self.fields:
            return self.field(_of("labels", target))
        width = int(self.attributes[_of("num_classes", target)])
        classes, weight = self.field(name), self.field("weight")

        def read(rows: Ints) -> Array:
            return label_rules.dense(classes[rows], weight[rows], width)

        return row_array(len(self), Field(_of("labels", target), "<f4", (width,)), read)

    @property
    def masks(self) -> Any:
        """(M, H, W) integers, array-like: the class ids of the pixels. None when there are none."""
        return self.field("masks") if "masks" in self.fields else None

    def field(self, name: str) -> Any:
        """A field as an array, or array-like, with M rows.

        Raises `KeyError` for a name that is not in ``fields``.
        """
        if name not in self._arrays:
            if name not in self.fields:
                raise KeyError(name)
            try:
                self._arrays[name] = self._stored.field(name)
            except _NOT_OURS as error:
                raise SourceError(f"{self.path}: {name} cannot be read ({error})") from error
        return self._arrays[name]

    def __len__(self) -> int:
        return self._stored.rows

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
        """Let go of all files. Memory maps that were handed out stay valid."""
        self._arrays = {}
        self._stored.close()


def open(path: str | os.PathLike[str]) -> Output:
    """Open an output of augtool: a file, or a folder of files.

    Raises `UsageError` when there is no such thing and `SourceError` when augtool did not make it.
    """
    return Output(path)


def is_output(path: str) -> bool:
    """Whether there is a file or a folder at ``path`` that augtool made."""
    try:
        _try(path)
    except (SourceError, UsageError):
        return False
    return True


def looked_at(path: str) -> Output:
    """As `open`, for a file from anywhere: a child process tries it first."""
    _try(path)
    return Output(path)


def _try(path: str) -> None:
    """Open and close an output; in a child process where that can crash a library. Raises as
    `open`."""
    place = Path(path)
    if place.is_file() and place.suffix.lower() not in _HARMLESS:
        isolated(_open_and_close, path)
    else:
        _open_and_close(path)


def _open_and_close(path: str) -> None:
    with limited(_MEMORY, _CPU_SECONDS):
        stored_at(Path(path)).close()


def stored_at(path: Path) -> Stored:
    """The files of an output, open. Raises as `open`."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; check the path")
    if not path.is_dir() and not path.is_file():  # opening a pipe would wait for ever
        raise SourceError(f"{path}: not a file, so not an output of augtool")
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except FileNotFoundError as error:
        raise SourceError(
            f"{path}: not a folder that augtool has made; it would have a manifest inside"
        ) from error
    except _NOT_OURS as error:
        raise SourceError(f"{path}: cannot be read as an output of augtool ({error})") from error


def _file(path: Path) -> Stored:
    """A file, by its suffix; one of another name is HDF5, or none."""
    known = [name for name in sinks.names() if path.suffix.lower() in sinks.load(name).SUFFIXES]
    return _reader(known[0] if known else "hdf5")(path)


def _reader(format: str) -> Callable[[Path], Stored]:
    """What opens files of a format; a plug-in may have nothing of the kind."""
    found: Callable[[Path], Stored] | None = getattr(sinks.load(format), "read", None)
    if found is None:
        raise ValueError(f"the format {format} does not say how it is read")
    return found


def _folder(path: Path) -> Stored:
    """A folder of files that are shards, or one that its format knows as a whole."""
    facts = _manifest.read(path)
    layout = sinks.load(facts["format"])
    if not layout.SUFFIXES:
        return _reader(facts["format"])(path)
    names = [name for name in facts["files"] if name.endswith(layout.SUFFIXES)]
    shards = sorted(_manifest.inside(path, name) for name in names)
    openings = [functools.partial(_reader(facts["format"]), shard) for shard in shards]
    if len(openings) != len(facts["borders"]) - 1:
        raise ValueError(f"its manifest names {len(openings)} shards")
    known = facts_of(facts)
    if "encode" not in layout.OPTIONS:
        known = dataclasses.replace(known, encode="")
    return Shards(known, facts["borders"], openings, layout.SUFFIXES)


def _targets(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the targets, the main one first; the only target's name is empty."""
    return tuple(json.loads(attributes["targets"])) if "targets" in attributes else ("",)


def _of(name: str, target: str) -> str:
    """The name of a field or an attribute of a target."""
    return f"{name}_{target}" if target else name
