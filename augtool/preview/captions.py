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
_SAME = 1e-4  # weights that are equal but for rounding
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
    weights: Sequence[npt.ArrayLike] | None = None,
) -> list[str]:
    """`caption_for` each of ``rows``; names that no font of this machine can draw are shown as
    class ids. ``weights`` are those of each row's sources. Raises `UsageError` when ``font`` cannot
    be read."""
    vectors = [np.asarray(row, np.float64) for row in rows]
    each = [None] * len(vectors) if weights is None else list(weights)
    if class_names is None or kind == "values":
        return [
            caption_for(vector, class_names, kind, one)
            for vector, one in zip(vectors, each, strict=True)
        ]
    used = {index for vector in vectors for index in _entries(vector, kind)}
    names = {index: tidy(class_names[index]) for index in used}
    face = typeface(names.values(), _FONT_SIZE, font)
    drawable = {index: name for index, name in names.items() if face.has(name)}
    return [
        _caption(vector, drawable, kind, one) for vector, one in zip(vectors, each, strict=True)
    ]


def caption_for(
    label: npt.ArrayLike,
    class_names: Sequence[str] | None,
    kind: TargetKind = "soft",
    weights: npt.ArrayLike | None = None,
) -> str:
    """A target in words, from its vector (K,): "cat 0.62 · dog 0.38".

    The heaviest four classes are named, of a multi-hot label 24, unless their share would be shown
    as 0.00; how many others there are is said last ("+3 more"). That of the base comes first, then
    those of its partners, as far as ``weights`` (S,) tell them apart; without them the heaviest
    first. Shares of all classes are rounded so that they sum to 1. What label smoothing gives every
    other class is said once ("8 others 0.01 each"). A class alone
    and sure is only named ("cat"), so are the sure ones of a multi-hot label. Without names a class
    is its id ("#17"). A target of kind ``values`` is its numbers. A label of which nothing is known
    is "unknown"; of how many classes it is not known is said too ("2 unknown").
    """
    vector = np.asarray(label, np.float64)
    names = {} if class_names is None else dict(enumerate(map(tidy, class_names)))
    return _caption(vector, names, kind, weights)


def _caption(
    vector: npt.NDArray[np.float64],
    names: dict[int, str],
    kind: TargetKind,
    weights: npt.ArrayLike | None = None,
) -> str:
    if np.isnan(vector).all():
        return _UNKNOWN
    if kind == "values":
        numbers = [number_in_words(value) for value in vector.ravel()[:_FEW_ENTRIES]]
        return ", ".join([*numbers, *more(vector.size - len(numbers))])
    floor, others = _floor(vector, kind)
    entries = [one for one in _entries(vector, kind) if vector[one] > floor]
    if weights is not None and kind != "multihot":
        entries = in_slot_order(vector, entries, weights)
    shares = _rounded(vector, entries, kind, floor * others)
    said = [names.get(index) or f"#{index}" for index in entries]
    sure = [vector[index] >= 1 - _LEAST_SHARE for index in entries]
    named = [
        name if certain else f"{name} {share:.2f}"
        for share, name, certain in zip(shares, said, sure, strict=True)
    ]
    unknown = int(np.isnan(vector).sum())
    above = (vector >= _LEAST_SHARE) & (vector > floor)
    rest = more(int(above.sum()) - len(entries))
    if floor >= _LEAST_SHARE:
        rest.append(f"{others} others {floor:.2g} each")
    return BETWEEN.join([*named, *([f"{unknown} {_UNKNOWN}"] if unknown else []), *rest])


def in_slot_order(
    vector: npt.NDArray[np.float64], entries: Sequence[int], weights: npt.ArrayLike
) -> list[int]:
    """The classes ``entries`` of a label, that of the base first, then those of its partners, as
    far as their weights tell them apart; the others as they were.

    A class is a source's when the label, without what smoothing has added to all classes, has the
    source's weight there.
    """
    floor = _floor(vector, "soft")[0]
    plain = (vector - floor) / max(1 - floor * len(vector), 1e-9)
    left, ordered = list(entries), list[int]()
    for weight in np.asarray(weights, np.float64).tolist():
        near = [one for one in left if weight > 0 and abs(plain[one] - weight) < _SAME]
        if near:
            ordered.append(near[0])
            left.remove(near[0])
    return [*ordered, *left]


def _floor(vector: npt.NDArray[np.float64], kind: TargetKind) -> tuple[float, int]:
    """The share that label smoothing gives every class, and how many classes have no more; (0, 0)
    where nothing is smoothed."""
    low = float(vector.min())
    others = int((vector == low).sum())
    smoothed = kind != "multihot" and low > 0 and others >= max(2, len(vector) - _FEW_ENTRIES)
    return (low, others) if smoothed and others < len(vector) else (0.0, 0)


def _rounded(
    vector: npt.NDArray[np.float64], entries: Sequence[int], kind: TargetKind, rest: float
) -> list[float]:
    """The shares of ``entries`` in hundredths, which sum to 1 where these are all that a label has,
    ``rest`` excepted: those with the largest remainders are rounded up."""
    shares = [float(vector[one]) for one in entries]
    if kind == "multihot" or abs(sum(shares) + rest - 1) > _SAME or len(shares) < 2:
        return shares
    hundredths = [max(1, int(100 * share)) for share in shares]
    lacking = round(100 * (1 - rest)) - sum(hundredths)
    remainders = sorted(range(len(shares)), key=lambda at: hundredths[at] - 100 * shares[at])
    for at in remainders[: max(0, lacking)]:
        hundredths[at] += 1
    hundredths[hundredths.index(max(hundredths))] += min(0, lacking)
    return [one / 100 for one in hundredths]


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
