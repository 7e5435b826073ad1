"""What a method is: how it draws, what its rows weigh, which kernel applies it.

A method is one module in this folder. Its first docstring line is its summary. It offers the names
below. All randomness is in `draw`, on plan rows and without pixels; `apply` is a pure function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from augtool.params import ParamsLike

Columns = Mapping[str, npt.NDArray[Any]]
Streams = Callable[[str], np.random.Generator]
Pixels = npt.NDArray[Any]
Statistics = Callable[[], "ChannelStatistics"]
Within = Literal["", "box", "point", "offset"]
Owners = Literal["kept", "moved", "pasted", "blended"]


@dataclass(frozen=True)
class Column:
    """One plan column: (m, *shape) of ``dtype``. ``idle`` is the value that leaves a row as it
    is; the plan puts it into rows that ``prob`` spares. ``measured`` columns are not drawn but
    come from the pixels.

    A stored plan is looked at before it is applied, by what its values can be: ``low`` … ``high``,
    both included, and ``within`` the image: a ``box`` (y0, x0, y1, x1, half-open), a ``point``
    (y, x, at its edges too) or an ``offset`` (down and across, at most by a side). The idle value
    is always allowed.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    idle: Any = 0
    help: str = ""
    measured: bool = False
    low: float | None = None
    high: float | None = None
    within: Within = ""


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation of each channel (C,), in the units of the pixels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Method(Protocol):
    """The module of a method.

    ``Params``: a frozen dataclass of `augtool.params.param` fields, checked when made.
    ``PROB``: the share of rows it is applied to when the user does not say.
    ``SLOTS``: how many source rows one output row is made of, the base included; a method in which
    that depends on its parameters offers `Slots`.
    ``OWNERS``: what becomes of who owns a pixel: ``kept`` (erased pixels count as before),
    ``moved`` (with the pixels of one image), ``pasted`` (each pixel from one of several rows) or
    ``blended`` (from several at once).
    ``KERNELS``: the modules of ``augtool.kernels`` that it calls.
    ``PAPER``: one line: authors, title, where and when.
    """

    Params: type[ParamsLike]
    PROB: float
    SLOTS: int
    OWNERS: Owners
    KERNELS: tuple[str, ...]
    PAPER: str

    def check_shape(self, params: Any, shape: tuple[int, ...]) -> None:
        """Raise `UsageError` when rows of this shape, (H, W, C) for images, cannot be mixed."""
        ...

    def columns(self, params: Any) -> tuple[Column, ...]:
        """What it draws."""
        ...

    def draw(self, params: Any, rows: int, shape: tuple[int, ...], streams: Streams) -> Columns:
        """All of its `columns` for ``rows`` plan rows, measured ones excepted; ``streams(name)``
        is a generator of its own for each name, so that a new column moves no other's draws."""
        ...

    def weights(
        self, params: Any, columns: Columns, shape: tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        """(m, SLOTS) float32: what each source row contributes, from the same integers that
        `apply` uses; each entry rounded once. (1, SLOTS) when all rows have the same."""
        ...

    def apply(
        self,
        params: Any,
        pixels: Pixels,
        slots: npt.NDArray[np.int64],
        columns: Columns,
        out: Pixels,
    ) -> None:
        """Make ``out`` (m, *shape) from ``pixels`` (n, *shape): row i has the sources
        ``pixels[slots[i]]``, base first. No randomness, no I/O, no change to ``pixels``."""
        ...


@runtime_checkable
class Slots(Protocol):
    """A method in which the number of source rows depends on its parameters."""

    def slots(self, params: Any) -> int:
        """How many source rows one output row is made of; ``SLOTS`` is the least."""
        ...


@runtime_checkable
class Remaps(Protocol):
    """A method that treats maps of whole numbers (class ids, owners) unlike pixels.

    A method that moves pixels needs it unless each of them only changes its place.
    """

    def on_maps(self, params: Any, fill: str) -> Any:
        """The parameters with which a map goes through: between pixels the nearest one, and
        ``fill``, a number, where there is none."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """A method that must know something of the whole source before the run."""

    def prepare(self, params: Any, statistics: Statistics) -> Any:
        """The parameters with what was missing filled in; they go into the recipe."""
        ...


@runtime_checkable
class Measures(Protocol):
    """A method that must look at the pixels before it can apply."""

    def measure(
        self,
        params: Any,
        pixels: Pixels,
        slots: npt.NDArray[np.int64],
        columns: Columns,
    ) -> Columns:
        """The measured columns of rows made of ``pixels[slots]``. Deterministic; stored like
        drawn ones."""
        ...
