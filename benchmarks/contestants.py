"""The commands that the rows race: augtool, the bounds, the peers."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks._contract import Contestant, Kind, Setting

PROCESSES = 2


def augtool(source: Path, setting: Setting, *options: str) -> Contestant:
    """``augtool cutmix`` with its records on; its JSON has the seconds of the pass."""
    paths = ("--in", str(source), "--out", str(setting.output))
    fixed = ("--workers", str(PROCESSES), "--json", "--quiet")
    command = (sys.executable, "-m", "augtool", "cutmix", *paths, *options, *fixed)
    return Contestant("augtool", "augtool", command)


def copy(source: Path, setting: Setting) -> Contestant:
    """The bound of an array job: its input copied to a new file."""
    command = _rival("copy_bytes", source, setting.output)
    return Contestant("copy of the input", "bound", command)


def decode(source: Path) -> Contestant:
    """The bound of a folder job: its images decoded, and dropped."""
    return Contestant("bare decode", "bound", _rival("decode_files", source))


def torchvision_arrays(source: Path, setting: Setting, threads: int) -> Contestant:
    """torchvision on batches of an HDF5 file.

    torch is given its ``threads``: more than one helps with large images on an idle machine, and
    makes it several times slower on a busy one, so that one number alone would be unfair.
    """
    name = f"torchvision v2.CutMix, {threads} thread{'s' if threads > 1 else ''}"
    command = _rival("torchvision_arrays", source, setting.output, threads)
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def torchvision_folder(source: Path, setting: Setting) -> Contestant:
    """torchvision on the batches of a DataLoader over an image folder."""
    command = _rival("torchvision_folder", source, setting.output, PROCESSES)
    name = f"torchvision v2.CutMix, DataLoader({PROCESSES} workers)"
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def read_rows(
    name: str, output: Path, workers: int, absent: str | None = None, kind: Kind = "augtool"
) -> Contestant:
    """A trainer's loop over an output; 0 workers is NumPy in one process."""
    return Contestant(name, kind, _rival("read_rows", output, workers), absent)


def mix_online(folder: Path, setting: Setting) -> Contestant:
    """A trainer's loop that decodes and mixes an image folder itself."""
    name = f"torchvision v2.CutMix, DataLoader({PROCESSES} workers)"
    command = _rival("mix_online", folder, PROCESSES)
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def _rival(module: str, *arguments: Path | int) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.rivals.{module}", *map(str, arguments))
