"""What can go wrong, as one tree.

Every error is one line that says what is wrong, where, and what to do next::

    AugtoolError                 exit 1  something failed
    ├── UsageError               exit 2  the request cannot be met as it was made
    │   └── OutputExists         exit 2  the output is there already, or belongs to another run
    ├── SourceError              exit 1  the input cannot be used
    │   ├── BrokenInput          exit 1  one row of the input cannot be read
    │   └── InputChanged         exit 1  the input is no longer what it was when the run began
    ├── OutputError              exit 1  the output cannot be written
    └── WorkerDied               exit 1  a worker process ended before its task did

The library raises these; only ``cli/main.py`` turns them into messages and exit codes.
"""

from __future__ import annotations

import errno

# What the system answers when a file cannot grow.
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC))

KEPT = "kept: "
"""How the note on an error begins that says what is left for the next run."""


class AugtoolError(Exception):
    """The root of every error that augtool raises on purpose."""

    exit_code = 1


class UsageError(AugtoolError):
    """The request is wrong or incomplete: an option, a parameter, a recipe, a path."""

    exit_code = 2


class OutputExists(UsageError):
    """The output is there already, or another run is writing it."""


class SourceError(AugtoolError):
    """The input as a whole cannot be used."""


class BrokenInput(SourceError):
    """One row of the input cannot be read.

    ``row`` is its number in the source, ``name`` what the source calls it (a relative path, or
    ``"row 17"``), ``reason`` why it cannot be read.
    """

    def __init__(self, row: int, name: str, reason: str) -> None:
        super().__init__(row, name, reason)
        self.row = row
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; replace it, or go on without it (on-error skip)"


class InputChanged(SourceError):
    """A file's size or time is no longer what the listing says."""


class OutputError(AugtoolError):
    """The output cannot be written: no space, no permission, a failing disk."""


class WorkerDied(AugtoolError):
    """A worker process was killed or crashed."""
