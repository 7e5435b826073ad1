"""A label in words, as it stands under an image of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from augtool.preview.fonts import tidy, typeface
from augtool.targets import TargetKind

BETWEEN = " · "
MORE = "…"
_LEAST_SHARE = 0.005  # smaller shares would be shown as 0.00
_MOST_ENTRIES = {"multihot": 24}  # others show fewer
_FEW_ENTRIES = 4
_FONT_SIZE = 13  # only says which letters there are
_UNKNOWN = "unknown"


def captions(
    rows: Iterable[npt.ArrayLike],
    class_names: Sequence[str] | None,
    kind: TargetKind = "soft",
    font: Path | None = None,
) -> list[str]:
    """`caption_for` each of ``rows``; names that no font of this machine can draw are shown as
    class ids. Raises `UsageError` when ``font`` cannot be read."""
    vectors = [np.asarray(row, np.float64) for row in rows]
    if class_names is None or kind == "values":
        return [caption_for(vector, class_names, kind) for vector in vectors]
    used = {index for vector in vectors for index in _entries(vector, kind)}
    names = {index: tidy(class_names[index]) for index in used}
    face = typeface(names.values(), _FONT_SIZE, font)
    drawable = {index: name for index, name in names.items() if face.has(name)}
    return [_caption(vector, drawable, kind) for vector in vectors]


def caption_for(
    label: npt.ArrayLike, class_names: Sequence[str] | None, kind: TargetKind = "soft"
) -> str:
    """A target in words, from its vector (K,): "cat 0.62 · dog 0.38".

    The heaviest four classes are named, of a multi-hot label 24, the heaviest first, unless their
    share would be shown as 0.00; how many others there are is said last ("+3 more"). A class alone
    and sure is only named ("cat"), so are the sure ones of a multi-hot label. Without names a class
    is its id ("#17"). A target of kind ``values`` is its numbers. A label of which nothing is known
    is "unknown"; of how many classes it is not known is said too ("2 unknown").
    """
    vector = np.asarray(label, np.float64)
    names = {} if class_names is None else dict(enumerate(map(tidy, class_names)))
    return _caption(vector, names, kind)


def _caption(vector: npt.NDArray[np.float64], names: dict[int, str], kind: TargetKind) -> str:
    if np.isnan(vector).all():
        return _UNKNOWN
    if kind == "values":
        numbers = [number_in_words(value) for value in vector.ravel()[:_FEW_ENTRIES]]
        return ", ".join([*numbers, *more(vector.size - len(numbers))])
    entries = _entries(vector, kind)
    said = [names.get(index) or f"#{index}" for index in entries]
    sure = [vector[index] >= 1 - _LEAST_SHARE for index in entries]
    named = [
        name if certain else f"{name} {vector[index]:.2f}"
        for index, name, certain in zip(entries, said, sure, strict=True)
    ]
    unknown = int(np.isnan(vector).sum())
    others = more(int((vector >= _LEAST_SHARE).sum()) - len(entries))
    return BETWEEN.join([*named, *([f"{unknown} {_UNKNOWN}"] if unknown else []), *others])


def more(count: int) -> list[str]:
    """What stands for ``count`` entries that are not shown."""
    return [f"+{count} more"] if count > 0 else []


def _entries(vector: npt.NDArray[np.float64], kind: TargetKind) -> list[int]:
    """The classes worth naming, the heaviest first, the lowest id first on a tie."""
    heaviest = np.argsort(-vector, kind="stable")[: _MOST_ENTRIES.get(kind, _FEW_ENTRIES)]
    return [int(index) for index in heaviest if vector[index] >= _LEAST_SHARE]


def number_in_words(value: float) -> str:
    """A number in about four digits."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
