"""Small inputs of every kind, the same on every machine: pixels are counted, not drawn."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from PIL import Image

ROWS, HEIGHT, WIDTH = 150, 9, 14  # two blocks, and sides that cannot be mistaken for each other
NAMES = ("airplane", "bird", "ship", "truck")
SIZES = ((9, 14), (20, 31), (12, 8), (33, 17))
PHOTOS = 24

Array = npt.NDArray[np.generic]


def make(folder: Path) -> None:
    """Write all inputs into ``folder``."""
    _arrays(folder)
    _folders(folder)
    _archives(folder)
    _parquet(folder)
    _tables(folder)


def noise(rows: int, height: int, width: int, *channels: int) -> npt.NDArray[np.uint8]:
    """Pixels (rows, height, width, …) uint8 without a pattern, by a rule of whole numbers."""
    shape = (rows, height, width, *channels)
    counted = np.arange(np.prod(shape), dtype=np.uint64)
    mixed = (counted + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(56)).astype(np.uint8).reshape(shape)


def classes_of(rows: int) -> npt.NDArray[np.int64]:
    """A class of four for each row; the first is as frequent as all others together."""
    row = np.arange(rows)
    return np.where(row % 2 == 0, 0, 1 + row // 2 % 3).astype(np.int64)


def mask_of(rows: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Label images (rows, height, width) of the ids 0 … 4: bands whose width depends on the row."""
    row, y, x = np.ogrid[:rows, :height, :width]
    ids: npt.NDArray[np.uint8] = ((x + y) // (2 + row % 3) % 5).astype(np.uint8)
    return ids


def _arrays(folder: Path) -> None:
    pixels, classes = noise(ROWS, HEIGHT, WIDTH, 3), classes_of(ROWS)
    row = np.arange(ROWS)
    one_hot = np.eye(4, dtype=np.float32)[classes]
    tags = np.stack([row % 2, row % 3 == 0, row % 5 == 0], axis=1).astype(np.uint8)
    sets: dict[str, dict[str, Array]] = {
        "plain": {"images": pixels, "labels": classes, "group": row // 5, "often": 1.0 + row % 7},
        "masked": {"images": pixels, "labels": classes, "masks": mask_of(ROWS, HEIGHT, WIDTH)},
        "targets": {
            "images": pixels,
            "shape": classes,
            "soft": one_hot * np.float32(0.5) + np.float32(0.125),
            "tags": tags,
            "age": (row / 8).astype(np.float32),
        },
        "grey": {"images": noise(ROWS, HEIGHT, WIDTH), "labels": classes},
        "first": {"images": np.moveaxis(pixels, -1, 1).copy(), "labels": classes},
        "deep": {"images": pixels.astype(np.uint16) * np.uint16(257), "labels": classes},
        "float": {"images": pixels.astype(np.float32) / np.float32(256), "labels": classes},
        "values": {"images": pixels, "labels": np.stack([row / 4, row / 16], axis=1)},
    }
    for name, arrays in sets.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for key, values in arrays.items():
                file[key] = values
            if name == "plain":
                file.attrs["class_names"] = json.dumps(NAMES)
    with h5py.File(folder / "chunked.h5", "w") as file:
        file.create_dataset("images", data=pixels, chunks=(16, HEIGHT, WIDTH, 3), compression=1)
        file["labels"] = classes
    np.savez(folder / "plain.npz", images=pixels, labels=classes)
    table = noise(ROWS, 1, 6).reshape(ROWS, 6).astype(np.float64)
    np.savez(folder / "table.npz", features=table, outcome=classes)
    (folder / "npy").mkdir()
    np.save(folder / "npy" / "x_train.npy", pixels)
    np.save(folder / "npy" / "y_train.npy", classes)
    np.save(folder / "images.npy", pixels)
    np.save(folder / "one-hot.npy", one_hot)


def _folders(folder: Path) -> None:
    """Class folders of one size, of many sizes with masks, and of photos in no class folder."""
    for index, pixels in enumerate(noise(PHOTOS, HEIGHT, WIDTH, 3)):
        _save(folder / "folder" / NAMES[index % 4] / f"{index:02}.png", pixels)
        _save(folder / "flat" / f"{NAMES[index % 3]}.{index:02}.png", pixels)
    for index in range(PHOTOS):
        height, width = SIZES[index % 4]
        name = f"{NAMES[index // 4 % 3]}/{index:02}.png"
        _save(folder / "photos" / name, noise(index + 1, height, width, 3)[index])
        _save(folder / "photo-masks" / name, mask_of(index + 1, height, width)[index])
        _save(
            folder / "deep" / name, noise(index + 1, HEIGHT, WIDTH)[index].astype(np.uint16) * 257
        )
        alpha = noise(index + 1, HEIGHT, WIDTH, 4)[index]
        _save(folder / "clear" / name, alpha)


def _save(path: Path, pixels: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(pixels))


def _png(pixels: Array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def _archives(folder: Path) -> None:
    pixels, classes = noise(PHOTOS, HEIGHT, WIDTH, 3), classes_of(PHOTOS)
    with zipfile.ZipFile(folder / "folder.zip", "w") as archive:
        for index, image in enumerate(pixels):
            archive.writestr(f"{NAMES[index % 4]}/{index:02}.png", _png(image))
    for name, mode in (("plain.tar", "w"), ("packed.tar.gz", "w:gz")):
        with tarfile.open(folder / name, mode) as tar:
            for index, image in enumerate(pixels):
                _member(tar, f"{index:04}.png", _png(image))
                _member(tar, f"{index:04}.cls", b"%d" % classes[index])


def _member(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _parquet(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pixels, classes = noise(PHOTOS, HEIGHT, WIDTH, 3), classes_of(PHOTOS)
    rows = [{"bytes": _png(image), "path": f"{row}.png"} for row, image in enumerate(pixels)]
    features = {"label": {"_type": "ClassLabel", "names": list(NAMES)}}
    table = pa.table({"image": rows, "label": classes})
    said = json.dumps({"info": {"features": features}})
    pq.write_table(table.replace_schema_metadata({"huggingface": said}), folder / "plain.parquet")


def _tables(folder: Path) -> None:
    """Labels of ``flat/``: in two columns, several in a cell, and one unknown."""
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["name", "breed", "coat", "tags"])
        for index in range(PHOTOS):
            tags = "a|b" if index % 2 else "c"
            name = f"{NAMES[index % 3]}.{index:02}.png"
            lines.writerow([name, NAMES[index % 4], "short" if index % 3 else "long", tags])
    (folder / "rows.txt").write_text("".join(f"{row}\n" for row in range(3, ROWS, 4)))
    (folder / "classes.txt").write_text("truck\nship\nbird\nairplane\n")
