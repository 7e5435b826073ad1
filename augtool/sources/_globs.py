"""What ``--in`` names: paths, globs ("x/*.h5") and brace ranges ("train-{000000..000146}.tar")."""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from augtool.errors import UsageError

_BRACES = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}|\{([^{}]*,[^{}]*)\}")
_MOST = 1_000_000
_SCHEME = re.compile("[a-z]{2,}:")  # sample:
_GLOB = re.compile(r"[*?[]")


def expanded(specs: Sequence[str]) -> tuple[str, ...]:
    """The inputs that ``specs`` name, in their order; those of a glob sorted.

    What exists by its name is that, whatever characters are in it. Raises `UsageError` for a
    pattern that fits nothing, and for an input that is named twice.
    """
    found = tuple(itertools.chain.from_iterable(map(_inputs, specs)))
    _check_once(found)
    return found


def _check_once(found: Sequence[str]) -> None:
    """Raise `UsageError` for an input that is named twice, also by another spelling or a link."""
    if len(found) < 2:
        return
    names: dict[object, str] = {}
    for spec in found:
        identity = _identity(spec)
        other = names.get(identity)
        names[identity] = spec
        if other is not None:
            same = "is given twice" if other == spec else f"is {other} by another name"
            raise UsageError(f"--in {spec}: {same}; leave one out")


def _identity(spec: str) -> object:
    """The device and inode of what is there; else the text."""
    try:
        status = Path(spec).stat()
    except (OSError, ValueError):
        return spec
    return status.st_dev, status.st_ino


def _inputs(spec: str) -> list[str]:
    if (
        not (_BRACES.search(spec) or _GLOB.search(spec))
        or _SCHEME.match(spec)
        or Path(spec).exists()
    ):
        return [spec]
    return [one for name in _unfolded(spec) for one in _matching(name, spec)]


def _matching(name: str, spec: str) -> list[str]:
    if not _GLOB.search(name) or Path(name).exists():
        return [name]
    matching = sorted(glob.glob(name))  # noqa: PTH207 (as the user wrote it)
    if not matching:
        raise UsageError(f"--in {spec}: {name} fits no file; check the path")
    return matching


def _unfolded(spec: str) -> list[str]:
    """The names that braces stand for, as in a shell: numbers keep their leading zeros."""
    match = _BRACES.search(spec)
    if match is None:
        return [spec]
    first, last, words = match.groups()
    if words is not None:
        inner = words.split(",")
    else:
        low, high = int(first), int(last)
        if low > high or high - low >= _MOST:
            raise UsageError(f"--in {spec}: {{{first}..{last}}} is no range; give the lower first")
        width = len(first) if first.startswith("0") else 0
        inner = [f"{number:0{width}}" for number in range(low, high + 1)]
    rest = _unfolded(spec[match.end() :])
    if len(inner) * len(rest) > _MOST:
        raise UsageError(f"--in {spec}: stands for more than {_MOST:,} inputs; name fewer")
    return [f"{spec[: match.start()]}{one}{tail}" for one in inner for tail in rest]
