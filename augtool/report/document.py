"""From an output or an input to a page: what is read, and in which order."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from augtool.errors import SourceError, UsageError
from augtool.outputs import output
from augtool.recipe.recipe import Reading
from augtool.report import inputs, outputs
from augtool.report.batches import rows_to_read
from augtool.report.options import Options, Written
from augtool.report.page import page_of
from augtool.report.writing import check_free, write_file
from augtool.system.progress import Listener, Progress


def write(
    path: str,
    file: Path,
    options: Options | None = None,
    listener: Listener | None = None,
    *,
    overwrite: bool = False,
) -> Written:
    """Write the page of an output of augtool, or of an input, to ``file``, in one step. The same
    input gives the same bytes.

    Raises `UsageError` for what cannot be asked of it, `SourceError` for an unusable input,
    `OutputExists` for a file that augtool has not made, without ``overwrite``, and
    `OutputError` when the page cannot be written.
    """
    options = options or Options()
    check_free(file, overwrite=overwrite)
    title, data = data_of(path, options, listener)
    page = page_of(title, data).encode("utf-8")
    write_file(file, page, overwrite=overwrite)
    shown = len(data["rows"])
    return Written(str(file), len(page), data["total"], shown, bool(data["estimated"]))


def data_of(
    path: str, options: Options, listener: Listener | None = None
) -> tuple[str, dict[str, Any]]:
    """The title of a page, and all that it shows, as JSON has it."""
    if options.rows < 1:
        raise UsageError(f"--rows {options.rows}: show at least 1")
    if _is_output(path, options):
        with _opened(path, options) as opened, _damage(path):
            if options.reading != Reading():
                raise UsageError(
                    f"{path}: its recipe says how its source is read; remove the options of reading"
                )
            tell = _teller(listener, rows_to_read(opened))
            with _scratch(options.source is not None) as scratch:
                data = outputs.data_of(opened, options, tell, scratch)
    else:
        if options.verify:
            raise UsageError(f"{path}: is an input; --verify compares an output with its records")
        with tempfile.TemporaryDirectory(prefix="augtool-") as folder:
            data = inputs.data_of(path, options, listener, Path(folder))
    return data["title"], data


def _is_output(path: str, options: Options) -> bool:
    """Whether augtool made what lies there; what is read in a way of its own is an input."""
    if options.source is not None and options.source.spec:
        return True  # opening it says what is wrong
    plain = options.reading == Reading() and options.source is None
    return plain and not path.startswith("sample:") and output.is_output(path)


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """What an output that does not hold what it says leads to becomes a `SourceError`."""
    try:
        yield
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise SourceError(
            f"{path}: its fields and attributes do not fit ({' '.join(str(error).split())}); "
            "check it with augtool verify"
        ) from error


def _opened(path: str, options: Options) -> output.Output:
    """An output; one that was looked at already is not looked at again."""
    with_source = options.source is not None and options.source.spec
    return output.looked_at(path) if with_source else output.open(path)


def _scratch(needed: bool) -> AbstractContextManager[str | None]:
    return tempfile.TemporaryDirectory(prefix="augtool-") if needed else nullcontext()


def _teller(listener: Listener | None, total: int) -> Callable[[int], None]:
    began = time.perf_counter()

    def tell(rows: int) -> None:
        if listener is not None:
            listener(Progress(rows, total, 0, time.perf_counter() - began))

    tell(0)
    return tell
