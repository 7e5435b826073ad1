"""Names from outside as text that a terminal can show."""

from __future__ import annotations

import re

# Controls, ends of lines, and what turns the direction of text round.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def shown(name: bytes) -> str:
    """A name as a person can read it, on one line: undecodable and control bytes are escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
