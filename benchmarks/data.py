"""Data made for the races: the same bytes every time, on disk before a race starts.

What is made stays where it is made, and is found there by its name the next time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
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
_PHOTO_QUALITY = 90
_COARSE = 6
_GRAIN = 6.0
_PROBES = 16

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Given:
    """A folder of class folders of JPEGs that the user has: how many, and the (height, width) of
    all of them if it is one."""

    folder: Path
    images: int
    size: tuple[int, int] | None


def look_at(folder: Path) -> Given:
    """What is in a folder, by an evenly spread sample of its files."""
    files = [file for _, file in files_by_class(folder)]
    probes = {files[i * len(files) // _PROBES] for i in range(_PROBES)} if files else set()
    sizes = {simplejpeg.decode_jpeg_header(file.read_bytes())[:2] for file in probes}
    return Given(folder, len(files), sizes.pop() if len(sizes) == 1 else None)


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """``path``, made by ``make`` unless it is there; it has its name only when it is complete."""
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.unfinished")
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        make(unfinished)
        flush(unfinished)
        unfinished.replace(path)
    return path


def arrays(scratch: Path, images: int, side: int, dtype: str = "uint8") -> Path:
    """An HDF5 file of contiguous noise: ``images`` (n, side, side, 3), ``labels`` (n,).

    What is in the pixels makes no difference to a copy or to a paste. Floats are in 0…1.
    """

    def make(path: Path) -> None:
        draws = np.random.default_rng(_SEED)
        part = max(1, _PART_BYTES // (side * side * 3))
        with h5py.File(path, "w") as file:
            data_set = file.create_dataset("images", (images, side, side, 3), dtype)
            for start in range(0, images, part):
                stop = min(start + part, images)
                noise = draws.bytes((stop - start) * side * side * 3)
                pixels = np.frombuffer(noise, np.uint8).reshape(-1, side, side, 3)
                whole = np.issubdtype(data_set.dtype, np.integer)
                data_set[start:stop] = pixels if whole else pixels / np.float32(255)
            file["labels"] = draws.integers(CLASSES, size=images)

    return kept(scratch / f"noise-{images}-{side}-{dtype}.h5", make)


def photo_arrays(scratch: Path, images: int, side: int) -> Path:
    """As `arrays`, of what looks like photos to an encoder."""

    def make(path: Path) -> None:
        draws = np.random.default_rng(_SEED)
        with h5py.File(path, "w") as file:
            data_set = file.create_dataset("images", (images, side, side, 3), np.uint8)
            for start in range(0, images, 100):
                stop = min(start + 100, images)
                data_set[start:stop] = _smooth(draws, stop - start, (side, side))
            file["labels"] = draws.integers(CLASSES, size=images)

    return kept(scratch / f"photos-{images}-{side}.h5", make)


def jpeg_folder(scratch: Path, images: int, side: int) -> Path:
    """Class folders of smooth, slightly grainy JPEGs of one size."""

    def make(path: Path) -> None:
        draws = np.random.default_rng(_SEED)
        _make_classes(path)
        for start in range(0, images, _PART_IMAGES):
            numbers = range(start, min(start + _PART_IMAGES, images))
            made = _smooth(draws, len(numbers), (side, side))
            for number, pixels in zip(numbers, made, strict=True):
                data = simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", "420")
                (path / _name(number)).write_bytes(data)

    return kept(scratch / f"jpegs-{images}-{side}", make)


def photo_folder(scratch: Path, images: int, sizes: tuple[tuple[int, int], ...], own: int) -> Path:
    """Class folders of larger JPEGs, of these (height, width) in turn.

    ``own`` are different; the others are copies of them, each a file of its own.
    """

    def make(path: Path) -> None:
        draws = np.random.default_rng(_SEED)
        _make_classes(path)
        for number in range(min(own, images)):
            (pixels,) = _smooth(draws, 1, sizes[number % len(sizes)])
            data = simplejpeg.encode_jpeg(pixels, _PHOTO_QUALITY, "RGB", "420")
            for copy in range(number, images, own):
                (path / _name(copy)).write_bytes(data)

    height, width = sizes[0]
    return kept(scratch / f"photos-{images}-{height}x{width}", make)


def copies_of(given: Given, scratch: Path, images: int) -> Path:
    """``images`` files of the user's, spread evenly over them, or each as often as it takes."""

    def make(path: Path) -> None:
        files = [file for _, file in files_by_class(given.folder)]
        for number in range(images):
            if images <= len(files):
                file, copy = files[number * len(files) // images], 0
            else:
                copy, at = divmod(number, len(files))
                file = files[at]
            target = path / file.parent.name / f"{copy:04}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    return kept(scratch / f"given-{images}-{given.folder.name}-{given.images}", make)


def many_files(scratch: Path, classes: int, each: int, probes: int) -> Path:
    """``classes`` × ``each`` files called .jpg, of which ``probes``, spread evenly over the rows,
    are images; the others are empty, which a listing does not see."""

    def make(path: Path) -> None:
        (pixels,) = _smooth(np.random.default_rng(_SEED), 1, (8, 8))
        data = simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", "420")
        total = classes * each
        real = {i * total // probes for i in range(probes)}
        for label in range(classes):
            folder = path / f"class{label:04}"
            folder.mkdir(parents=True)
            handle = os.open(folder, os.O_RDONLY)
            for number in range(each):
                made = os.open(f"{number:06}.jpg", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=handle)
                if label * each + number in real:
                    os.write(made, data)
                os.close(made)
            os.close(handle)

    return kept(scratch / f"files-{classes}x{each}", make)


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


def _make_classes(path: Path) -> None:
    for label in range(CLASSES):
        (path / f"class{label}").mkdir(parents=True)


def _name(number: int) -> str:
    return f"class{number % CLASSES}/{number:06}.jpg"


def _smooth(draws: np.random.Generator, images: int, size: tuple[int, int]) -> Pixels:
    """(images, *size, 3): coarse noise, interpolated, with a fine grain."""
    coarse = draws.normal(128, 60, (images, _COARSE, _COARSE, 3)).astype(np.float32)
    down, across = (_mix(length) for length in size)
    fine = np.einsum("ya,nabc,xb->nyxc", down, coarse, across, optimize=True)
    for at in range(images):  # one at a time: a batch of grain would be as large again
        fine[at] += draws.standard_normal(fine[at].shape, np.float32) * np.float32(_GRAIN)
    # The encoder takes rows in C order only, and einsum chooses its own.
    pixels: Pixels = np.ascontiguousarray(np.clip(fine, 0, 255), np.uint8)
    return pixels


def _mix(length: int) -> npt.NDArray[np.float32]:
    """(length, coarse points): row i weights the points by their distance to pixel i."""
    at = np.linspace(0, _COARSE - 1, length)
    far = np.abs(at[:, None] - np.arange(_COARSE))
    return np.asarray(np.maximum(0, 1 - far), np.float32)
