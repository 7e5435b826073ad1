"""HEIC images are read with an extra, and without it the count of what is not read names it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from augtool.codecs import decode
from augtool.codecs.decode import BadImage
from augtool.errors import SourceError
from augtool.recipe.recipe import Reading
from augtool.sources import open_source

HINT = "pip install 'augtool[heic]'"


def heic(value: int, size: tuple[int, int] = (64, 96), orientation: int | None = None) -> bytes:
    picture = Image.fromarray(np.full((*size, 3), value, np.uint8))
    exif = picture.getexif()
    if orientation is not None:
        exif[0x0112] = orientation
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, quality=-1, exif=exif.tobytes())
    return stream.getvalue()


@pytest.fixture
def without() -> Iterator[None]:
    """As if the extra were not installed."""
    decode.reads_heif.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda _name: None)
        decode.reads_heif()
    yield
    decode.reads_heif.cache_clear()


def put(folder: Path) -> Path:
    for number, name in enumerate(
        ("cat/a.heic", "cat/b.HEIF", "dog/c.jpg", "dog/d.jpg", "dog/e.jpg")
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            Image.fromarray(np.full((64, 96, 3), number, np.uint8)).save(path)
        else:
            path.write_bytes(heic(40 * number + 30))
    return folder


def test_heic_images_are_rows_like_others(tmp_path: Path) -> None:
    source = open_source(str(put(tmp_path / "d")), Reading(), tmp_path)
    assert (source.n, source.shape, dict(source.notes.left_out)) == (5, (64, 96, 3), {})
    out = np.empty((5, 64, 96, 3), np.uint8)
    source.read(np.arange(5), out)
    assert np.abs(out[0].astype(int) - 30).max() <= 3
    assert np.abs(out[1].astype(int) - 70).max() <= 3


def test_they_are_upright_and_resized_like_others() -> None:
    data = heic(90, orientation=6)
    head = decode.header(data)
    assert (head.format, decode.decode(data, Reading()).shape[:2]) == (
        "HEIF", (head.height, head.width),
    )  # fmt: skip
    assert decode.decode(data, Reading(size=(16, 8), mode="L")).shape == (16, 8, 1)


def test_a_damaged_one_is_a_bad_image() -> None:
    data = heic(90)
    for broken in (data[:40], data[: len(data) // 2], data[:12] + bytes(500)):
        with pytest.raises(BadImage):
            decode.decode(broken, Reading())


def test_without_the_extra_the_count_names_it(tmp_path: Path, without: None) -> None:
    folder = put(tmp_path / "d")
    source = open_source(str(folder), Reading(), tmp_path)
    assert source.n == 3
    assert source.notes.left_out == {f".heic ({HINT})": 1, f".heif ({HINT})": 1}
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, file.relative_to(folder))
    zipped = open_source(str(tmp_path / "d.zip"), Reading(), tmp_path)
    assert zipped.notes.left_out == source.notes.left_out


def test_without_the_extra_an_image_of_another_name_names_it_too(without: None) -> None:
    with pytest.raises(BadImage, match="needs an extra"):
        decode.header(heic(1))


def test_a_folder_of_nothing_else_stops_with_the_extra(tmp_path: Path, without: None) -> None:
    (tmp_path / "d" / "cat").mkdir(parents=True)
    (tmp_path / "d" / "cat" / "a.heic").write_bytes(b"")
    with pytest.raises(SourceError, match=r"augtool\[heic\]"):
        open_source(str(tmp_path / "d"), Reading(), tmp_path)


def test_the_command_line_names_the_extra(
    tmp_path: Path, without: None, cli: Callable[..., Any]
) -> None:
    code, _, err = cli("cutmix", "--in", put(tmp_path / "d"), "--out", tmp_path / "o.h5")
    assert code == 0, err
    assert HINT in err
