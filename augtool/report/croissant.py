"""Croissant: JSON-LD that says which files an output has, and which columns they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from augtool.fields import Field
from augtool.inspection import cite
from augtool.outputs.output import Output
from augtool.report.words import shortened
from augtool.sinks import _manifest

_TYPES = {
    ".parquet": "application/x-parquet",
    ".h5": "application/x-hdf5",
    ".hdf5": "application/x-hdf5",
    ".tar": "application/x-tar",
    ".npz": "application/zip",
    ".npy": "application/octet-stream",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant_of(output: Output, licence: str) -> str:
    """The JSON-LD of an output. Its columns are described where a file has them as such: in
    Parquet, and in the table of a folder of images."""
    files = list(_files(output))
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": _identifier(shortened(output.path.stem)),
        "description": (
            f"{len(output):,} images with soft labels, mixed by augtool from "
            f"{output.attributes['source_rows']:,} source images."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licence,
        "citeAs": cite.software(),
        "version": "1.0.0",
        "sc:additionalProperty": [
            _property("recipe", output.attributes["recipe"]),
            _property("source_fingerprint", output.attributes["source_fingerprint"]),
            _property("records_digest", output.digest),
        ],
        "distribution": files,
    }
    tables = [one for one in files if one["encodingFormat"] == _TYPES[".parquet"]]
    if len(tables) == 1:
        described["recordSet"] = [_record_set(output, {"fileObject": {"@id": tables[0]["@id"]}})]
    elif tables:  # all of them are one table
        folder = Path(tables[0]["@id"]).parent.as_posix()
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": "tables",
                "name": "tables",
                "encodingFormat": _TYPES[".parquet"],
                "includes": f"{folder}/*.parquet",
            }
        )
        described["recordSet"] = [_record_set(output, {"fileSet": {"@id": "tables"}})]
    return json.dumps(described, ensure_ascii=True, indent=1) + "\n"


def _property(name: str, value: Any) -> dict[str, Any]:
    return {"@type": "sc:PropertyValue", "sc:name": name, "sc:value": str(value)}


def _files(output: Output) -> Iterator[dict[str, Any]]:
    """The files with the rows: shards, arrays, or the table of a folder of images."""
    if not output.path.is_dir():
        size = output.path.stat().st_size
        with output.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield _file(output.path.name, size, digest)
        return
    for name, about in _manifest.read(output.path)["files"].items():
        if Path(name).suffix in _TYPES and not name.startswith("."):
            yield _file(name, about["size"], about["sha256"])


def _file(name: str, size: int, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": _identifier(name),
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": _TYPES[Path(name).suffix],
        "sha256": digest,
    }


def _record_set(output: Output, source: dict[str, Any]) -> dict[str, Any]:
    fields = [one for one in output.facts.fields if one.name not in ("images", "masks")]
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "field": [_field(one, source) for one in fields],
    }


def _field(one: Field, source: dict[str, Any]) -> dict[str, Any]:
    kind = np.dtype(one.dtype).kind
    types = {"f": "sc:Float", "S": "sc:Text", "b": "sc:Boolean"}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{one.name}",
        "name": _identifier(one.name),
        "dataType": types.get(kind, "sc:Integer"),
        **({"repeated": True} if one.shape else {}),
        "source": {**source, "extract": {"column": one.name}},
    }


def _identifier(name: str) -> str:
    """A name of letters that every reader of Croissant takes."""
    return "".join(
        one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in name
    )
