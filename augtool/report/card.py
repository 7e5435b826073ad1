"""Cards for data hubs: a README.md that ``datasets`` loads by, and Croissant for other tools.

Both lie where the output lies: inside a folder, or beside a file. They describe it, and change
nothing of it: `augtool verify` passes them by.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augtool.errors import UsageError
from augtool.fields import Field
from augtool.inspection import cite
from augtool.outputs.output import Output
from augtool.recipe.toml import to_toml
from augtool.report.croissant import croissant_of
from augtool.report.runs import commands
from augtool.report.words import shortened
from augtool.report.writing import write_file
from augtool.sinks import _manifest
from augtool.sinks._manifest import CROISSANT, README

_MARK = "<!-- This card was written by augtool report --card. -->"
_PATTERNS = {
    "parquet": "data/*.parquet",
    "hdf5": "*.h5",
    "tar": "*.tar",
    "folder": "train/**",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_NAMED = 1000  # classes that a card names
LICENCE = "as the source"
"""What a card says of the licence when nobody does."""


@dataclass(frozen=True)
class Card:
    """Text of README.md, and of croissant.json."""

    readme: str
    croissant: str


def write_card(output: Output, licence: str | None = None) -> tuple[Path, Path]:
    """Write both files: where they are. Raises `UsageError` for files of these names that augtool
    has not written, and for outputs of several runs."""
    folder = output.path if output.path.is_dir() else output.path.parent
    readme, croissant = folder / README, folder / CROISSANT
    ours = readme.is_file() and _MARK in readme.read_text(encoding="utf-8", errors="replace")
    for path in (readme, croissant):
        if os.path.lexists(path) and not ours:
            raise UsageError(
                f"--card: {path} exists and is not a card of augtool; move it, or the output to a "
                "folder of its own"
            )
    card = card_of(output, licence)
    write_file(readme, card.readme.encode("utf-8"), overwrite=ours)
    write_file(croissant, card.croissant.encode("utf-8"), overwrite=ours)
    return readme, croissant


def card_of(output: Output, licence: str | None = None) -> Card:
    """The card of an output. ``licence`` is an identifier as the hub has it, such as ``mit``."""
    if "recipe" not in output.attributes:
        raise UsageError(f"--card: {output.path} was merged of several runs; write a card of each")
    head = "\n".join(_yaml(_front(output, licence)))
    text = f"---\n{head}\n---\n\n{_MARK}\n\n{_body(output, licence)}"
    return Card(text, croissant_of(output, licence or LICENCE))


def format_of(output: Output) -> str:
    """The name of an output's format."""
    if output.path.is_dir():
        return str(_manifest.read(output.path)["format"])
    suffixes = {".parquet": "parquet", ".tar": "tar", ".npz": "npz"}
    return suffixes.get(output.path.suffix.lower(), "hdf5")


def _front(output: Output, licence: str | None) -> dict[str, Any]:
    """What a hub and ``datasets`` read."""
    front: dict[str, Any] = {"license": licence or "other"}
    if licence is None:
        front["license_name"] = LICENCE.replace(" ", "-")
    methods = cite.methods_of(output.recipe)
    size = next((name for most, name in _SIZES if len(output) < most), "n>1M")
    front |= {
        "pretty_name": shortened(output.path.stem),
        "size_categories": [size],
        "tags": ["augtool", "soft-labels", *methods],
    }
    kinds = {output.kind_of(target) for target in output.targets}
    if kinds & {"classes", "soft", "multihot"}:
        front["task_categories"] = ["image-classification"]
    pattern = _data_files(output)
    if pattern is not None:
        split = "validation" if output.attributes.get("split") == "validation" else "train"
        files = [{"split": split, "path": pattern}]
        front["configs"] = [{"config_name": "default", "data_files": files}]
    features = _features(output)
    if features:
        front["dataset_info"] = {"features": features}
    return front


def _data_files(output: Output) -> str | None:
    """What ``datasets`` loads; None for a format that it does not read."""
    pattern = _PATTERNS.get(format_of(output))
    if pattern is None or output.path.is_dir():
        return pattern
    return output.path.name


def _features(output: Output) -> list[dict[str, Any]]:
    """The columns as ``datasets`` describes them, of formats that say exactly which there are."""
    form = format_of(output)
    fields = output.facts.fields
    if form == "hdf5":  # read by name
        return [
            {"name": one.name, **_feature(one)} for one in sorted(fields, key=lambda one: one.name)
        ]
    if form not in ("parquet", "folder") or output.encode.partition(":")[0] == "npy":
        return []  # the file itself says what its columns are
    features = []
    for one in fields:
        name = "image" if one.name == "images" else one.name
        if one.name == "images" or (one.name == "masks" and _is_picture(one)):
            features.append({"name": name, "dtype": "image"})
        else:
            names = _class_names(output, one)
            labelled = _class_label(names) if names else _feature(one)
            features.append({"name": name, **labelled})
    return features


def _is_picture(one: Field) -> bool:
    """Whether a field of label images is stored as PNG, as ids of 8 and 16 bits are."""
    return np.dtype(one.dtype) in (np.uint8, np.uint16)


def _class_names(output: Output, one: Field) -> dict[str, str]:
    """The names of the classes that a hard label numbers, when each has its own."""
    if one.dtype != "<i8" or one.shape or not one.name.startswith("label"):
        return {}
    target = one.name.removeprefix("label").removeprefix("_")
    names = output.class_names_of(target) if target in output.targets else None
    if names is None or len(set(names)) < len(names):
        return {}
    return {str(number): name for number, name in enumerate(names)}


def _class_label(names: dict[str, str]) -> dict[str, Any]:
    return {"dtype": {"class_label": {"names": names}}}


def _feature(one: Field) -> dict[str, Any]:
    """A column of numbers or text."""
    dtype = np.dtype(one.dtype)
    name = "string" if dtype.kind == "S" else dtype.name
    if not one.shape:
        return {"dtype": name}
    if len(one.shape) == 1:
        return {"list": name, "length": one.shape[0]}
    return {"dtype": {f"array{len(one.shape)}_d": {"shape": list(one.shape), "dtype": name}}}


def _body(output: Output, licence: str | None) -> str:
    attributes, recipe = output.attributes, output.recipe
    steps = ", then ".join(cite.step_in_words(one) for one in recipe.steps)
    lines = "\n".join(f"    {line}" for line in commands(output))
    columns = "\n".join(
        f"| `{one.name}` | {np.dtype(one.dtype).name} | {'×'.join(map(str, one.shape)) or '1'} |"
        for one in output.facts.fields
    )
    return "\n".join(
        (
            f"# {_code(output.path.stem)}",
            "",
            f"{len(output):,} images, made offline by augtool {attributes['augtool_version']} of "
            f"{attributes['source_rows']:,} source images. Each row: {steps}.",
            "",
            "`labels` are soft: each is the sum of the labels of a row's sources, with the weights "
            "that its pixels show. Train with a cross-entropy that takes probabilities.",
            "",
            *_classes(output),
            "## Columns",
            "",
            "| name | type | values a row |",
            "|---|---|---|",
            columns,
            "",
            "`src` are the source rows, base first; `weight` is the share of each in the label; "
            "columns that begin with the name of a method are what it drew.",
            "",
            "## How it was made",
            "",
            f"{lines}",
            "",
            "```toml",
            to_toml(recipe).rstrip(),
            "```",
            "",
            f"Source fingerprint: `{attributes['source_fingerprint']}`",
            "",
            f"Digest of the records: `{output.digest}`",
            "",
            f"Licence: {licence or LICENCE}.",
            "",
            "## Citation",
            "",
            "```bibtex",
            cite.references(output),
            "```",
            "",
        )
    )


def _classes(output: Output) -> Iterator[str]:
    for target in output.targets:
        names = output.class_names_of(target)
        if names is not None:
            shown = [_code(name) for name in names[:_NAMED]]
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            of = f" of {target}" if target else ""
            yield f"{len(names):,} classes{of}: {', '.join(shown)}{more}."
            yield ""


def _code(name: str) -> str:
    """A name as code, so that no mark in it means anything."""
    return f"`{' '.join(shortened(name).replace('`', chr(39)).split()) or ' '}`"


def _yaml(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Plain values as YAML: text and names as JSON writes them, which YAML reads the same."""
    for key, one in value.items():
        name = key if key.replace("_", "").isalnum() and not key.isdigit() else json.dumps(key)
        if isinstance(one, Mapping):
            yield f"{indent}{name}:"
            yield from _yaml(one, f"{indent}  ")
        elif isinstance(one, Sequence) and not isinstance(one, str):
            yield f"{indent}{name}:"
            for entry in one:
                yield from _yaml_entry(entry, indent)
        else:
            yield f"{indent}{name}: {_scalar(one)}"


def _yaml_entry(entry: Any, indent: str) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f"{indent}- {_scalar(entry)}"
        return
    lines = list(_yaml(entry, f"{indent}  "))
    yield f"{indent}- {lines[0].strip()}"
    yield from lines[1:]


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
