"""What a report is asked to show, and what was written."""

from __future__ import annotations

from dataclasses import dataclass, field

from augtool.recipe.recipe import Reading
from augtool.verification.rerender import Input


@dataclass(frozen=True)
class Options:
    """What a report shows.

    rows
        At most so many rows are shown, spread evenly.
    source
        Of an output: where it was made from, for names and pictures of bases and partners. Of an
        input: labels, masks and format, as its options name them; ``spec`` is not used.
    reading
        How an input is read; an output's recipe says how its source is.
    check
        Look at every image of the source.
    verify
        Compare an output with its records first.
    workers
        Processes for ``check`` and ``verify``; None chooses.
    """

    rows: int = 240
    source: Input | None = None
    reading: Reading = field(default_factory=Reading)
    check: bool = False
    verify: bool = False
    workers: int | None = None


@dataclass(frozen=True)
class Written:
    """A page that was written: its size, and how many rows there are and are shown."""

    path: str
    nbytes: int
    rows: int
    shown: int
    estimated: bool
