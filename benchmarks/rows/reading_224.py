"""Reading 224×224 rows that were mixed beforehand, against decoding and mixing while training."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks import contestants, data
from benchmarks._contract import Contestant, Race, Setting

_SIDE = 224
_FULL, _QUICK = 4_000, 1_000


def race(setting: Setting) -> Race:
    images = setting.number(_FULL, _QUICK)
    folder = data.jpeg_folder(setting.scratch, images, _SIDE)
    mapped, arrays = _made(folder, setting, "mixed.h5"), _made(folder, setting, "npy", "npy")
    tar = _made(folder, setting, "mixed.tar")
    no_torch = None if find_spec("torch") else "torch not installed"
    by_torch = [
        contestants.read_rows("HDF5, mapped, DataLoader(2 workers)", mapped, 2, no_torch),
        contestants.read_rows("tar of JPEGs, DataLoader(2 workers)", tar, 2, no_torch),
    ]
    if find_spec("pyarrow"):
        table = _made(folder, setting, "mixed.parquet")
        name = "Parquet of JPEGs, DataLoader(2 workers)"
        by_torch.append(contestants.read_rows(name, table, 2, no_torch))
    data.flush(folder)
    online = contestants.mix_online(folder, setting)
    return Race(
        f"Reading {images:,} mixed {_SIDE}×{_SIDE} rows, against mixing synthetic JPEGs",
        images,
        (
            contestants.read_rows("HDF5, mapped, NumPy", mapped, 0),
            _bound(arrays),
            *by_torch,
            online,
        ),
        most_runs=2,
    )


def _bound(arrays: Path) -> Contestant:
    return contestants.read_rows("npy, mapped, NumPy alone", arrays, 0, kind="bound")


def _made(folder: Path, setting: Setting, name: str, format: str | None = None) -> Path:
    """The folder's images, mixed once."""
    output = setting.scratch / name
    asked = () if format is None else ("--format", format)
    command = ("cutmix", "--in", str(folder), "--out", str(output), *asked)
    subprocess.run(
        (sys.executable, "-m", "augtool", *command, "--overwrite", "--quiet"), check=True
    )
    return output
