"""What the parts of a benchmark agree on.

A row is a module in ``rows/`` with a function ``race(setting) -> Race``; its name on the command
line is the file's, with dashes. A contestant is a command that does the job and prints JSON on
stdout with ``seconds``, the time of its pass: from the first read to the last write, without
start-up, reservation of the output's space and fsync. What other numbers it prints are measures
too. One that prints no JSON is ``silent``: its pass is the whole command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import data

Kind = Literal["augtool", "bound", "peer"]
TIMES = ("passed", "whole")
"""The measures of time in seconds, that every contestant has: its pass, and the whole command."""


@dataclass(frozen=True)
class Setting:
    """What the user asked for, as far as it concerns a row.

    scratch
        A folder for made data, which may be there from another time.
    outputs
        A folder for outputs; it is emptied before the next contestant starts.
    quick
        Small sizes, for every day.
    images
        How many images a job has, in place of the row's own number.
    given
        Folders of class folders of JPEGs, for the folder jobs that they fit; others make theirs.
    peers
        Libraries to race against, and why one cannot be (None: it can). None: not asked for.
    """

    scratch: Path
    outputs: Path
    quick: bool = False
    images: int | None = None
    given: tuple[data.Given, ...] = ()
    peers: Mapping[str, str | None] | None = None

    def number(self, full: int, quick: int) -> int:
        """How many images a job has that is ``full`` large, or ``quick``."""
        return self.images or (quick if self.quick else full)

    def why_not(self, peer: str) -> str | None:
        """Why a peer does not take part; None when it does."""
        return "not asked for (--peers)" if self.peers is None else self.peers[peer]

    def output(self, name: str = "out.h5") -> Path:
        """The file or folder of this name that a contestant makes."""
        return self.outputs / name


@dataclass(frozen=True)
class Contestant:
    """One way to do a job: ``command`` run as a program, or the reason why it is ``absent``.

    ``images`` is what it does, where that is not what the race's title says: a rate counts these.
    """

    name: str
    kind: Kind
    command: tuple[str, ...]
    absent: str | None = None
    images: int | None = None
    silent: bool = False


@dataclass(frozen=True)
class Target:
    """What ``ours`` is to reach.

    of
        A measure. Against others, for times: how many times as many images a second ours does as
        the best of ``against``; for all else the quotient of the two. Against none: its value.
    at_least, at_most
        The limit, one of them.
    unit
        What the limit is in, for values.
    """

    ours: str
    of: str = "passed"
    against: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Race:
    """A job of ``images`` images and the contestants that do it; the first is compared with the
    others.

    shown
        The measures that the table has.
    most_runs
        Where a run takes long, how many are enough.
    remark
        What a reader must know of this row.
    """

    title: str
    images: int
    contestants: tuple[Contestant, ...]
    targets: tuple[Target, ...] = ()
    shown: tuple[str, ...] = TIMES
    most_runs: int | None = None
    remark: str = ""
