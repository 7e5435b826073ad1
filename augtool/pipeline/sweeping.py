"""Clearing away what a killed run has left and no run can use: the next run of its user does.

Only folders that bear augtool's mark, belong to this user and are locked by nobody are touched, and
only where nothing in them is needed any more: work that a run can go on with stays.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from augtool.errors import AugtoolError
from augtool.pipeline.workdir import JOURNAL, REPLACED, UNFINISHED, books_of
from augtool.system import private
from augtool.system.private import Folder
from augtool.system.scratch import sweep_temporary

_AT_MOST = 10_000  # names that are looked at in a folder, which may have any number
_BEFORE, _AFTER = ".", ".augtool"  # what the name of a work folder has more than the output's


def sweep(outputs: Iterable[Path]) -> None:
    """Clear away what is left among the system's temporary files, and beside outputs."""
    with contextlib.suppress(AugtoolError, OSError):
        sweep_temporary()
    for folder in dict.fromkeys(output.parent for output in outputs):
        with contextlib.suppress(OSError):
            for output in _worked_on(folder):
                with private.left_behind(books_of(output)) as work:
                    if work is not None and _is_done_with(work, output):
                        private.discard(work)


def _worked_on(folder: Path) -> list[Path]:
    """The outputs in a folder that have a work folder."""
    with os.scandir(folder) as entries:
        return [
            folder / entry.name.removeprefix(_BEFORE).removesuffix(_AFTER)
            for entry in itertools.islice(entries, _AT_MOST)
            if entry.name.startswith(_BEFORE)
            and entry.name.endswith(_AFTER)
            and len(entry.name) > len(_BEFORE + _AFTER)
            and entry.is_dir(follow_symlinks=False)
        ]


def _is_done_with(work: Folder, output: Path) -> bool:
    """Whether nothing in a work folder is of use: the output has its name, or no row was made."""
    try:
        work.check_plain()
    except private.NotOurs:  # whoever put it there may want it; a run names it
        return False
    if not work.is_marked():
        return False
    named = os.path.lexists(output)
    if work.status(REPLACED) is not None and not named:
        return False
    if work.status(JOURNAL) is None:
        return True
    return named and work.status(UNFINISHED) is None
