"""Writing a page or a figure in one step, without replacing what is there unasked."""

from __future__ import annotations

import os
from pathlib import Path

from augtool.errors import OutputError, OutputExists, UsageError
from augtool.system import publishing


def check_free(file: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` for what is no regular file, and `OutputExists` when there is a file and
    it must not be overwritten."""
    if file.is_dir() or (file.exists() and not file.is_file()):
        raise UsageError(f"--out {file}: is no regular file; choose another place")
    if os.path.lexists(file) and not overwrite:
        raise _exists(file)


def write_file(file: Path, content: bytes, *, overwrite: bool) -> None:
    """Write ``content`` to ``file``, which is complete afterwards or as it was. Raises as
    `check_free`, and `OutputError` when it cannot be written."""
    try:
        with publishing.written(file, overwrite=overwrite) as out:
            out.write(content)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise OutputError(
            f"{file}: cannot be written ({error.strerror or error}); choose another place"
        ) from None


def _exists(file: Path) -> OutputExists:
    return OutputExists(f"{file}: exists already; use --overwrite or choose another --out")
