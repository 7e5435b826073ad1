"""Folders named by classes: names that every file system takes and every reader finds.

What a file system, a shell pattern or a reader would take for something else is written as the
bytes %XX of its UTF-8, as in URLs, so that ``urllib.parse.unquote`` gives the class back. Where
that is not enough (names that differ in case or accents alone, empty, or longer than a name may
be), ``%~`` and the class id end the folder's name.
"""

from __future__ import annotations

import collections
import re
import unicodedata

_LONGEST = 255  # bytes of a file name
_ESCAPED = re.compile(
    r"""
    [\x00-\x1f\x7f<>:"/\\|?*%$\[\]\ud800-\udfff]  # separators, patterns, variables, no text
    | ^[.~ ] | [. ]$  # hidden, a home; or dropped without a word
    | ^_(?=_)  # Hugging Face passes over folders named __so
    | ^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)  # devices
    # Hugging Face takes folders that have such a word, between what are no letters, for splits
    | (?<![^\W\d_])(?-i:train|training|validation|valid|dev|val|test|testing|eval|evaluation)
      (?![^\W\d_])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CUT_ESCAPE = re.compile(r"%.?$")


def class_folders(names: tuple[str, ...]) -> tuple[str, ...]:
    """A folder for each class, no two of which are the same on any file system."""
    plain = [_ESCAPED.sub(_escape, name) for name in names]
    alike = collections.Counter(_key(folder) for folder in plain)
    return tuple(
        folder
        if alike[_key(folder)] == 1 and 0 < _length(folder) <= _LONGEST
        else _marked(folder, id)
        for id, folder in enumerate(plain)
    )


def numbered_folders(count: int) -> tuple[str, ...]:
    """The folders of classes without names: their ids, of one width, so that they sort by it."""
    return tuple(f"{id:0{len(str(count - 1))}}" for id in range(count))


def _escape(match: re.Match[str]) -> str:
    """The first character as bytes; a word is no longer one without it."""
    first, rest = match[0][0], match[0][1:]
    data = first.encode(
        "utf-8", "surrogateescape" if "\udc80" <= first <= "\udcff" else "surrogatepass"
    )
    return "".join(f"%{byte:02X}" for byte in data) + rest


def _key(folder: str) -> str:
    """What is the same for names that some file system takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folder).casefold())


def _length(folder: str) -> int:
    return len(folder.encode())


def _marked(folder: str, id: int) -> str:
    mark = f"%~{id}"
    cut = folder.encode()[: _LONGEST - len(mark)].decode(errors="ignore")
    return _CUT_ESCAPE.sub("", cut) + mark
