"""Letters are found where there are fonts for them, and known to be missing where not."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from augtool.errors import UsageError
from augtool.preview import fonts


def font_with(letters: str) -> bytes:
    """A font that has exactly ``letters``: Pillow's own glyphs under other code points."""
    built_in = ImageFont.load_default(12)
    assert isinstance(built_in, ImageFont.FreeTypeFont)
    assert isinstance(built_in.path, io.BytesIO)
    data = bytearray(built_in.path.getvalue())
    groups = [(ord(letter), 36 + place) for place, letter in enumerate(sorted(letters))]
    table = struct.pack(">HHHHI", 0, 1, 3, 10, 12)
    table += struct.pack(">HHIII", 12, 0, 16 + 12 * len(groups), 0, len(groups))
    table += b"".join(struct.pack(">III", code, code, glyph) for code, glyph in groups)
    (count,) = struct.unpack_from(">H", data, 4)
    records = [12 + 16 * number for number in range(count)]
    cmap = next(record for record in records if data[record : record + 4] == b"cmap")
    struct.pack_into(">II", data, cmap + 8, len(data), len(table))
    return bytes(data) + table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only font folder of the machine; empty at first."""
    place = tmp_path / "fonts"
    place.mkdir()
    monkeypatch.setattr(fonts, "_folders", lambda: [place, tmp_path / "is not there"])
    forget()
    yield place
    forget()


def forget() -> None:
    fonts._system_font_files.cache_clear()
    fonts._typeface.cache_clear()


def names_of(face: fonts.Typeface) -> list[str]:
    return [Path(str(font.path)).name for font in face.fonts[:-1]]


def test_plain_letters_need_no_font_of_the_system(folder: Path) -> None:
    (folder / "DejaVuSans.ttf").write_bytes(font_with("abc"))
    face = fonts.typeface(["cat 0.62 · dog…"], 13)
    assert face.has("cat 0.62 · dog…")
    assert names_of(face) == []


def test_letters_without_a_font_are_known_to_be_missing(folder: Path) -> None:
    face = fonts.typeface(["café", "λ", "к", "猫", "cat"], 13)
    assert face.has("cat")
    assert not any(face.has(name) for name in ("café", "λ", "к", "猫"))


def test_a_font_that_has_the_letters_is_found_in_a_nested_folder(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "x.TTF").write_bytes(font_with("caféλк猫"))
    (folder / "a" / "plain.ttf").write_bytes(font_with("abcdef"))
    face = fonts.typeface(["café", "λ", "к", "猫"], 13)
    assert names_of(face) == ["x.TTF"]
    assert all(face.has(name) for name in ("café", "λ", "к", "猫"))


def test_letters_may_come_from_several_fonts(folder: Path) -> None:
    (folder / "one.ttf").write_bytes(font_with("λ"))
    (folder / "two.otf").write_bytes(font_with("café猫"))
    face = fonts.typeface(["café λ 猫"], 13)
    assert face.has("café λ 猫")
    assert names_of(face) == ["two.otf", "one.ttf"], "most letters first"


def test_well_known_sans_fonts_come_first(folder: Path) -> None:
    for name in ("AAA-Bold.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "zzz.ttf"):
        (folder / name).write_bytes(font_with("λ"))
    assert names_of(fonts.typeface(["λ"], 13)) == ["DejaVuSans.ttf"]


def test_damaged_and_useless_fonts_are_passed_over(folder: Path) -> None:
    (folder / "a.ttf").write_bytes(b"not a font")
    (folder / "b.ttf").write_bytes(font_with("λ")[:600])
    (folder / "LastResort.ttf").write_bytes(font_with("λ"))
    (folder / "z.ttf").write_bytes(font_with("λ"))
    assert names_of(fonts.typeface(["λ"], 13)) == ["z.ttf"]


def test_the_font_of_the_user_is_first_and_others_help_out(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.ttf"
    mine.write_bytes(font_with("cat"))
    (folder / "system.ttf").write_bytes(font_with("catλ"))
    face = fonts.typeface(["cat λ dog"], 13, mine)
    assert names_of(face) == ["mine.ttf", "system.ttf"]
    assert [face.letters[letter] for letter in "catλdog"] == [0, 0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize("content", [None, b"", b"hello"])
def test_a_font_file_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "bad.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.ttf: .*font") as caught:
        fonts.typeface(["cat"], 13, path)
    assert "\n" not in str(caught.value)


def test_drawing_stays_within_the_length_it_announces(folder: Path) -> None:
    (folder / "x.ttf").write_bytes(font_with("é猫"))
    text = "cat é 猫 dog 0.5"
    face = fonts.typeface([text], 15)
    page = Image.new("L", (300, 60), 0)
    face.draw(ImageDraw.Draw(page), 20, 30, text, 255)
    ys, xs = np.nonzero(np.asarray(page))
    assert xs.min() >= 19
    assert 20 + face.length(text) - 4 <= xs.max() <= 20 + face.length(text) + 1
    assert ys.min() >= 30 - face.ascent
    assert ys.max() < 30 + face.descent


def test_a_number_behind_a_right_to_left_name_stays_behind_it() -> None:
    parts = list(fonts._directions("cat 0.6 · שלום עולם 0.4 · dog"))
    assert parts == ["cat 0.6 · ", "שלום עולם", " 0.4 · dog"]


def test_tidy_text_is_one_composed_line() -> None:
    assert fonts.tidy(" cafe\u0301\n\t λ\u200d\x07 \ud800") == "café λ"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_platform_has_places_to_look(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts.sys, "platform", platform)
    assert len(fonts._folders()) >= 2
