"""The rows of WebDataset archives: members side by side that share a key."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from augtool.errors import SourceError
from augtool.system import strict_json
from augtool.text import shown

RECORD = b".augtool.json"
_MOST_RECORD = 32 << 20
_KEY = re.compile(rb"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)  # webdataset's rule
_BLOCK = 512
_NOTES = b"xXgLK"  # the kinds of headers that say more about the member that follows them
_MOST_NOTE = 1 << 20  # bytes: `tarfile` takes each into memory
_MOST_NOTES = 16  # before one member: `tarfile` goes a level deeper for each


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, and where its data lie."""

    name: bytes
    offset: int
    size: int


@dataclass(frozen=True)
class Sample:
    """Members that share a key, by extension in lower case ("jpg", "soft.npy")."""

    key: bytes
    members: dict[str, Member] = field(default_factory=dict)


@dataclass
class Archive:
    """An archive that is being looked through, once, from its beginning to its end.

    Afterwards ``others`` counts the members that belong to no sample, ``complete`` says whether
    the archive has an end mark, ``record`` is what augtool wrote about itself.
    """

    path: Path
    file: BinaryIO
    others: int = 0
    complete: bool = True
    record: dict[str, object] = field(default_factory=dict)

    def samples(self) -> Iterator[Sample]:
        """The samples, in order. Raises `SourceError` for what is damaged or cut short, and for
        keys and extensions that come twice."""
        seen: set[bytes] = set()
        sample: Sample | None = None
        for member in self._members():
            match = _KEY.fullmatch(member.name)
            if match is None:
                self._note(member)
                continue
            key, extension = match[1], shown(match[2]).lower()
            if sample is None or key != sample.key:
                if sample is not None:
                    yield sample
                if key in seen:
                    raise self._error(
                        f"the key {shown(key)!r} comes twice, so its files are not side by side; "
                        "write the archive again, sorted by name"
                    )
                seen.add(key)
                sample = Sample(key)
            if extension in sample.members:
                raise self._error(f"{shown(member.name)!r} is there twice; write the archive again")
            sample.members[extension] = member
        if sample is not None:
            yield sample

    def data(self, member: Member) -> bytes:
        """The content of a member."""
        here = self.file.tell()
        self.file.seek(member.offset)
        data = self.file.read(member.size)
        self.file.seek(here)
        return data

    def _members(self) -> Iterator[Member]:
        """The regular files."""
        size, at = self.path.stat().st_size, 0
        try:
            self._check_notes(0)
            self.file.seek(0)
            with tarfile.open(fileobj=self.file, mode="r:", errorlevel=2) as archive:
                while (info := archive.next()) is not None:
                    cast(Any, archive).members = []  # it would keep all of them
                    name = info.name.encode("utf-8", "surrogateescape")
                    if info.size < 0 or archive.offset <= at:  # or it would never end
                        raise self._error(f"damaged at {shown(name)!r}; get it again")
                    at = archive.offset
                    self._check_notes(at)
                    if not info.isreg():
                        self.others += not info.isdir()
                        continue
                    if info.sparse is not None:
                        raise self._error(f"{shown(name)!r} is sparse; write the archive again")
                    if info.offset_data + info.size > size:
                        raise self._error(
                            f"it ends inside {shown(name)!r}: the archive was cut short; "
                            "get it again"
                        )
                    yield Member(name, info.offset_data, info.size)
                self._check_end(archive.offset, size)
        except (tarfile.TarError, OSError, ValueError, EOFError) as error:
            raise self._error(f"damaged ({error}); get it again") from error

    def _check_notes(self, offset: int) -> None:
        """Look at the headers before a member, which `tarfile` reads without a bound."""
        for _ in range(_MOST_NOTES):
            self.file.seek(offset)
            block = self.file.read(_BLOCK)
            if len(block) < _BLOCK or block[156] not in _NOTES:
                return
            size = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").size
            if not 0 <= size <= _MOST_NOTE:
                break
            offset += _BLOCK * (1 + -(-size // _BLOCK))
        raise self._error(f"damaged at byte {offset:,}: a header without end; get it again")

    def _check_end(self, offset: int, size: int) -> None:
        """After the last member comes the end mark; what else does is damaged."""
        self.file.seek(offset)
        block = self.file.read(_BLOCK)
        if block.strip(b"\0"):
            raise self._error(f"damaged at byte {offset:,} of {size:,}; get it again")
        self.complete = len(block) == _BLOCK

    def _note(self, member: Member) -> None:
        if member.name != RECORD or member.size > _MOST_RECORD:
            self.others += 1
            return
        try:
            self.record = dict(strict_json.loads(self.data(member)))
        except (ValueError, TypeError, RecursionError):
            self.others += 1

    def _error(self, fault: str) -> SourceError:
        return SourceError(f"{shown(str(self.path).encode('utf-8', 'surrogateescape'))}: {fault}")
