"""Writing a page or a figure in one step, without replacing what is there unasked."""

from __future__ import annotations

import os
from pathlib import Path

from augtool.errors import OutputError, OutputExists, UsageError
from augtool.preview.grid import is_picture
from augtool.system import publishing

SVG_BEGINS = "<!-- made by augtool figure -->"
_HTML_BEGINS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="augtool report">"""


def check_free(file: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` for what is no regular file, and `OutputExists` when there is one that
    augtool has not made and that must not be overwritten."""
    if file.is_dir() or (file.exists() and not file.is_file()):
        raise UsageError(f"--out {file}: is no regular file; choose another place")
    if os.path.lexists(file) and not (overwrite or _is_ours(file)):
        raise _exists(file)


def write_file(file: Path, content: bytes, *, overwrite: bool) -> None:
    """Write ``content`` to ``file``, which is complete afterwards or as it was. Raises as
    `check_free`, and `OutputError` when it cannot be written."""
    try:
        with publishing.written(file, overwrite=overwrite or _is_ours(file)) as out:
            out.write(content)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise OutputError(
            f"{file}: cannot be written ({error.strerror or error}); choose another place"
        ) from None


def _is_ours(file: Path) -> bool:
    """Whether a page or figure of augtool is there, which another may replace."""
    if is_picture(file):
        return True
    begins = {".html": _HTML_BEGINS, ".htm": _HTML_BEGINS, ".svg": SVG_BEGINS}
    begin = begins.get(file.suffix.lower(), "").encode()
    try:
        if not begin or file.is_symlink() or not file.is_file():
            return False
        with file.open("rb") as opened:
            return opened.read(len(begin)) == begin
    except OSError:
        return False


def _exists(file: Path) -> OutputExists:
    return OutputExists(
        f"{file}: exists already, and augtool did not make it; use --overwrite or choose another "
        "--out"
    )
