"""Matching names with a user's regular expression, in a process that may be ended.

Some expressions take for ever on some names, and nothing interrupts one. This is all that such a
process imports.
"""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Sequence

_AT_ONCE = 4096  # names, which take an ordinary expression a few thousandths of a second
_SECONDS = 1.0  # of the processor's time for as many


def first_groups(pattern: str, names: Sequence[bytes]) -> list[str | None]:
    """The first group that ``pattern`` finds in each of ``names``, None where it finds none.

    Ends this process when that takes too long, where the system has a timer that does.
    """
    with warnings.catch_warnings(action="ignore"):
        search = re.compile(pattern).search
    found: list[str | None] = []
    for start in range(0, len(names), _AT_ONCE):
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
        for name in names[start : start + _AT_ONCE]:
            match = search(name.decode("utf-8", "surrogateescape"))
            found.append(match[1] if match else None)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return found
