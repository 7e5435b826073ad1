"""The output formats, one file each; `_contract` says what a sink is."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from augtool import _modules
from augtool.errors import UsageError
from augtool.sinks._contract import Format


def load(name: str) -> Format:
    """The output format of this name."""
    return cast(Format, _modules.load("sinks", name))


def format_of(output: Path) -> str:
    """The format that the name of an output means. Raises `UsageError` when it means none."""
    suffixes = {}
    for name, module in _modules.working("sinks"):
        for suffix in cast(Format, module).SUFFIXES:
            suffixes[suffix] = name
    found = suffixes.get(output.suffix.lower())
    if found is None:
        raise UsageError(
            f"{output}: the name does not say which format; end it in {', '.join(suffixes)}"
        )
    return found
