"""Places where something is mounted: they cannot be renamed, and nothing can take their name."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(rb"\\([0-7]{3})")


def is_mount(path: Path) -> bool:
    """Whether a file system, a folder or a file is mounted at ``path``, wherever its links lead."""
    if not path.exists():
        return False
    if os.path.ismount(path):
        return True
    return os.fsencode(os.path.realpath(path)) in _mounted()


def _mounted() -> frozenset[bytes]:
    """Where anything is mounted, as Linux says; what is bound from the same file system shows
    nowhere else."""
    try:
        lines = _TABLE.read_bytes().splitlines()
    except OSError:
        return frozenset()
    return frozenset(_ESCAPE.sub(_byte, line.split(b" ")[4]) for line in lines)


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])
