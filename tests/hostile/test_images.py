"""Hostile images are bad in one line, at once, without memory; good ones of every mode are read."""

from __future__ import annotations

import resource
import subprocess
import sys
from itertools import product
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from augtool.codecs import decode, label_image
from augtool.codecs.decode import BadImage
from augtool.recipe.recipe import Reading

DECLARED = {
    *(
        "declared.png",
        "declared-int.png",
        "whole.png",
        "screen.gif",
        "declared.bmp",
        "negative.bmp",
    ),
    *("runs.bmp", "declared.tif", "packed.tif", "declared.ppm", "plain.ppm", "declared.jpg"),
}
MODES = ("RGB", "L", "L16")


def complaint(data: bytes, reading: Reading) -> str:
    with pytest.raises(BadImage) as caught:
        decode.decode(data, reading)
    with pytest.raises(BadImage) as again:
        decode.decode(data, reading)
    assert str(again.value) == str(caught.value), "the same report each time"
    return str(caught.value)


def test_bombs_are_refused_in_one_line_by_what_they_declare(corpus: ModuleType) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in corpus.bombs().items():
        for reading in (Reading(), Reading(size=(9, 14)), Reading(mode="L16")):
            said = complaint(data, reading)
            assert said.isprintable(), (name, said)
            assert ("--max-pixels" in said) == (name in DECLARED), (name, said)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 100 << 10


def test_a_decoder_that_complains_does_so_in_the_reason_alone(corpus: ModuleType) -> None:
    data = bytearray(corpus.grey_tiff(14, 9, 134, 126))
    at = data.index(b"\x15\x01\x03\0")  # samples per pixel
    data[at + 8 : at + 10] = b"\xff\x7f"
    code = (
        "import sys; from augtool.codecs import decode as images\n"
        "from augtool.recipe.recipe import Reading\n"
        "try: images.decode(sys.stdin.buffer.read(), Reading())\n"
        "except images.BadImage as error: print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], input=bytes(data), capture_output=True, check=True
    )
    assert (ended.stdout.count(b"\n"), ended.stderr) == (1, b"")


def test_other_formats_are_never_opened_whatever_their_names_say(
    corpus: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opens(*_: object) -> None:
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(decode, "_opened", opens)
    monkeypatch.setattr(Image, "open", opens)
    for data in corpus.FOREIGN.values():
        assert complaint(data, Reading()).startswith("not a JPEG, PNG, GIF, BMP, WebP, TIFF or PPM")
        with pytest.raises(BadImage):
            label_image.decode(data)


def test_an_animation_of_a_hundred_thousand_frames_is_its_first_picture(corpus: ModuleType) -> None:
    assert decode.decode(corpus.gif(9, 14, 100_000), Reading()).shape == (14, 9, 3)


def test_a_png_that_unpacks_to_more_than_it_declares_is_read_as_far_as_it_declares(
    corpus: ModuleType,
) -> None:
    assert decode.decode(corpus.png(9, 14, data=bytes(64 << 20)), Reading()).shape == (14, 9, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_cut_at_every_length_an_image_is_bad_or_whole(corpus: ModuleType, kind: str) -> None:
    data = corpus.good(kind, mode="L" if kind in ("GIF", "JPEG") else "RGB")
    whole, bad = decode.decode(data, Reading()), 0
    for length in range(len(data)):
        try:
            part = decode.decode(data[:length], Reading())
        except BadImage as error:
            bad += 1
            assert str(error).isprintable()
        else:
            assert np.array_equal(part, whole), length
    assert bad > 0.8 * len(data)


def every_kind(corpus: ModuleType) -> dict[str, bytes]:
    """An image of each mode that each format keeps, and of each orientation."""
    found = {}
    for kind, mode in product(
        ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"),
        ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F"),
    ):
        try:
            found[f"{kind}-{mode}"] = corpus.good(kind, mode=mode)
        except (OSError, ValueError):
            continue
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        for orientation in (0, *range(1, 9), 9, 65_535):
            exif = Image.Exif()
            exif[0x0112] = orientation
            found[f"{kind}-{orientation}"] = corpus.good(kind, exif=exif.tobytes())
    return found


def test_every_mode_and_orientation_is_read_in_bands_as_at_once(
    corpus: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = every_kind(corpus)
    assert len(kinds) > 70
    for name, data in kinds.items():
        for mode in MODES:
            reading = Reading(mode=mode)  # type: ignore[arg-type]
            try:
                whole = decode.decode(data, reading)
            except BadImage as error:
                assert name in ("TIFF-I", "TIFF-F", "TIFF-LAB", "PPM-F"), (name, error)
                continue  # out of range, without a conversion, and PFM, which is no PPM
            shape = whole.shape[:2]
            assert shape in ((9, 14), (14, 9))
            assert (decode.header(data).height, decode.header(data).width) == shape, name
            with monkeypatch.context() as patch:
                patch.setattr(decode, "_BAND_PIXELS", 30)
                assert np.array_equal(decode.decode(data, reading), whole), name
