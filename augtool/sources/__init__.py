"""The input formats, one file each; `_contract` says what a source is."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from augtool import registry
from augtool.errors import NO_ROOM, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources._contract import NO_MASKS, Format, LabelledFormat, ListedFormat, Source
from augtool.sources._globs import expanded
from augtool.sources._listing_cache import check_place


def open_source(
    spec: str | Sequence[str],
    reading: Reading,
    scratch: Path,
    labels: str | None = None,
    kind: str | None = None,
    listing: Path | None = None,
) -> Source:
    """Open ``spec`` (a path, or ``sample:``) with the first format that recognises its content.

    Several of them, and patterns ("x/*.h5", "train-{000..146}.tar"), are one source: their rows
    one after another. ``scratch`` is an existing folder for what the source must keep while it is
    in use; ``labels`` a file with the labels of images that have none; ``kind`` the name of the
    format, which is then not looked for; ``listing`` a file that keeps for other runs what is in a
    folder or in archives, made when it is missing. Raises `UsageError` when there is nothing at
    ``spec``, no format knows it, or several are not alike, and `SourceError` when its content
    cannot be used, or ``scratch`` has no room for it.
    """
    try:
        return _opened(spec, reading, scratch, labels, kind, listing)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise SourceError(
            f"{scratch}: {error.strerror}; make room, or name another place with --scratch DIR"
        ) from error


def _opened(
    spec: str | Sequence[str],
    reading: Reading,
    scratch: Path,
    labels: str | None,
    kind: str | None,
    listing: Path | None,
) -> Source:
    specs = expanded((spec,) if isinstance(spec, str) else tuple(spec))
    if listing is not None:
        return _listed(specs, reading, scratch, labels, kind, listing)
    if len(specs) == 1:
        return _one(specs[0], reading, scratch, labels, kind)
    if labels is not None:
        raise UsageError("--labels is for one input, and --in names several; give one at a time")
    formats = [_format_of(one, reading, kind) for one in specs]
    name, module = formats[0]
    if {other for other, _ in formats} == {name} and hasattr(module, "open_all"):
        return cast(Source, cast(Any, module).open_all(specs, reading, scratch))
    from augtool.sources._concat import several

    parts = []
    for number, one in enumerate(specs):  # here `zip` is the module of that name, once it is loaded
        place = scratch / f"part-{number}"
        place.mkdir()
        parts.append(formats[number][1].open(one, reading, place))
    return several(specs, parts, scratch)


def _listed(
    specs: Sequence[str],
    reading: Reading,
    scratch: Path,
    labels: str | None,
    kind: str | None,
    file: Path,
) -> Source:
    formats = dict(_format_of(one, reading, kind) for one in specs)
    name, module = next(iter(formats.items()))
    if not hasattr(module, "open_listed"):
        raise UsageError(f"--listing means nothing for an input of kind {name}; leave it out")
    if len(specs) > 1 and (len(formats) > 1 or not hasattr(module, "open_all")):
        raise UsageError("--listing is for one folder, and --in names several inputs: leave it out")
    if labels is not None:
        _labelling(name, module)
    check_place(file, specs)
    return cast(ListedFormat, module).open_listed(specs, reading, scratch, labels, file)


def _one(
    spec: str, reading: Reading, scratch: Path, labels: str | None, kind: str | None
) -> Source:
    name, module = _format_of(spec, reading, kind)
    if labels is None:
        return module.open(spec, reading, scratch)
    return _labelling(name, module).open_labelled(spec, reading, scratch, labels)


def _format_of(spec: str, reading: Reading, kind: str | None) -> tuple[str, Format]:
    """The format ``kind``, or the first that recognises ``spec``, and its name."""
    if kind is not None:
        named = cast(Format, registry.load("sources", kind))
        _check_place(spec, kind, named)
        _check_meaning(kind, named, reading)
        return kind, named
    for name, found in registry.working("sources"):
        module = cast(Format, found)
        if module.sniff(spec):
            _check_meaning(name, module, reading)
            return name, module
    if not os.path.exists(spec):  # noqa: PTH110 (False for what no file can be called)
        raise UsageError(f"{spec}: there is no such file or folder; check --in")
    formats = ", ".join(registry.names("sources"))
    raise UsageError(f"{spec}: not an input that augtool reads ({formats})")


def _check_place(spec: str, kind: str, module: Format) -> None:
    """Raise `UsageError` unless there is a file where the format has files, a folder where it has
    folders; what is neither, such as a pipe, is not opened."""
    if module.sniff(spec):
        return
    path = Path(spec)
    if not path.exists():
        raise UsageError(f"{spec}: there is no such file or folder; check --in")
    if path.is_dir() != (kind == "folder") or not (path.is_dir() or path.is_file()):
        raise UsageError(f"{spec}: cannot be of kind {kind}; leave --in-format out")


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
