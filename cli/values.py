"""What option values look like, and what is said when they do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}


class Size(_ParamType):
    """``224`` or ``240x320``: (H, W) in pixels."""

    name = "H[xW]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text (or a whole number, or a pair, from a TOML file) to (H, W)."""
        if isinstance(value, tuple | list):
            value = "x".join(map(str, value))
        match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", str(value).strip())
        if not match or 0 in (sides := (int(match[1]), int(match[2] or match[1]))):
            self.fail(f"{value!r} is not a size: use 224 or 240x320 (height x width)", param, ctx)
        return sides


class Colour(_ParamType):
    """``255,255,255``, ``#ffffff``, ``white`` or ``black``."""

    name = "R,G,B"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int, int]:
        """Text (or three whole numbers, from a TOML file) to (R, G, B) in 0 … 255."""
        if isinstance(value, tuple | list):
            value = ",".join(map(str, value))
        text = str(value).strip().lower()
        if text in _COLOURS:
            return _COLOURS[text]
        if re.fullmatch(r"#[0-9a-f]{6}", text):
            return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
        parts = text.split(",")
        if len(parts) == 3 and all(part.strip().isdigit() for part in parts):
            red, green, blue = (int(part) for part in parts)
            if max(red, green, blue) <= 255:
                return red, green, blue
        return self.fail(f"{value!r} is not a colour: use 255,255,255 or #ffffff", param, ctx)


class Span(_ParamType):
    """``0.2,0.8``: two numbers."""

    name = "LO,HI"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:
        """Text (or a pair, from a TOML file) to (low, high)."""
        parts = value if isinstance(value, tuple | list) else str(value).split(",")
        try:
            low, high = (float(part) for part in parts)
        except ValueError:
            self.fail(f"{value!r} is not a range: use two numbers, such as 0.2,0.8", param, ctx)
        return low, high


class Workers(_ParamType):
    """``auto`` or a whole number from 1."""

    name = "auto|N"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Text to a number of processes; None for auto."""
        if str(value).strip().lower() == "auto":
            return None
        if not re.fullmatch(r"[1-9]\d*", str(value).strip()):
            self.fail(f"{value!r}: use auto or a whole number from 1", param, ctx)
        return int(value)


class RowRange(_ParamType):
    """``20``, ``100:120``: the first rows, or rows from … up to, not including."""

    name = "[A:]B"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text to (start, stop)."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(?:(\d+):)?(\d+)", str(value).strip())
        if not match or int(match[1] or 0) >= int(match[2]):
            self.fail(f"{value!r} is not a range of rows: use 20 or 100:120", param, ctx)
        return int(match[1] or 0), int(match[2])


class Numbers(_ParamType):
    """``3,14,15``: whole numbers from 0."""

    name = "I,J,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Text to row numbers."""
        if isinstance(value, tuple | list):
            value = ",".join(map(str, value))
        parts = str(value).split(",")
        if not all(re.fullmatch(r"\s*\d+\s*", part) for part in parts):
            self.fail(f"{value!r}: use row numbers, such as 3,14,15", param, ctx)
        return tuple(int(part) for part in parts)
