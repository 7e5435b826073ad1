"""A hash of what an output holds, images, labels and plan, whatever file holds it.

Each field is cut into slices of `ROWS` rows; a slice's hash is the sha256 of its values in C order,
little-endian. The digest is the sha256 of a line for each field, by name: its name, dtype, shape
and the sha256 of its slices' hashes. Images are channels last and decoded, labels dense.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from augtool.fields import field_of
from augtool.outputs import output
from augtool.outputs.output import Output
from augtool.sinks._contract import Fault
from augtool.verification import read_back

ROWS = 256


def slice_digests(path: str, low: int, apart: bool) -> dict[str, bytes] | Fault:
    """For each field the sha256 of its rows from ``low`` on, `ROWS` of them or what is left."""
    with read_back.limits(apart):
        try:
            opened = _output(path)
            return {
                name: hashlib.sha256(_values(opened, name, low).tobytes()).digest()
                for name in names(opened)
            }
        except Exception as error:
            high = low + ROWS
            return Fault(f"cannot be decoded: {read_back.words(error)}", "", low, high)


def described(path: str, apart: bool) -> dict[str, str] | Fault:
    """For each field its dtype and the shape of all its rows, as the digest has them."""
    with read_back.limits(apart):
        try:
            opened = _output(path)
            return {name: _described(opened, name) for name in names(opened)}
        except Exception as error:
            return Fault(f"cannot be decoded: {read_back.words(error)}")


def folded(described: Mapping[str, str], slices: Iterable[Mapping[str, bytes]]) -> str:
    """The digest (hex) of fields whose slices come in order."""
    hashes = {name: hashlib.sha256() for name in described}
    for each in slices:
        for name, digest in each.items():
            hashes[name].update(digest)
    lines = (f"{name} {described[name]} {hashes[name].hexdigest()}\n" for name in sorted(hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def names(opened: Output) -> list[str]:
    """The fields that a digest is of: dense labels stand for sparse ones."""
    dense = [field_of(target) for target in opened.targets]
    sparse = [name.replace("labels", "classes", 1) for name in dense]
    return sorted({*dense, *opened.fields} - set(sparse))


def forget() -> None:
    """Let go of all files."""
    _output.cache_clear()


@lru_cache(maxsize=2)
def _output(path: str) -> Output:
    return output.open(path)


def _array(opened: Output, name: str) -> Any:
    for target in opened.targets:
        if name == field_of(target):
            return opened.labels_of(target)
    return opened.field(name)


def _values(opened: Output, name: str, low: int) -> Any:
    values = np.asarray(_array(opened, name)[low : low + ROWS])
    if name == "images" and opened.layout == "NCHW":
        values = np.moveaxis(values, 1, -1)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


def _described(opened: Output, name: str) -> str:
    first = _values(opened, name, 0)
    return f"{first.dtype.str} {(len(opened), *first.shape[1:])}"
