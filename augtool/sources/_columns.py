"""Row-aligned values beside the targets: an array of the source, or a file that names its rows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.sources._extents import Extent

Values = npt.NDArray[Any]


def as_text(values: Values) -> Values:
    """An array of str and bytes objects, or of fixed-length strings, as text (dtype U)."""
    words = [
        one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else str(one)
        for one in values.reshape(-1).tolist()
    ]
    return np.array(words, np.str_).reshape(values.shape)


def column_path(scratch: Path, key: str) -> Path:
    """Where the column ``key``, whatever its name, is unpacked to."""
    return scratch / f"column-{hashlib.sha256(key.encode()).hexdigest()[:16]}.raw"


def text_extent(values: Values, path: Path) -> Extent:
    """Strings written to ``path`` as text."""
    text = as_text(values)
    text.tofile(path)
    return Extent(path, 0, text.shape, text.dtype.str)
