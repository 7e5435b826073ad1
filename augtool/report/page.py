"""The page around the data: markup, style and scripts as they lie in ``page/``, with their hashes.

Data are JSON in a script element of a type that no browser runs, and the scripts put text from
them into the page as text alone. A Content-Security-Policy lets the page run these scripts and
this style and show pictures that are inside it, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SCRIPTS = ("dom.js", "charts.js", "summary.js", "labels.js", "geometry.js", "rows.js", "main.js")

# What could end the element, or what JavaScript once took for the end of a line.
_ESCAPED = ("<", ">", "&", "\u2028", "\u2029")


def page_of(title: str, data: Mapping[str, Any]) -> str:
    """The whole page, in ASCII, the same for the same data."""
    style, script = _file("report.css"), "\n".join(map(_file, SCRIPTS))
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    parts = {
        "POLICY": html.escape(policy),
        "TITLE": _ascii(html.escape(title)),
        "STYLE": style,
        "DATA": embedded(data),
        "SCRIPT": script,
    }
    page = _file("report.html")
    pieces = []
    for name, text in parts.items():  # in this order in the file, each once
        before, page = page.split(f"{{{{{name}}}}}")
        pieces += [before, text]
    return "".join([*pieces, page])


def embedded(data: Any) -> str:
    """Data as JSON that stays inside its element, whatever text is in it. NaN has no JSON: whoever
    puts data together leaves it out."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in _ESCAPED:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _file(name: str) -> str:
    return (files("augtool.report") / "page" / name).read_text(encoding="utf-8")


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
