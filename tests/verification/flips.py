"""Changes single bytes of outputs and asks whether `augtool verify` finds it.

    python tests/verification/flips.py --runs 200 --seed 0

A change counts when it alters what another reader (h5py, NumPy, tarfile and Pillow, pyarrow) finds
of images, labels, plan or attributes; each must be found. One that is not found must be harmless:
the other reader finds the same. Positions are drawn evenly over all bytes of an output.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import io
import json
import os
import random
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

import augtool
from augtool.engines.processes import warm_up
from augtool.job import Job
from augtool.recipe.recipe import Recipe, step
from augtool.system.inventory import MANIFEST
from augtool.verification.verify import verify

FORMS: dict[str, dict[str, Any]] = {
    "out.h5": {},
    "npy": {"format": "npy"},
    "out.tar": {"encode": "png"},
    "out.parquet": {"encode": "png"},
}
_ROWS = 100


@dataclass(frozen=True)
class Flip:
    """A change of one byte: where, what stands there, and what came of it."""

    file: str
    offset: int
    bits: int
    altered: bool
    found: bool


def made(folder: Path, name: str) -> Path:
    """An output of a form, of several blocks."""
    recipe = Recipe((step("cutmix"), step("erase")), block_rows=32, seed=5)
    source = f"sample:?n={_ROWS}&size=10&classes=3"
    path = folder / name
    augtool.run(Job(source, str(path), recipe, workers=0, **FORMS[name]))
    return path


def flips(path: Path, runs: int, seed: int) -> Iterator[Flip]:
    """Change bytes of a copy of an output, one at a time, until so many changes have altered it."""
    draw, altering = random.Random(seed), 0
    files = _files(path)
    sizes = [file.stat().st_size for file in files]
    before = content(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _copy(path, copy)
        while altering < runs:
            file = draw.choices(files, sizes)[0]
            place = copy / file.relative_to(path)
            data = file.read_bytes()
            offset, bits = draw.randrange(len(data)), draw.randrange(1, 256)
            place.write_bytes(data[:offset] + bytes([data[offset] ^ bits]) + data[offset + 1 :])
            altered = content(copy) != before
            found = bool(verify(str(copy), workers=1).problems)
            place.write_bytes(data)
            altering += altered
            yield Flip(str(file.relative_to(path.parent)), offset, bits, altered, found)


def content(path: Path) -> str:
    """A hash of all that another reader finds, or why it finds nothing."""
    reading, writing = os.pipe()
    child = os.fork()  # a damaged file may kill whoever reads it
    if child == 0:
        os.write(writing, _content(path).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said or "the reader died"


def _content(place: Path) -> str:
    read = {".h5": _by_h5py, "": _by_numpy, ".tar": _by_tarfile, ".parquet": _by_pyarrow}
    digest = hashlib.sha256()
    try:
        for part in read[place.suffix](place):
            digest.update(repr(part).encode())
    except Exception as error:
        return f"unreadable: {type(error).__name__}"
    return digest.hexdigest()


def _by_h5py(path: Path) -> Iterator[Any]:
    with h5py.File(path) as file:
        yield sorted((name, str(value)) for name, value in file.attrs.items())
        for name in file:
            values = file[name][...]
            yield name, values.dtype, values.shape, values.tobytes()
            yield sorted(map(str, file[name].attrs.items()))


def _by_numpy(path: Path) -> Iterator[Any]:
    yield json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    for file in sorted(path.glob("*.npy")):
        values = np.load(file, allow_pickle=False)
        yield file.name, values.dtype, values.shape, values.tobytes()


def _by_tarfile(path: Path) -> Iterator[Any]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            assert stream is not None
            data = stream.read()
            yield member.name, _pixels(data) if member.name.endswith("png") else data


def _by_pyarrow(path: Path) -> Iterator[Any]:
    file = pq.ParquetFile(path)
    table = file.read()
    yield str(table.schema.to_string(show_schema_metadata=True, truncate_metadata=False))
    for name in table.column_names:
        values = table[name].to_pylist()
        pictures = name == "image"
        yield name, [(_pixels(one["bytes"]), one["path"]) if pictures else one for one in values]


def _pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image).tobytes()


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _copy(path: Path, copy: Path) -> None:
    (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)


def main(say: Callable[[str], object] = print) -> int:
    """The exit code: 1 when a change was missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=200, help="altering changes a format")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    warm_up(("paste",))
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMS:
            counts = collections.Counter[tuple[bool, bool]]()
            for one in flips(made(Path(folder), name), given.runs, given.seed):
                counts[one.altered, one.found] += 1
                if one.altered and not one.found:
                    say(f"missed: {one}")
                    missed += 1
            say(
                f"{name}: found {counts[True, True]} of {given.runs} that alter it; of others "
                f"found {counts[False, True]}, harmless {counts[False, False]} (seed {given.seed})"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
