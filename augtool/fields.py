"""What a field of an output is, and the checksum of what describes an output.

Every format writes the same fields; docs/schema.md lists them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RECORD = "crc32_sha256"  # the attribute of a field that holds its record
SEAL = "attributes_sha256"  # the attribute that records all others, and what the fields are


@dataclass(frozen=True)
class Field:
    """One field: every row has ``shape`` values of ``dtype``."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def sealed(fields: Sequence[Field], attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    """The attributes of an output with the record of them and of its fields."""
    return {**attributes, SEAL: seal_of(fields, attributes)}


def seal_of(fields: Sequence[Field], attributes: Mapping[str, Any]) -> str:
    """sha256 (hex) of what describes an output: its fields, and all attributes but the seal."""
    named = {one.name: [one.dtype, list(one.shape)] for one in fields}
    others = {name: value for name, value in attributes.items() if name != SEAL}
    said = json.dumps([named, others], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def field_of(target: str) -> str:
    """The field with the labels of a target."""
    return f"labels_{target}" if target else "labels"
