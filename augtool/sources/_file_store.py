"""Encoded images that are files under one folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from augtool.sources import _listing
from augtool.sources._contract import Rows
from augtool.sources._encoded import batches
from augtool.sources._files import content_of
from augtool.sources._listing import Listing
from augtool.sources._listing_cache import advising
from augtool.text import shown


@dataclass(frozen=True)
class FileStore:
    """The files of ``listing``, whose names are relative to ``root``, of at most so many bytes
    each; links are followed or not. See `Store`. ``kept`` is the file in which a user keeps the
    listing."""

    root: bytes
    listing: Listing
    most: int
    follow: bool = False
    kept: str = ""

    @property
    def place(self) -> str:
        return shown(self.root)

    @property
    def stamp(self) -> str:
        return self.listing.stamp()

    def name(self, row: int) -> bytes:
        relative, *_ = next(self.listing.files(np.array([row])))
        return relative

    def names(self) -> Iterator[bytes]:
        files = self.listing.files(np.arange(len(self.listing.sizes)))
        return (name for name, *_ in files)

    def contents(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        wanted = (
            (file[1], (place, int(row), file))
            for place, (row, file) in enumerate(zip(rows, self.listing.files(rows), strict=True))
        )
        for batch in batches(wanted):
            with _listing.opened(self.root) as within, advising(self.kept):
                data = [
                    (place, content_of(self.root, row, file, self.most, None, within, self.follow))
                    for place, row, file in batch
                ]
            yield from data

    def content(self, row: int, most: int | None = None) -> bytes:
        file = next(self.listing.files(np.array([row])))
        with advising(self.kept):
            return content_of(self.root, row, file, self.most, most, follow=self.follow)
