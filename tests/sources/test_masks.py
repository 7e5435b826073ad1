"""Label images in a folder: paired by name, never blended, as large as their images."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augtool.codecs import decode, label_image
from augtool.errors import BrokenInput, SourceError, UsageError
from augtool.recipe.recipe import Reading
from augtool.sources import folder
from augtool.sources._masks import FolderMasks, open_masks

H, W = 9, 11  # odd: no middle of a part lies between two pixels
NAMES = ("cat/a", "cat/deep/b", "dog/c", "dog/d")


def ids(seed: int, size: tuple[int, int] = (H, W), most: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, size).astype(np.uint8)


def save(path: Path, image: Any, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """``data/`` with four images and ``masks/`` with their label images, row by row."""
    for row, name in enumerate(NAMES):
        save(tmp_path / "data" / f"{name}.jpg", np.full((H, W, 3), row, np.uint8))
        save(tmp_path / "masks" / f"{name}.png", ids(row))
    return tmp_path


def opened(path: Path, masks: str = "masks", fill: int = 0, **reading: Any) -> FolderMasks:
    scratch = path / "scratch"
    scratch.mkdir(exist_ok=True)
    source = folder.open(str(path / "data"), Reading(**reading), scratch)
    return open_masks(source, str(path / masks), scratch, fill)


def read(masks: FolderMasks, rows: Any = range(4)) -> np.ndarray:
    out = np.empty((len(rows), *masks.shape), masks.dtype)
    masks.read(np.array(rows), out)
    return out


def test_each_image_has_the_label_image_of_its_name(data: Path) -> None:
    masks = opened(data)
    assert (masks.shape, masks.dtype, masks.pixels) == ((H, W), np.uint8, None)
    expected = np.stack([ids(row) for row in range(4)])
    assert np.array_equal(read(masks), expected)
    assert np.array_equal(read(masks, [3, 0, 3]), expected[[3, 0, 3]])


def test_a_source_that_has_them_is_small_and_whole_after_pickling(data: Path) -> None:
    masks = opened(data)
    source = dataclasses.replace(masks.images, masks=masks)
    content = pickle.dumps(source)
    assert len(content) < 4000
    assert np.array_equal(read(pickle.loads(content).masks), read(masks))


def test_a_flat_folder_serves_where_names_are_enough(data: Path) -> None:
    for row, name in enumerate(NAMES):
        save(data / "flat" / f"{Path(name).name}.bmp", ids(row + 9))
    assert np.array_equal(read(opened(data, "flat")), np.stack([ids(row + 9) for row in range(4)]))


def test_the_folder_of_the_split_is_found(data: Path) -> None:
    (data / "all").mkdir()
    (data / "data").rename(data / "all" / "train")
    (data / "all").rename(data / "data")
    (data / "masks").rename(data / "train")
    (data / "masks").mkdir()
    (data / "train").rename(data / "masks" / "train")
    masks = opened(data, split="train")
    assert np.array_equal(read(masks), np.stack([ids(row) for row in range(4)]))


def test_images_without_one_are_counted_and_named(data: Path) -> None:
    (data / "masks/cat/deep/b.png").unlink()
    (data / "masks/dog/d.png").rename(data / "masks/dog/other.png")
    with pytest.raises(UsageError, match=r"2 of 4 images have no label image, such as cat/deep/b"):
        opened(data)


def test_one_label_image_never_serves_two_images(data: Path) -> None:
    save(data / "data/dog/a.jpg", np.zeros((H, W, 3), np.uint8))
    for name in "abcd":
        save(data / "flat" / f"{name}.png", ids(0))
    with pytest.raises(UsageError, match=r"cat/a\.jpg and dog/a\.jpg would both have a\.png"):
        opened(data, "flat")
    save(data / "masks/cat/a.tif", ids(1))
    with pytest.raises(UsageError, match=r"cat/a\.png and cat/a\.tif would be one label image"):
        opened(data)


def test_a_folder_that_is_not_there_or_empty_is_refused(data: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        opened(data, "nowhere")
    (data / "empty").mkdir()
    (data / "empty/a.txt").touch()
    with pytest.raises(UsageError, match=r"holds no images \(not read: 1 \.txt\)"):
        opened(data, "empty")


def palette(values: np.ndarray) -> Image.Image:
    image = Image.frombytes("P", (W, H), values.tobytes())
    image.putpalette([7, 7, 7] * 3 + [200, 0, 0] * 253)
    return image


@pytest.mark.parametrize(
    ("suffix", "image", "dtype"),
    [
        ("png", palette(ids(5)), np.uint8),
        ("gif", palette(ids(5)), np.uint8),
        ("png", Image.fromarray(ids(5)), np.uint8),
        ("tif", Image.fromarray(ids(5)), np.uint8),
        ("png", Image.fromarray(ids(5).astype(np.uint16) * 1000), np.uint16),
        ("tif", Image.fromarray(ids(5).astype(np.uint16) * 1000), np.uint16),
        ("tif", Image.fromarray(ids(5).astype(np.int32) * 100_000), np.int32),
        ("png", Image.fromarray(ids(5) > 4), np.uint8),
    ],
)
def test_indices_grey_and_bits_are_ids_as_they_were_saved(
    tmp_path: Path, suffix: str, image: Image.Image, dtype: Any
) -> None:
    save(tmp_path / f"mask.{suffix}", image)
    found = label_image.decode((tmp_path / f"mask.{suffix}").read_bytes())
    assert found.dtype == dtype
    assert np.array_equal(found, np.asarray(image).astype(dtype))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_is_not_stretched(bits: int) -> None:
    """A PNG written by hand: Pillow would show its ids as multiples of 255, 85 or 17."""
    import struct
    import zlib

    values = np.arange(16, dtype=np.uint8).reshape(2, 8) % 2**bits
    packed = np.packbits(
        np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(2, -1), -1
    )
    raw = b"".join(b"\0" + row.tobytes() for row in packed)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 8, 2, bits, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw))
    assert np.array_equal(label_image.decode(png + chunk(b"IEND", b"")), values)


@pytest.mark.parametrize(
    ("suffix", "image", "said"),
    [
        ("png", np.zeros((H, W, 3), np.uint8), "its pixels are RGB; label images are grey"),
        ("tif", np.zeros((H, W), np.float32), "its pixels are F; label images are grey"),
        ("jpg", np.zeros((H, W), np.uint8), "a JPEG does not keep ids"),
    ],
)
def test_what_holds_no_ids_is_refused(
    data: Path, suffix: str, image: np.ndarray, said: str
) -> None:
    (data / "masks/cat/a.png").unlink()
    save(data / f"masks/cat/a.{suffix}", image)
    with pytest.raises(BrokenInput, match=said) as caught:
        read(opened(data))
    assert caught.value.row == 0
    assert caught.value.name == str(data / f"masks/cat/a.{suffix}")


def test_a_size_that_is_not_the_images_is_named(data: Path) -> None:
    save(data / "masks/dog/c.png", ids(0, (W, H)))
    for size in (None, (4, 4)):
        with pytest.raises(BrokenInput, match=r"c\.png: is 11x9 and its image dog/c\.jpg 9x11"):
            read(opened(data, size=size))
    for name in NAMES:
        save(data / "masks" / f"{name}.png", ids(0, (W, H)))
    with pytest.raises(
        SourceError, match=r"none of the label images fits; the first: .*a\.png: is"
    ):
        opened(data)


def test_the_label_image_of_a_turned_photo_is_upright(data: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in NAMES:
        save(data / "data" / f"{name}.jpg", np.zeros((W, H, 3), np.uint8), exif=exif)
    assert np.array_equal(read(opened(data))[0], ids(0))


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(5, 5), (4, 16), (16, 4), (8, 8), (40, 30), (8, 11), (3, 11)])
def test_masks_go_where_their_images_go(data: Path, fit: Any, size: tuple[int, int]) -> None:
    """The oracle: the ids as a grey picture, resized by Pillow to the nearest."""
    reading = {"size": size, "fit": fit}
    masks = opened(data, fill=200, **reading)
    asked = Reading(mode="L", resample="nearest", background=(200, 200, 200), **reading)
    for row, name in enumerate(NAMES):
        content = (data / "masks" / f"{name}.png").read_bytes()
        assert np.array_equal(read(masks, [row])[0], decode.decode(content, asked)[..., 0])


def test_deep_ids_are_kept_and_too_deep_ones_refused(data: Path) -> None:
    save(data / "masks/cat/a.png", ids(0).astype(np.uint16) * 500)
    masks = opened(data, size=(6, 6))
    assert masks.dtype == np.uint16
    assert set(np.unique(read(masks)[0])) <= set(range(0, 4500, 500))
    shallow = dataclasses.replace(masks, dtype=np.dtype(np.uint8))
    with pytest.raises(BrokenInput, match="has ids from 0 to 4000, and those looked at first fit"):
        read(shallow)
    with pytest.raises(UsageError, match="the fill 70000 is none; choose one in 0…65535"):
        opened(data, fill=70000)


def test_arrays_have_their_masks_inside(tmp_path: Path) -> None:
    from augtool.sources import sample

    source = sample.open("sample:?n=4", Reading(), tmp_path)
    with pytest.raises(UsageError, match="goes with an image folder"):
        open_masks(source, str(tmp_path), tmp_path)
