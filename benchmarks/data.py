"""Data made for the races: the same bytes every time, on disk before a race starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import simplejpeg

CLASSES = 10
_SEED = 20190513
_PART_BYTES = 64 << 20
_PART_IMAGES = 1000
_QUALITY = 75  # with 4:2:0 chroma gives files of about 1 kB at 32×32, as CIFAR-10's have as JPEGs
_COARSE = 6
_GRAIN = 6.0

Pixels = npt.NDArray[np.uint8]


def arrays(path: Path, images: int, side: int) -> Path:
    """An HDF5 file of contiguous noise: ``images`` (n, side, side, 3) uint8, ``labels`` (n,).

    What is in the pixels makes no difference to a copy or to a paste.
    """
    draws = np.random.default_rng(_SEED)
    part = max(1, _PART_BYTES // (side * side * 3))
    with h5py.File(path, "w") as file:
        data_set = file.create_dataset("images", (images, side, side, 3), np.uint8)
        for start in range(0, images, part):
            stop = min(start + part, images)
            noise = draws.bytes((stop - start) * side * side * 3)
            data_set[start:stop] = np.frombuffer(noise, np.uint8).reshape(-1, side, side, 3)
        file["labels"] = draws.integers(CLASSES, size=images)
    flush(path)
    return path


def jpeg_folder(path: Path, images: int, side: int) -> Path:
    """Class folders of smooth, slightly grainy JPEGs."""
    draws = np.random.default_rng(_SEED)
    for label in range(CLASSES):
        (path / f"class{label}").mkdir(parents=True)
    for start in range(0, images, _PART_IMAGES):
        numbers = range(start, min(start + _PART_IMAGES, images))
        for number, pixels in zip(numbers, _smooth(draws, len(numbers), side), strict=True):
            data = simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", "420")
            (path / f"class{number % CLASSES}" / f"{number:06}.jpg").write_bytes(data)
    flush(path)
    return path


def part_of_folder(given: Path, path: Path, images: int) -> Path:
    """A copy of ``images`` of the files in ``given``'s class folders, spread evenly."""
    files = [file for _, file in files_by_class(given)]
    for file in (files[i * len(files) // images] for i in range(images)):
        target = path / file.relative_to(given)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    flush(path)
    return path


def files_by_class(folder: Path) -> list[tuple[str, Path]]:
    """(class, file) of each JPEG in the class folders of ``folder``, in order."""
    return [
        (one.name, file)
        for one in sorted(folder.iterdir())
        if one.is_dir()
        for file in sorted(one.iterdir())
        if file.suffix.lower() in (".jpg", ".jpeg")
    ]


def flush(path: Path) -> None:
    """Have a file, or the file system of a folder, written back: a race must not pay for it."""
    if path.is_dir():
        os.sync()
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _smooth(draws: np.random.Generator, images: int, side: int) -> Pixels:
    """(images, side, side, 3): coarse noise, interpolated, with a fine grain."""
    coarse = draws.normal(128, 60, (images, _COARSE, _COARSE, 3)).astype(np.float32)
    at = np.linspace(0, _COARSE - 1, side)
    # Row i of ``mix`` weights the coarse points by their distance to pixel i.
    mix = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(_COARSE))).astype(np.float32)
    fine = np.einsum("ya,nabc,xb->nyxc", mix, coarse, mix, optimize=True)
    fine += draws.normal(0, _GRAIN, fine.shape)
    # The encoder takes rows in C order only, and einsum chooses its own.
    pixels: Pixels = np.ascontiguousarray(np.clip(fine, 0, 255), np.uint8)
    return pixels
