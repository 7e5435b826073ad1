"""The input formats, one file each; `_contract` says what a source is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

from augtool import _modules
from augtool.errors import UsageError
from augtool.recipe import Reading
from augtool.sources._contract import NO_MASKS, Format, LabelledFormat, Source


def open_source(spec: str, reading: Reading, scratch: Path, labels: str | None = None) -> Source:
    """Open ``spec`` (a path, or ``sample:``) with the first format that recognises its content.

    ``scratch`` is an existing folder for what the source must keep while it is in use; ``labels``
    a file with the labels of images that have none. Raises
    `UsageError` when there is nothing at ``spec`` or no format knows it, `SourceError` when its
    content cannot be used.
    """
    for name, found in _modules.working("sources"):
        module = cast(Format, found)
        if module.sniff(spec):
            _check_meaning(name, module, reading)
            if labels is None:
                return module.open(spec, reading, scratch)
            return _labelling(name, module).open_labelled(spec, reading, scratch, labels)
    if not Path(spec).exists():
        raise UsageError(f"{spec}: there is no such file or folder; check --in")
    formats = ", ".join(_modules.names("sources"))
    raise UsageError(f"{spec}: not an input that augtool reads ({formats})")


def _labelling(name: str, module: Format) -> LabelledFormat:
    if not hasattr(module, "open_labelled"):
        raise UsageError(f"--labels means nothing for an input of kind {name}; leave it out")
    return cast(LabelledFormat, module)


def _check_meaning(name: str, module: Format, reading: Reading) -> None:
    """Refuse what would silently be ignored."""
    for field in dataclasses.fields(reading):
        value = getattr(reading, field.name)
        if value == field.default or field.name in module.READING:
            continue
        if field.name != "mask_key":
            option = field.name.replace("_", "-")
            raise UsageError(f"--{option} means nothing for an input of kind {name}; leave it out")
        if value != NO_MASKS:  # it has none, so there are none to leave out
            raise UsageError(
                f"--masks {value}: there is no such folder, and an array means nothing for an "
                f"input of kind {name}; check the path, or leave it out"
            )
