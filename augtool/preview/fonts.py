"""Finding fonts that have the letters of a text, and drawing with them.

Pillow's built-in font is used when it has every letter: it is the same everywhere. It has no é, λ,
к or 猫; then the system's font folders are searched, plain sans fonts first.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import ImageFont
from PIL.ImageDraw import ImageDraw
from PIL.ImageFont import FreeTypeFont

from augtool.errors import UsageError

_DIRECTION = {"R": "R", "AL": "R", "NSM": "N", "WS": "N", "ON": "N", "CS": "N"}
_SUFFIXES = (".ttf", ".otf", ".ttc")
_MOST_LISTED = 5000
_MOST_OPENED = 500
_NO_LETTER = "\U0010ffff"  # never a letter: drawn as the font's sign for "missing"

# Words in file names, the most pleasant and most complete first.
_LIKED = (
    "notosans-regular",
    "dejavusans.",
    "segoeui.",
    "arial.",
    "helvetica",
    "liberationsans-regular",
    "ubuntu-r",
    "opensans-regular",
    "notosanscjk-regular",
    "pingfang",
    "hiragino sans gb",
    "msyh",
    "yugoth",
    "malgun",
    "wqy",
    "droidsansfallback",
    "arial unicode",
)
_DISLIKED = ("bold", "italic", "oblique", "mono", "condensed", "serif", "black", "light", "thin")
_USELESS = ("lastresort", "adobeblank", "emoji", "symbol", "wingding", "webding")


@dataclass(frozen=True)
class Typeface:
    """Fonts of one size that together draw a text; the first that has a letter draws it.

    ``letters`` says which of ``fonts`` draws a letter; a letter that is not there cannot be drawn.
    """

    fonts: tuple[FreeTypeFont, ...]
    letters: dict[str, int]

    @property
    def ascent(self) -> int:
        """Pixels from the top of a line to its baseline."""
        return max(int(font.getmetrics()[0]) for font in self._used)

    @property
    def descent(self) -> int:
        """Pixels from the baseline to the bottom of a line."""
        return max(int(font.getmetrics()[1]) for font in self._used)

    def has(self, text: str) -> bool:
        """Whether every letter of ``text`` can be drawn."""
        return all(letter.isspace() or letter in self.letters for letter in text)

    def length(self, text: str) -> float:
        """The width of ``text`` in pixels."""
        return sum(font.getlength(run) for font, run in self._runs(text))

    def draw(self, canvas: ImageDraw, x: float, baseline: int, text: str, fill: Any) -> None:
        """Draw one line of text whose baseline begins at (x, baseline)."""
        for font, run in self._runs(text):
            canvas.text((x, baseline), run, font=font, fill=fill, anchor="ls")
            x += font.getlength(run)

    @property
    def _used(self) -> list[FreeTypeFont]:
        return [self.fonts[index] for index in sorted({0, *self.letters.values()})]

    def _runs(self, text: str) -> Iterator[tuple[FreeTypeFont, str]]:
        for part in _directions(text):
            for index, run in groupby(part, key=lambda letter: self.letters.get(letter, 0)):
                yield self.fonts[index], "".join(run)


def _directions(text: str) -> Iterator[str]:
    """``text`` cut where it changes between left-to-right and right-to-left, so that the number
    behind an Arabic or Hebrew name stays behind it and the order of the parts is kept."""
    kinds = "".join(_DIRECTION.get(unicodedata.bidirectional(letter), "L") for letter in text)
    end = 0
    for part in re.finditer("R(?:[RN]*R)?", kinds):
        yield text[end : part.start()]
        yield text[part.start() : part.end()]
        end = part.end()
    yield text[end:]


def tidy(text: str) -> str:
    """``text`` on one line, composed (NFC), without control and format characters."""
    shown = (one for one in text if one.isspace() or unicodedata.category(one)[0] != "C")
    return unicodedata.normalize("NFC", " ".join("".join(shown).split()))


def typeface(texts: Iterable[str], size: int, font: Path | None = None) -> Typeface:
    """Fonts that have the letters of the (tidy) ``texts``, as far as there are any.

    ``font`` is used first and for all that it has. Without it one font is sought for everything,
    and others only for what it lacks. Raises `UsageError` when ``font`` cannot be read.
    """
    wanted = frozenset(letter for text in texts for letter in text if not letter.isspace())
    return _typeface(wanted, size, font)


@lru_cache(maxsize=16)
def _typeface(wanted: frozenset[str], size: int, font: Path | None) -> Typeface:
    built_in = _built_in(size)
    first = built_in if font is None else _font_of_user(font, size)
    added = _system_fonts_with(wanted - _had(first, wanted), wanted, size)
    # Where the built-in font lacks a letter it comes last, so that words are of one cut.
    fonts = [*added, built_in] if font is None else [first, *added, built_in]
    letters: dict[str, int] = {}
    for index, one in enumerate(fonts):
        for letter in _had(one, wanted - letters.keys()):
            letters[letter] = index
    return Typeface(tuple(fonts), letters)


def _built_in(size: int) -> FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise UsageError(
            "this Pillow was built without FreeType and cannot draw captions; "
            "install it from PyPI: pip install --force-reinstall pillow"
        )
    return font


def _system_fonts_with(
    missing: frozenset[str], wanted: frozenset[str], size: int
) -> list[FreeTypeFont]:
    """As few fonts as have the ``missing`` letters; first the one with most of the ``wanted``."""
    chosen: list[FreeTypeFont] = []
    candidates = _system_fonts(size)
    while missing and (candidate := next(candidates, None)):
        had = _had(candidate, missing)
        if had:
            chosen.append(candidate)
            missing -= had
    return sorted(chosen, key=lambda font: -len(_had(font, wanted)))


def _font_of_user(path: Path, size: int) -> FreeTypeFont:
    if not path.is_file():
        raise UsageError(f"{path}: there is no such font file; check --font")
    font = _opened(path, size)
    if font is None:
        raise UsageError(f"{path}: not a font that can be read; give a .ttf, .otf or .ttc file")
    return font


def _system_fonts(size: int) -> Iterator[FreeTypeFont]:
    for path in _system_font_files()[:_MOST_OPENED]:
        font = _opened(path, size)
        if font is not None:
            yield font


def _opened(path: Path, size: int) -> FreeTypeFont | None:
    try:
        return ImageFont.truetype(str(path), size)
    except (OSError, ValueError):  # not a font, bitmaps of other sizes only, no permission
        return None


@lru_cache(maxsize=1)
def _system_font_files() -> tuple[Path, ...]:
    """The font files of this machine, the likeliest to please first."""
    found: list[Path] = []
    for folder in _folders():
        for parent, folders, files in os.walk(folder):
            folders.sort()
            found += [Path(parent, name) for name in files if name.lower().endswith(_SUFFIXES)]
            if len(found) > _MOST_LISTED:
                break
    useful = {path for path in found if not any(word in path.name.lower() for word in _USELESS)}
    return tuple(sorted(useful, key=_rank))


def _rank(path: Path) -> tuple[int, int, str]:
    name = path.name.lower()
    liked = next((place for place, word in enumerate(_LIKED) if word in name), len(_LIKED))
    return liked, sum(word in name for word in _DISLIKED), str(path)


def _folders() -> list[Path]:
    """Where this system keeps fonts; not all of them need to exist."""
    home = Path.home()
    if sys.platform == "win32":
        windows = Path(os.environ.get("WINDIR", r"C:\Windows"))
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
        return [windows / "Fonts", local / "Microsoft" / "Windows" / "Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        data / "fonts",
        home / ".fonts",
    ]


def _had(font: FreeTypeFont, letters: Iterable[str]) -> frozenset[str]:
    """Those of ``letters`` that ``font`` draws as something else than its sign for "missing"."""
    absent = _drawing(font, _NO_LETTER)
    return frozenset(letter for letter in letters if _drawing(font, letter) not in (absent, None))


def _drawing(font: FreeTypeFont, letter: str) -> tuple[Any, bytes] | None:
    try:
        mask, offset = font.getmask2(letter, mode="L")
    except (OSError, ValueError):  # a damaged glyph
        return None
    return (mask.size, offset), bytes(mask)
