"""The commands that the rows race: augtool, the bounds, the peers."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks._contract import Contestant, Kind, Setting

PROCESSES = 2


def augtool(
    source: Path,
    setting: Setting,
    *options: str,
    method: str = "cutmix",
    name: str = "augtool",
    output: str = "out.h5",
    images: int | None = None,
) -> Contestant:
    """``augtool METHOD`` with its records on; its JSON has the seconds of the pass."""
    paths = ("--in", str(source), "--out", str(setting.output(output)))
    fixed = ("--workers", str(PROCESSES), "--json", "--quiet")
    command = (*_AUGTOOL, method, *paths, *options, *fixed)
    return Contestant(name, "augtool", command, images=images)


def augtool_silent(name: str, *arguments: str | Path) -> Contestant:
    """``augtool`` with these arguments, of which the whole command is timed."""
    return Contestant(name, "augtool", (*_AUGTOOL, *map(str, arguments)), silent=True)


def copy(source: Path, setting: Setting) -> Contestant:
    """The bound of an array job: its input copied to a new file."""
    command = _program("rivals", "copy_bytes", source, setting.output())
    return Contestant("copy of the input", "bound", command)


def decode(source: Path) -> Contestant:
    """The bound of a folder job: its images decoded, and dropped."""
    return Contestant("bare decode", "bound", _program("rivals", "decode_files", source))


def decode_to(source: Path, side: int, images: int | None = None) -> Contestant:
    """The bound of a folder job with a resize: its images decoded, resized, and dropped."""
    command = _program("rivals", "decode_files", source, side)
    return Contestant("bare decode and resize", "bound", command, images=images)


def encode(source: Path, encoding: str, name: str) -> Contestant:
    """The bound of a job with an encoder: the input's images encoded, and dropped."""
    return Contestant(name, "bound", _program("rivals", "encode_arrays", source, encoding))


def torchvision_arrays(source: Path, setting: Setting, threads: int) -> Contestant:
    """torchvision on batches of an HDF5 file.

    torch is given its ``threads``: more than one helps with large images on an idle machine, and
    makes it several times slower on a busy one, so that one number alone would be unfair.
    """
    name = f"torchvision v2.CutMix, {threads} thread{'s' if threads > 1 else ''}"
    command = _program("rivals", "torchvision_arrays", source, setting.output(), threads)
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def keras_example(source: Path, setting: Setting) -> Contestant:
    """The pipeline of Keras's CutMix example on an HDF5 file."""
    command = _program("rivals", "keras_arrays", source, setting.output())
    return Contestant("Keras's example, tf.data", "peer", command, setting.why_not("tensorflow"))


def torchvision_folder(
    source: Path, setting: Setting, side: int | None = None, epochs: int = 1
) -> Contestant:
    """torchvision on the batches of a DataLoader over an image folder."""
    command = _program(
        "rivals", "torchvision_folder", source, setting.output(), PROCESSES, side or 0, epochs
    )
    name = f"torchvision v2.CutMix, DataLoader({PROCESSES} workers)"
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def read_rows(
    name: str, output: Path, workers: int, absent: str | None = None, kind: Kind = "augtool"
) -> Contestant:
    """A trainer's loop over an output; 0 workers is NumPy in one process."""
    return Contestant(name, kind, _program("rivals", "read_rows", output, workers), absent)


def mix_online(folder: Path, setting: Setting) -> Contestant:
    """A trainer's loop that decodes and mixes an image folder itself."""
    name = f"torchvision v2.CutMix, DataLoader({PROCESSES} workers)"
    command = _program("rivals", "mix_online", folder, PROCESSES)
    return Contestant(name, "peer", command, setting.why_not("torchvision"))


def probe(name: str, module: str, *arguments: Path | int | str) -> Contestant:
    """A program that measures a part of augtool."""
    return Contestant(name, "augtool", _program("probes", module, *arguments))


def peak_memory(job: Contestant, name: str, images: int) -> Contestant:
    """A job of augtool's, watched for the memory that its processes take."""
    command = _program("probes", "peak_memory", images, *job.command)
    return Contestant(name, "augtool", command, images=images)


def _program(kind: str, module: str, *arguments: Path | int | str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.{kind}.{module}", *map(str, arguments))


_AUGTOOL = (sys.executable, "-m", "augtool")
