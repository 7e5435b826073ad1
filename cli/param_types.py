"""What option values look like, and what is said when they do not.

Each type takes the text of an option and the value of a TOML file: a number, or a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}


_MOST = 10**18 - 1  # the largest count


class Value(_ParamType):
    """A type whose ``name`` stands in help as it is written."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The name, not in capitals."""
        return self.name


class Whole(Value):
    """A whole number from ``low``, up to ``high`` if given."""

    name = "N"

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Text (or a whole number, from a TOML file) to a number."""
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]{1,18}", text) or not self._admits(int(text)):
            end = f" to {_MOST if self.high is None else self.high:,}"
            self.fail(f"{value!r}: use a whole number from {self.low}{end}", param, ctx)
        return int(text)

    def _admits(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)


ENDLESS = 0  # copies without an end


class Copies(Whole):
    """A number of copies, or ``inf``."""

    name = "N|inf"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Text (or a whole number, from a TOML file) to a number, `ENDLESS` for inf."""
        return ENDLESS if str(value).strip() == "inf" else super().convert(value, param, ctx)


class Number(Value):
    """Any number; what it is for sets its bounds."""

    name = "X"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Text (or a number, from a TOML file) to a float."""
        try:
            return float(_text(value))
        except ValueError:
            return self.fail(f"{value!r} is not a number", param, ctx)


class Size(Value):
    """``224`` or ``240x320``: (H, W) in pixels."""

    name = "H[xW]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text (or a whole number, or a pair, from a TOML file) to (H, W)."""
        text = "x".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        match = re.fullmatch(r"([0-9]{1,6})(?:[xX]([0-9]{1,6}))?", text.strip())
        if not match or 0 in (sides := (int(match[1]), int(match[2] or match[1]))):
            self.fail(f"{value!r} is not a size: use 224 or 240x320 (height x width)", param, ctx)
        return sides


class Bytes(Value):
    """``512MB``, ``2GiB``: a number of bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Text (or a whole number, from a TOML file) to bytes."""
        match = re.fullmatch(r"([0-9]{1,15})\s*([kmgt]?)(i?)b?", str(value).strip().lower())
        if not match or int(match[1]) == 0:
            self.fail(f"{value!r} is not a size: use 512MB or 2GiB", param, ctx)
        thousand = 1024 if match[3] else 1000
        return int(int(match[1]) * thousand ** " kmgt".index(match[2] or " "))


class Colour(Value):
    """``255,255,255``, ``#ffffff``, ``white`` or ``black``."""

    name = "R,G,B"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int, int]:
        """Text (or three whole numbers, from a TOML file) to (R, G, B) in 0 … 255."""
        text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        text = text.strip().lower()
        if text in _COLOURS:
            return _COLOURS[text]
        if re.fullmatch(r"#[0-9a-f]{6}", text):
            return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
        parts = re.fullmatch(r"\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*", text)
        if not parts or max(channels := tuple(map(int, parts.groups()))) > 255:
            self.fail(f"{value!r} is not a colour: use 255,255,255 or #ffffff", param, ctx)
        red, green, blue = channels
        return red, green, blue


class Span(Value):
    """``0.2,0.8``: two numbers."""

    name = "LO,HI"

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:
        """Text (or a pair, from a TOML file) to (low, high)."""
        try:
            low, high = ((int if self.whole else float)(_text(part)) for part in _parts(value))
        except ValueError:
            such = "whole numbers, such as 24,33" if self.whole else "numbers, such as 0.2,0.8"
            self.fail(f"{value!r} is not a range: use two {such}", param, ctx)
        return low, high


class Values(Value):
    """``125.3,123,113.9``: any numbers, one or more."""

    name = "X[,Y,…]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """Text (or a number or a list, from a TOML file) to numbers."""
        try:
            return tuple(float(_text(part)) for part in _parts(value))
        except ValueError:
            return self.fail(f"{value!r}: use numbers, such as 125.3,123,113.9", param, ctx)


class Integer(Value):
    """Any whole number; what it is for sets its bounds."""

    name = "N"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Text (or a number, from a TOML file) to an integer."""
        try:
            return int(_text(value))
        except ValueError:
            return self.fail(f"{value!r} is not a whole number", param, ctx)


class Text(Value):
    """Words or numbers; what they are for says which."""

    name = "TEXT"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Text (or a number or a list, from a TOML file) to text."""
        return ",".join(map(_text, _parts(value)))


class Workers(Value):
    """``auto`` or a whole number from 1."""

    name = "auto|N"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Text to a number of processes; None for auto."""
        text = str(value).strip().lower()
        if text == "auto":
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
            self.fail(f"{value!r}: use auto or a whole number from 1 to 9,999", param, ctx)
        return int(text)


class RowRange(Value):
    """``20``, ``100:120``: the first rows, or rows from … up to, not including."""

    name = "[A:]B"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text to (start, stop)."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(?:([0-9]{1,18}):)?([0-9]{1,18})", str(value).strip())
        if not match or int(match[1] or 0) >= int(match[2]):
            self.fail(f"{value!r} is not a range of rows: use 20 or 100:120", param, ctx)
        return int(match[1] or 0), int(match[2])


class Numbers(Value):
    """``3,14,15``: whole numbers from 0."""

    name = "I,J,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Text to row numbers."""
        text = ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        parts = text.split(",")
        if not all(re.fullmatch(r"\s*[0-9]{1,18}\s*", part) for part in parts):
            self.fail(f"{value!r}: use row numbers, such as 3,14,15", param, ctx)
        return tuple(int(part) for part in parts)


class Words(Value):
    """``cat,dog``: names."""

    name = "A,B,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Text with commas (or a list, whose names may have some, from a TOML file) to names."""
        names = tuple(_text(part).strip() for part in _parts(value))
        if not all(names):
            self.fail(f"{value!r}: use names, such as cat,dog", param, ctx)
        return names


class Shares(Value):
    """``0.1,0.5,0.9``: numbers in 0 … 1."""

    name = "X,Y,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """Text (or a list, from a TOML file) to numbers."""
        parts = value if isinstance(value, tuple | list) else str(value).split(",")
        try:
            shares = tuple(float(_text(part)) for part in parts)
        except ValueError:
            shares = (-1.0,)
        if not all(0 <= share <= 1 for share in shares):
            self.fail(f"{value!r}: use numbers from 0 to 1, such as 0.1,0.5,0.9", param, ctx)
        return shares


def _parts(value: Any) -> list[Any]:
    """The parts of a list, or of text with commas."""
    return list(value) if isinstance(value, tuple | list) else _text(value).split(",")


def _text(value: Any) -> str:
    """The text of a number; nothing that TOML calls true or a list becomes one."""
    return "" if isinstance(value, bool) else str(value)
