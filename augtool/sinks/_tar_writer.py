"""Encoding rows as the members of a tar archive."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.codecs.encoding import Encoding
from augtool.sinks._contract import Buffer, Encoded
from augtool.sinks._npy import npy
from augtool.sinks._positional_writer import bytes_of
from augtool.sinks._tar import parts

KEY = "{:09}"


@dataclass
class TarWriter:
    """Encodes rows: all fields of some, in order, until `encoded` is called."""

    encoding: Encoding
    _rows: list[int] = field(default_factory=list)
    _images: list[bytes] = field(default_factory=list)
    _others: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._rows, self._images, self._others = [], [], {}

    def write(
        self, field: str, rows: npt.NDArray[np.int64], values: npt.NDArray[Any]
    ) -> Sequence[Buffer]:
        """Encode images; keep the other fields of the same rows, which come later."""
        if field == "images":
            encoded = [self.encoding.encode(image) for image in values]
            self._rows += rows.tolist()
            self._images += encoded
            return encoded
        kept = values.copy()  # the caller uses its arrays again
        self._others.setdefault(field, []).append(kept)
        return (bytes_of(kept),)

    def encoded(self) -> Sequence[Encoded]:
        """The members of all rows since the last call, one piece for each run of rows."""
        fields = {name: np.concatenate(each) for name, each in self._others.items()}
        members = [self._row(at, fields) for at in range(len(self._rows))]
        edges = np.flatnonzero(np.diff(self._rows) != 1) + 1
        starts = [0, *edges.tolist(), len(members)]
        pieces = [
            Encoded("", self._rows[start], b"".join(itertools.chain(*members[start:stop])))
            for start, stop in itertools.pairwise(starts)
            if stop > start
        ]
        self._rows, self._images, self._others = [], [], {}
        return pieces

    def written(
        self, _field: str, _rows: npt.NDArray[Any], _pieces: Sequence[Encoded]
    ) -> Sequence[Buffer] | None:
        """None: all of it is appended."""
        return None

    def _row(self, at: int, fields: Mapping[str, npt.NDArray[Any]]) -> list[bytes]:
        """The files of one row, one after another."""
        key = KEY.format(self._rows[at])
        files = [*parts(f"{key}.{self.encoding.extension}", self._images[at])]
        plan: dict[str, Any] = {}
        for name, values in fields.items():
            value = values[at]
            if name == "label":
                files.extend(parts(f"{key}.cls", b"%d" % int(value)))
            elif name == "labels":
                files.extend(parts(f"{key}.soft.npy", npy(value)))
            elif is_member(name):
                files.extend(parts(member_of(key, name), npy(value)))
            else:
                plan[name] = value.decode() if isinstance(value, bytes) else value.tolist()
        text = json.dumps(plan, separators=(",", ":")).encode()
        return [*files, *parts(f"{key}.json", text)]


def is_member(field: str) -> bool:
    """Whether the values of a field are a file of their own, of its name."""
    return field == "masks" or field.startswith("labels_")


def member_of(key: str, field: str) -> str:
    """The name of the file of a field that is one of its own."""
    return f"{key}.{field}.npy"
