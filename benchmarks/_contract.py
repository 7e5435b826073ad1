"""What the parts of a benchmark agree on.

A row is a module in ``rows/`` with a function ``race(setting) -> Race``; its name on the command
line is the file's, with dashes. A contestant is a command that does the job and prints JSON on
stdout with ``seconds``, the time of its pass: from the first read to the last write, without
start-up, reservation of the output's space and fsync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["augtool", "bound", "peer"]


@dataclass(frozen=True)
class Setting:
    """What the user asked for, as far as it concerns a row.

    scratch
        A folder for made data and outputs.
    quick
        Small sizes, for every day.
    images
        How many images a job has, in place of the row's own number.
    data
        A folder of class folders of JPEGs of one size, for the folder jobs; None makes them.
    peers
        Libraries to race against, and why one cannot be (None: it can). Empty: not asked for.
    """

    scratch: Path
    quick: bool = False
    images: int | None = None
    data: Path | None = None
    peers: Mapping[str, str | None] | None = None

    def number(self, full: int, quick: int) -> int:
        """How many images a job has that is ``full`` large, or ``quick``."""
        return self.images or (quick if self.quick else full)

    def why_not(self, peer: str) -> str | None:
        """Why a peer does not take part; None when it does."""
        return "not asked for (--peers)" if self.peers is None else self.peers[peer]

    @property
    def output(self) -> Path:
        """The file a contestant makes; it is removed before the next one starts."""
        return self.scratch / "out.h5"


@dataclass(frozen=True)
class Contestant:
    """One way to do a job: ``command`` run as a program, or the reason why it is ``absent``."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    absent: str | None = None


@dataclass(frozen=True)
class Race:
    """A job of ``images`` images and the contestants that do it; augtool is the first."""

    title: str
    images: int
    contestants: tuple[Contestant, ...]
