"""The output formats, one file each; `_contract` says what a sink is."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from augtool import registry
from augtool.errors import UsageError
from augtool.sinks._contract import Format

STDOUT = "-"
_USUAL = "hdf5"


def names() -> tuple[str, ...]:
    """The names of all formats, sorted."""
    return registry.names("sinks")


def load(name: str) -> Format:
    """The output format of this name, or of an ending of file names, such as h5."""
    known = name if name in names() else _named_by(f".{name}") or name
    return cast(Format, registry.load("sinks", known))


def format_of(output: str, name: str | None = None) -> str:
    """The format of an output, as it is named or as ``name`` says.

    Raises `UsageError` when nothing says it.
    """
    if name is not None:
        load(name)
        return name if name in names() else _named_by(f".{name}") or name
    found = _named_by(_suffix(output))
    if found is not None:
        return found
    suffixes = _suffixes()
    if output == STDOUT or not Path(output).suffix:
        folders = ", ".join(one for one in names() if load(one).FOLDER)
        raise UsageError(
            f"{output}: say which --format: {folders}; "
            f"or name a file that ends in {', '.join(suffixes)}"
        )
    raise UsageError(
        f"{output}: the name does not say which format; end it in {', '.join(suffixes)}"
    )


def is_folder(output: str, name: str | None = None) -> bool:
    """Whether an output is a folder of files, and not one file or stdout."""
    if output == STDOUT:
        return False
    layout = load(format_of(output, name))
    return layout.FOLDER and _suffix(output) not in layout.SUFFIXES


def leaves_nothing(output: str, name: str | None = None) -> bool:
    """Whether there is neither a file nor a folder afterwards: to stdout, and when the format
    discards all rows."""
    if output == STDOUT:
        return True
    layout = load(format_of(output, name))
    return not (layout.FOLDER or layout.SUFFIXES)


def _suffix(output: str) -> str:
    return Path(output).suffix.lower()


def _named_by(suffix: str) -> str | None:
    """The format whose files end so. The usual one is asked first: to import all takes a while."""
    if suffix in cast(Format, registry.load("sinks", _USUAL)).SUFFIXES:
        return _USUAL
    return _suffixes().get(suffix)


def _suffixes() -> dict[str, str]:
    modules = registry.working("sinks")
    return {suffix: name for name, one in modules for suffix in cast(Format, one).SUFFIXES}
