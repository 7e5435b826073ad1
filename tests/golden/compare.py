"""Compare the files that two builds make of the same jobs, byte for byte:

``python tests/golden/compare.py --old OLD/bin/python --new NEW/bin/python``, each the interpreter
of an environment with one of the builds, and both with equal versions of all else. Files must have
one sha256. Where they do not, they are taken apart: what differs must be listed here by its key.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import golden_inputs
from golden_jobs import JOBS, Job

COMPARED = (
    *("method-cutmix", "method-fmix", "method-gridmask", "method-resizemix", "method-rotate"),
    *("method-saliencymix", "method-erase", "chain", "choice", "num", "keep-originals"),
    *("balance-classes", "pair-same-class", "copied-columns", "everything-at-once"),
    *("masks-in-a-chain", "masks-weigh", "masks-of-a-folder", "several-targets", "source-folder"),
    *("source-tar-gz", "source-parquet", "source-npy", "source-labels-table", "source-several"),
    *("fit-pad", "format-hdf5-gzip", "format-hdf5-shards", "format-npy", "format-npz"),
    *("format-tar", "format-tar-shards", "format-parquet", "format-folder", "format-sparse"),
    *("plan-of-a-chain", "render-plan", "merge-shards", "processes"),
)
OLD_OPTIONS: dict[str, str] = {}
"""By the name of an option, or another word of a command line, today: what the old build calls it.
"""
EXCEPTIONS: dict[str, str] = {}
"""By key (a pattern, as of file names): why the old build may have another value there."""
FOLLOWS = ("*attributes_sha256", "*manifest_sha256")
"""What sums up other keys: it may differ where one of the exceptions does."""

Parts = dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--old", required=True, help="the interpreter of the old build")
    parser.add_argument("--new", required=True, help="the interpreter of the new build")
    given = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="augtool-compare-") as folder:
        for side in ("old", "new"):
            (Path(folder) / side).mkdir()
            golden_inputs.make(Path(folder) / side)
        for name in COMPARED:
            old, new = (
                files_of(JOBS[name], getattr(given, side), Path(folder) / side, options)
                for side, options in (("old", OLD_OPTIONS), ("new", {}))
            )
            differences = differing(old, new)
            failed += bool(differences)
            verdict = "equal" if old == new else "equal but for what is listed"
            sys.stdout.write(f"{name}: {'; '.join(differences) or verdict}\n")
    sys.stdout.write(f"{len(COMPARED) - failed} of {len(COMPARED)} jobs make the same files\n")
    return 1 if failed else 0


def files_of(job: Job, python: str, folder: Path, renamed: Mapping[str, str]) -> dict[str, bytes]:
    """Run a job with an interpreter in a folder of inputs: the content of each file that its
    outputs have. What it makes is removed."""
    before = set(folder.iterdir())
    for command in job.commands:
        words = [renamed.get(word, word) for word in shlex.split(command)]
        target = words.index(">") if ">" in words else len(words)
        done = subprocess.run(
            [python, "-m", "augtool", *words[:target]],
            cwd=folder,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"exit code {done.returncode}: augtool {command}")
        for name in words[target + 1 :]:
            (folder / name).write_bytes(done.stdout)
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for output in job.outputs
        for path in sorted([folder / output, *(folder / output).rglob("*")])
        if path.is_file()
    }
    for path in set(folder.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return files


def differing(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """What differs between files and is not excepted, each as a file and a key."""
    if old.keys() != new.keys():
        return [f"the files are {sorted(old)} and {sorted(new)}"]
    found: list[str] = []
    excepted = False
    following: list[str] = []
    for name in old:
        if hashlib.sha256(old[name]).digest() == hashlib.sha256(new[name]).digest():
            continue
        before, after = parts_of(name, old[name]), parts_of(name, new[name])
        keys = [key for key in before | after if before.get(key) != after.get(key)]
        for key in keys:
            if any(fnmatch(key, pattern) for pattern in EXCEPTIONS):
                excepted = True
            elif any(fnmatch(key, pattern) for pattern in FOLLOWS):
                following.append(f"{name}: {key}")
            else:
                found.append(f"{name}: {key}")
        if not keys:
            found.append(f"{name}: its bytes, in no part that is looked at")
    return found if excepted else found + following


def parts_of(name: str, content: bytes) -> Parts:
    """What a file is made of: by key, a sha256 or a value."""
    kinds: dict[str, Callable[[bytes], Iterator[tuple[str, Any]]]] = {
        ".h5": _hdf5,
        ".npz": _zip,
        ".tar": _tar,
        ".parquet": _parquet,
        ".csv": _plan,
    }
    take_apart = kinds.get(Path(name).suffix, _whole)
    return {key: text for part, value in take_apart(content) for key, text in _flat(part, value)}


def _whole(content: bytes) -> Iterator[tuple[str, Any]]:
    yield "", content


def _hdf5(content: bytes) -> Iterator[tuple[str, Any]]:
    import h5py

    with h5py.File(io.BytesIO(content)) as file:
        yield from file.attrs.items()
        for name, values in file.items():
            yield from ((f"{name}.{key}", value) for key, value in values.attrs.items())
            yield name, f"{values.dtype} {values.shape} ".encode() + values[()].tobytes()


def _zip(content: bytes) -> Iterator[tuple[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist())


def _tar(content: bytes) -> Iterator[tuple[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            yield member.name, b"" if stream is None else stream.read()


def _parquet(content: bytes) -> Iterator[tuple[str, Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    for key, value in (table.schema.metadata or {}).items():
        yield key.decode(), value
    for name in table.column_names:
        yield name, repr(table.column(name).to_pylist()).encode()


def _plan(content: bytes) -> Iterator[tuple[str, Any]]:
    first, _, table = content.partition(b"\n")
    yield "plan", first.removeprefix(b"# augtool-plan ")
    yield "table", table


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A value by its keys: JSON is taken apart, bytes are hashed."""
    if isinstance(value, bytes | str):
        try:
            value = json.loads(value)
        except ValueError:
            data = value.encode() if isinstance(value, str) else value
            yield key, hashlib.sha256(data).hexdigest()
            return
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for inner, part in pairs:
            yield from _flat(f"{key}.{inner}" if key else str(inner), part)
    else:
        yield key, repr(value)


if __name__ == "__main__":
    sys.exit(main())
