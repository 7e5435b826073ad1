"""One file's bytes become the right pixels, whatever the file is."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageOps

from augtool.codecs import decode
from augtool.codecs.decode import BadImage
from augtool.recipe.recipe import Reading

RGB = Reading()
GREY = Reading(mode="L")
DEEP = Reading(mode="L16")


@pytest.fixture(params=["simplejpeg", "pillow only"], autouse=True)
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every promise holds with and without simplejpeg."""
    decode._simplejpeg.cache_clear()
    if request.param == "pillow only":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    yield request.param
    decode._simplejpeg.cache_clear()


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(height: int = 12, width: int = 20) -> Image.Image:
    """A smooth colour image in which no two corners are alike."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x // (width - 1), 255 * y // (height - 1)
    return Image.fromarray(np.stack([red, green, (red + green) // 2], 2).astype(np.uint8))


def noise(height: int, width: int) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


def grey16(values: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(values, np.uint16))


def png(width: int, height: int, depth: int, colour: int, scanlines: bytes) -> bytes:
    """A PNG by hand, for what Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(scanlines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG", "MPO"])
def test_each_format_gives_upright_rgb_of_its_own_size(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    pixels = decode.decode(encoded(gradient(), kind, **options), RGB)
    assert (pixels.shape, pixels.dtype) == ((12, 20, 3), np.uint8)
    slack = {"JPEG": 12, "MPO": 24, "GIF": 30}.get(kind, 0)
    assert np.abs(pixels.astype(int) - np.asarray(gradient())).max() <= slack


def test_the_first_picture_of_an_animation_or_a_phone_panorama_is_taken() -> None:
    for kind in ("GIF", "WEBP", "MPO", "TIFF", "PNG"):
        red, blue = (Image.new("RGB", (8, 6), colour) for colour in ((250, 10, 10), (10, 10, 250)))
        data = encoded(red, kind, save_all=True, append_images=[blue])
        assert np.allclose(decode.decode(data, RGB), (250, 10, 10), atol=8), kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_come_out_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(gradient(16, 32), kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    assert np.array_equal(decode.decode(data, RGB), expected)
    head = decode.header(data)
    assert (head.height, head.width) == expected.shape[:2]


def test_orientation_comes_before_the_fit() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(gradient(40, 80), "PNG", exif=exif)
    upright = encoded(gradient(40, 80).transpose(Image.Transpose.ROTATE_270), "PNG")
    reading = Reading(size=(20, 12), fit="crop")
    assert np.array_equal(decode.decode(data, reading), decode.decode(upright, reading))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\xff\xff"])
def test_a_broken_exif_block_leaves_a_good_picture_as_it_is(exif: bytes) -> None:
    plain = encoded(gradient(), "JPEG")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert np.array_equal(decode.decode(data, RGB), decode.decode(plain, RGB))


def test_grey_palette_and_bilevel_images_become_rgb() -> None:
    grey = Image.fromarray(np.array([[0, 100, 255]], np.uint8))
    assert decode.decode(encoded(grey, "PNG"), RGB).tolist() == [[[0] * 3, [100] * 3, [255] * 3]]
    palette = Image.fromarray(np.array([[2, 0, 1]], np.uint8)).convert("P")
    palette.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert decode.decode(encoded(palette, "PNG"), RGB).tolist() == [
        [[7, 8, 9], [1, 2, 3], [4, 5, 6]]
    ]
    bilevel = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode.decode(encoded(bilevel, "TIFF"), RGB).tolist() == [[[0] * 3, [255] * 3]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "palette alpha", "L key", "RGB key", "1 key"])
def test_transparency_shows_the_background(mode: str) -> None:
    reading = Reading(background=(10, 200, 30))
    if mode in ("RGBA", "LA"):
        image = Image.new(mode, (2, 1), (90, 90, 90, 255) if mode == "RGBA" else (90, 255))
        image.putpixel((1, 0), (90, 90, 90, 0) if mode == "RGBA" else (90, 0))
        data = encoded(image, "PNG")
    else:
        kind = {"P": "P", "palette alpha": "P"}.get(mode, mode.split(maxsplit=1)[0])
        image = Image.new("L", (2, 1), 90 if mode[0] != "1" else 0)
        image.putpixel((1, 0), 255)
        image = image.convert(kind)
        last = image.getpixel((1, 0))
        key = bytes([255] * last + [0]) if mode == "palette alpha" else last
        data = encoded(image, "PNG", transparency=key if mode[0] != "1" else 255)
    pixels = decode.decode(data, reading)
    assert pixels[0, 1].tolist() == [10, 200, 30]
    assert pixels[0, 0].tolist() == ([90] * 3 if mode[0] != "1" else [0] * 3)


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    data = encoded(Image.new("RGBA", (1, 1), (200, 0, 100, 51)), "PNG")  # 51/255 = one fifth
    expected = np.array([200, 0, 100]) / 5 + np.array([255, 255, 255]) * 4 / 5
    assert np.abs(decode.decode(data, RGB)[0, 0] - expected).max() <= 1
    white = decode.decode(data, GREY)[0, 0, 0]
    assert abs(white - expected @ [0.299, 0.587, 0.114]) <= 1


def test_cmyk_photos_have_the_colours_a_printer_meant() -> None:
    inks = {(0, 0, 0, 0): (255, 255, 255), (255, 0, 0, 0): (0, 255, 255), (0, 0, 0, 255): (0, 0, 0)}
    for ink, colour in inks.items():
        image = Image.new("CMYK", (16, 16), ink)
        for kind in ("JPEG", "TIFF"):
            data = encoded(image, kind)
            assert np.allclose(decode.decode(data, RGB), colour, atol=3), (ink, kind)


def test_sixteen_bits_become_eight_to_the_nearest_and_never_white() -> None:
    values = [0, 128, 129, 257, 32768, 65406, 65407, 65535]
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = decode.decode(encoded(grey16([values]), kind), RGB)
        assert pixels.shape == (1, 8, 3)
        assert pixels[0, :, 1].tolist() == [round(value / 257) for value in values]
        assert decode.decode(encoded(grey16([values]), kind), GREY)[0, :, 0].tolist() == [
            round(value / 257) for value in values
        ]


def test_l16_keeps_sixteen_bits_and_widens_eight() -> None:
    values = [[0, 1, 256], [4097, 65534, 65535]]
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = decode.decode(encoded(grey16(values), kind), DEEP)
        assert (pixels.dtype, pixels.shape) == (np.uint16, (2, 3, 1))
        assert pixels[..., 0].tolist() == values
    eight = Image.fromarray(np.array([[0, 7, 255]], np.uint8))
    assert decode.decode(encoded(eight, "PNG"), DEEP)[0, :, 0].tolist() == [0, 7 * 257, 65535]


def test_big_endian_tiffs_keep_their_values() -> None:
    image = Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 258, 65535))
    assert decode.decode(encoded(image, "TIFF"), DEEP)[0, :, 0].tolist() == [258, 65535]


def test_sixteen_bit_colour_pngs_become_eight_bit_colour() -> None:
    line = b"\0" + struct.pack(">6H", 65535, 257 * 10, 0, 257 * 200, 0, 65535)
    pixels = decode.decode(png(2, 1, 16, 2, line), RGB)
    assert pixels.tolist() == [[[255, 10, 0], [200, 0, 255]]]


def test_integers_of_32_bits_are_read_as_16_and_refused_beyond() -> None:
    image = Image.fromarray(np.array([[0, 65535, 25700]], np.int32))
    assert decode.decode(encoded(image, "TIFF"), RGB)[0, :, 0].tolist() == [0, 255, 100]
    beyond = Image.fromarray(np.array([[0, 70000]], np.int32))
    with pytest.raises(BadImage, match="70000"):
        decode.decode(encoded(beyond, "TIFF"), RGB)


@pytest.mark.parametrize(("scale", "half"), [(1.0, 128), (255.0, 128)])
def test_floats_are_read_as_0_to_1_or_0_to_255(scale: float, half: int) -> None:
    image = Image.fromarray(np.array([[0, 0.5, 1]], np.float32) * np.float32(scale))
    assert decode.decode(encoded(image, "TIFF"), RGB)[0, :, 2].tolist() == [0, half, 255]


@pytest.mark.parametrize("bad", [-0.5, 300.0, float("nan"), float("inf")])
def test_floats_of_unknown_range_are_refused(bad: float) -> None:
    image = Image.fromarray(np.array([[0.5, bad]], np.float32))
    with pytest.raises(BadImage, match="float pixels"):
        decode.decode(encoded(image, "TIFF"), RGB)


def test_mode_l_gives_one_channel_by_the_usual_weights() -> None:
    image = noise(8, 8)
    pixels = decode.decode(encoded(image, "PNG"), GREY)
    assert (pixels.shape, pixels.dtype) == ((8, 8, 1), np.uint8)
    luma = np.asarray(image) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pixels[..., 0] - luma).max() <= 1


def test_the_content_chooses_the_decoder_and_only_allowed_formats_are_read() -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"
    for data in (eps, encoded(gradient(), "ICO"), encoded(gradient(), "TGA"), b"hello"):
        with pytest.raises(BadImage, match="not a JPEG"):
            decode.decode(data, RGB)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files_are_bad_in_one_line(kind: str, keep: float) -> None:
    data = encoded(noise(24, 24), kind)
    with pytest.raises(BadImage) as caught:
        decode.decode(data[: int(len(data) * keep)], RGB)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_flipped_bytes_raise_nothing_but_bad_image() -> None:
    rng = np.random.default_rng(3)
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        good = np.frombuffer(encoded(noise(12, 12), kind), np.uint8)
        for _ in range(60):
            data = good.copy()
            data[rng.integers(0, len(data), 6)] = rng.integers(0, 256, 6)
            for attempt in (lambda d: decode.decode(d, RGB), decode.header):
                try:
                    attempt(data.tobytes())
                except BadImage as error:
                    assert "\n" not in str(error)


def test_zeros_and_nothing_are_named() -> None:
    with pytest.raises(BadImage, match="empty"):
        decode.decode(b"", RGB)
    with pytest.raises(BadImage, match="zeros"):
        decode.decode(bytes(512), RGB)


def test_a_bomb_is_refused_before_it_is_decoded_unless_it_is_asked_for() -> None:
    data = png(60000, 60000, 8, 2, b"")
    with pytest.raises(BadImage, match="60000x60000 pixels are more than 60,000,000"):
        decode.decode(data, RGB)
    for kind in ("PNG", "JPEG"):
        data, said = encoded(gradient(), kind), "12x20 pixels are more than 239; .*--max-pixels"
        with pytest.raises(BadImage, match=said):
            decode.decode(data, Reading(max_pixels=239))
        with pytest.raises(BadImage, match=said):
            decode.header(data, 239)
        assert decode.decode(data, Reading(max_pixels=240)).shape == (12, 20, 3)


def test_a_jpeg_that_begins_again_and_again_is_refused_unless_it_is_asked_for() -> None:
    data = bytearray(encoded(gradient(), "JPEG", progressive=True))
    last = data.rindex(b"\xff\xda")
    data[-2:-2] = data[last:-2] * 200
    few = Reading(max_pixels=300)
    for reading in (few, Reading(max_pixels=300, size=(4, 4))):
        with pytest.raises(BadImage, match="scans of 12x20 pixels would take very long"):
            decode.decode(bytes(data), reading)
        with pytest.raises(BadImage, match="scans of 12x20 pixels would take very long"):
            decode.decode_into(bytes(data), reading, np.empty((12, 20, 3), np.uint8))
    assert decode.decode(bytes(data), RGB).shape == (12, 20, 3)
    assert decode.decode(encoded(gradient(), "JPEG", progressive=True), few).shape == (12, 20, 3)


def test_a_full_memory_is_not_a_bad_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decode, "_opened", no_memory)
    with pytest.raises(MemoryError):
        decode.decode(encoded(gradient(), "PNG"), RGB)
    with pytest.raises(MemoryError):
        decode.header(encoded(gradient(), "PNG"))


def test_header_tells_size_format_and_depth_from_the_first_bytes() -> None:
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM"):
        data = encoded(noise(30, 50), kind)
        part = data if kind == "WEBP" else data[: len(data) * 3 // 4]
        assert decode.header(part) == decode.Header(30, 50, kind, False)
    assert decode.header(encoded(grey16([[1, 2]]), "PNG")).grey16
    assert decode.header(encoded(grey16([[1, 2]]), "PPM")).grey16


def test_both_decoders_give_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = encoded(noise(64, 96).resize((480, 320)), "JPEG", quality=85)
    for reading in (RGB, GREY, DEEP, Reading(size=(40, 40)), Reading(size=(320, 480))):
        here = decode.decode(photo, reading)
        with monkeypatch.context() as patch:
            patch.setattr(decode, "_simplejpeg", lambda: None)
            assert np.array_equal(here, decode.decode(photo, reading))


@pytest.mark.parametrize("reading", [RGB, GREY, DEEP, Reading(size=(9, 7)), Reading(size=(12, 20))])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decode_into_a_block_equals_decode(reading: Reading, kind: str) -> None:
    data = encoded(gradient(), kind)
    expected = decode.decode(data, reading)
    block = np.full((3, *expected.shape), 77, expected.dtype)
    assert decode.decode_into(data, reading, block[1])
    assert np.array_equal(block[1], expected)
    assert (block[[0, 2]] == 77).all()


def test_decode_into_pixels_that_are_no_plain_block() -> None:
    data = encoded(gradient(), "JPEG")
    wide = np.zeros((12, 40, 3), np.uint8)
    assert decode.decode_into(data, RGB, wide[:, ::2])
    assert np.array_equal(wide[:, ::2], decode.decode(data, RGB))
    assert not wide[:, 1::2].any()


@pytest.mark.parametrize("shape", [(20, 12, 3), (6, 10, 3), (30, 30, 3), (12, 20, 1)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decode_into_tells_when_the_shape_differs(shape: tuple[int, ...], kind: str) -> None:
    assert not decode.decode_into(encoded(gradient(), kind), RGB, np.zeros(shape, np.uint8))


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("resample", ["nearest", "bilinear", "lanczos"])
def test_an_image_of_the_wanted_size_is_left_alone(fit: str, resample: str) -> None:
    data = encoded(noise(13, 17), "PNG")
    reading = Reading(size=(13, 17), fit=fit, resample=resample)
    assert np.array_equal(decode.decode(data, reading), decode.decode(data, RGB))


def test_crop_alone_moves_no_pixel_between_places() -> None:
    data = encoded(noise(13, 18), "PNG")
    own = decode.decode(data, RGB)
    assert np.array_equal(decode.decode(data, Reading(size=(13, 13))), own[:, 2:15])
    assert np.array_equal(decode.decode(data, Reading(size=(8, 18))), own[2:10])


def centre_of(pixels: np.ndarray, dark: bool = True) -> np.ndarray:
    """The centre of mass of an image's dark (or light) part, as a share of its sides."""
    weight = (255.0 - pixels.mean(2)) if dark else pixels.mean(2)
    y, x = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    return np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum() / weight.shape


def disc(height: int, width: int) -> Image.Image:
    """A black disc of half the short side, in the middle of white."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    inside = np.hypot(y - height / 2, x - width / 2) < min(height, width) / 4
    return Image.fromarray(np.where(inside, 0, 255).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("source", [(200, 300), (310, 200), (900, 1300), (20, 31)])
@pytest.mark.parametrize("target", [(48, 48), (40, 64), (64, 40)])
def test_crop_keeps_the_middle_round_and_fills_the_target(
    kind: str, source: tuple[int, int], target: tuple[int, int]
) -> None:
    pixels = decode.decode(encoded(disc(*source), kind), Reading(size=target))
    assert pixels.shape == (*target, 3)
    dark = 1 - pixels.mean(2) / 255
    assert np.abs(centre_of(pixels) - 0.5).max() < 0.02
    down, across = dark.sum(0).max(), dark.sum(1).max()  # the disc's height and width
    scale = max(target[0] / source[0], target[1] / source[1])
    slack = 1.6 * max(1, scale)
    assert down == pytest.approx(min(source) / 2 * scale, abs=slack)
    assert across == pytest.approx(down, abs=slack)


@pytest.mark.parametrize("source", [(200, 300), (310, 200), (20, 31), (3, 500)])
def test_pad_shows_all_of_the_image_on_the_background(source: tuple[int, int]) -> None:
    reading = Reading(size=(48, 40), fit="pad", background=(0, 0, 255))
    image = Image.new("RGB", source[::-1], (255, 0, 0))
    pixels = decode.decode(encoded(image, "PNG"), reading)
    red = (pixels == (255, 0, 0)).all(2)
    blue = (pixels == (0, 0, 255)).all(2)
    assert (red | blue).all()
    scale = min(48 / source[0], 40 / source[1])
    assert red.any(1).sum() == max(1, round(source[0] * scale))
    assert red.any(0).sum() == max(1, round(source[1] * scale))
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert abs(rows[0] - (47 - rows[-1])) <= 1
    assert abs(columns[0] - (39 - columns[-1])) <= 1


def test_any_size_can_be_brought_to_any_other() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        height, width = rng.integers(1, 300, 2).tolist()
        target = tuple(rng.integers(1, 40, 2).tolist())
        data = encoded(Image.new("L", (width, height), 9), "JPEG")
        for fit in ("crop", "stretch", "pad"):
            pixels = decode.decode(data, Reading(size=target, fit=fit, background=(9, 9, 9)))
            assert pixels.shape == (*target, 3)
            assert np.abs(pixels.astype(int) - 9).max() <= 1


def test_stretch_shows_all_of_the_image_over_all_of_the_target() -> None:
    corners = Image.new("RGB", (60, 30), (0, 0, 0))
    for x, y in ((0, 0), (40, 0), (0, 20), (40, 20)):
        corners.paste((255, 255, 255), (x, y, x + 20, y + 10))
    pixels = decode.decode(encoded(corners, "PNG"), Reading(size=(9, 6), fit="stretch"))
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert (pixels[4, 3] < 60).all()


def test_downsizing_averages_what_it_covers() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    data = encoded(Image.fromarray(checks.astype(np.uint8)), "PNG")
    pixels = decode.decode(data, Reading(size=(8, 8)))
    assert np.abs(pixels.astype(int) - 127).max() <= 2


def test_a_photo_decoded_smaller_looks_like_one_decoded_whole() -> None:
    photo = noise(30, 40).resize((800, 600), Image.Resampling.BICUBIC)
    data = encoded(photo, "JPEG", quality=95)
    whole = encoded(Image.open(io.BytesIO(data)), "PNG")
    for fit in ("crop", "stretch", "pad"):
        reading = Reading(size=(24, 28), fit=fit)
        fast = decode.decode(data, reading).astype(int)
        assert np.abs(fast - decode.decode(whole, reading)).mean() < 1.0, fit


@pytest.mark.parametrize("size", [(41, 67), (201, 333), (640, 403)])
def test_a_resized_jpeg_has_the_same_pixels_with_and_without_simplejpeg(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(noise(12, 20).resize(size[::-1], Image.Resampling.BICUBIC), "JPEG", quality=90)
    for fit, grey in (("crop", False), ("stretch", True), ("pad", False), ("pad", True)):
        mode = "L" if grey else "RGB"
        reading = Reading(size=(17, 23), fit=fit, mode=mode, background=(10, 200, 90))
        one = decode.decode(data, reading)
        with monkeypatch.context() as patch:
            patch.setattr(decode, "_simplejpeg", lambda: None)
            assert np.array_equal(one, decode.decode(data, reading)), (fit, mode)


def test_sixteen_bits_are_resized_without_loss_or_wrapping() -> None:
    values = np.tile(np.array([0, 65535], np.uint16).repeat(40), (80, 1))
    data = encoded(Image.fromarray(values), "PNG")
    pixels = decode.decode(data, Reading(size=(10, 10), mode="L16", resample="lanczos"))
    assert pixels.dtype == np.uint16
    assert pixels[5, [0, -1], 0].tolist() == [0, 65535]
    constant = encoded(grey16([[4097] * 30] * 20), "PNG")
    padded = decode.decode(constant, Reading(size=(10, 10), mode="L16", fit="pad"))
    assert sorted(np.unique(padded).tolist()) == [4097, 65535]


def test_pixels_can_be_written_to() -> None:
    for kind in ("JPEG", "PNG"):
        assert decode.decode(encoded(gradient(), kind), RGB).flags.writeable
