"""Data goes to stdout, and only here: what fails there is told apart from what fails elsewhere."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

# What JSON does not escape and a terminal may obey.
_COMMANDS = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class StdoutFailed(Exception):
    """Stdout cannot be written; ``error`` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def write(text: str) -> int:
    """Write text as it is, so that this module serves as the file of a `csv.writer`."""
    try:
        return sys.stdout.write(text)
    except OSError as error:
        raise StdoutFailed(error) from error


def line(text: str) -> None:
    """Write one line."""
    write(f"{text}\n")


def as_json(value: Any, indent: int | None = 2) -> None:
    """Write a value as JSON; in ASCII where stdout takes no other characters."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8, indent=indent)
    line(_COMMANDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def flush() -> None:
    """Let go of what is still in the buffer."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise StdoutFailed(error) from error
