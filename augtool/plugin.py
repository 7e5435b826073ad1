"""What a method, source or sink of another distribution imports; `CONTRIBUTING.md` has an example.

A plug-in is one module, named by an entry point in the group ``augtool.methods``,
``augtool.sources`` or ``augtool.sinks``; the entry point's name is the name that users type. The
module has what its contract asks for:

================ ======================================= =====================================
group            contract                                what it gets and returns
================ ======================================= =====================================
augtool.methods  `Method`; where needed `Slots`,         `Column`, `Columns`, `Streams`,
                 `Remaps`, `Prepares`, `Measures`        `Pixels`, `ChannelStatistics`
augtool.sources  `SourceFormat`; where needed            `Source`, `Target`, `Notes`, `Masks`
                 `LabelledFormat`, `ListedFormat`
augtool.sinks    `SinkFormat`                            `Order`, `Sink`, `Writer`, `Stored`,
                                                         `Encoded`, `Position`, `Facts`, `Fault`
================ ======================================= =====================================

Kernels (`paste`, `blend`, `choose`, `mirror`) are compiled when they are first asked for, so import
them inside ``apply``, and name their module in ``KERNELS``.

The names here stay through the patch releases of a version 0.x; the changelog has what changes.
Modules whose names begin with an underscore are no part of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from augtool.errors import AugtoolError, BrokenInput, OutputError, SourceError, UsageError
from augtool.fields import Field
from augtool.methods._box import clipped, shares, sides_of
from augtool.methods._contract import (
    ChannelStatistics,
    Column,
    Columns,
    Measures,
    Method,
    Owners,
    Pixels,
    Prepares,
    Remaps,
    Slots,
    Statistics,
    Streams,
)
from augtool.methods._images import images_only
from augtool.params import check, param
from augtool.recipe.recipe import Reading
from augtool.sinks._checksums import Records, crc
from augtool.sinks._contract import (
    Buffer,
    Digests,
    Encoded,
    Facts,
    Fault,
    Order,
    Position,
    Runs,
    Sink,
    Stored,
    Writer,
)
from augtool.sinks._contract import Format as SinkFormat
from augtool.sinks._reader import row_array
from augtool.sources._contract import Format as SourceFormat
from augtool.sources._contract import LabelledFormat, ListedFormat, Masks, Notes, Source, Varying
from augtool.targets import UNKNOWN, Target, TargetKind

if TYPE_CHECKING:
    from augtool.kernels.blend import blend
    from augtool.kernels.mask import choose
    from augtool.kernels.paste import paste
    from augtool.kernels.warp import mirror

_KERNELS = {"blend": "blend", "choose": "mask", "mirror": "warp", "paste": "paste"}

__all__ = [
    "UNKNOWN",
    "AugtoolError",
    "BrokenInput",
    "Buffer",
    "ChannelStatistics",
    "Column",
    "Columns",
    "Digests",
    "Encoded",
    "Facts",
    "Fault",
    "Field",
    "LabelledFormat",
    "ListedFormat",
    "Masks",
    "Measures",
    "Method",
    "Notes",
    "Order",
    "OutputError",
    "Owners",
    "Pixels",
    "Position",
    "Prepares",
    "Reading",
    "Records",
    "Remaps",
    "Runs",
    "Sink",
    "SinkFormat",
    "Slots",
    "Source",
    "SourceError",
    "SourceFormat",
    "Statistics",
    "Stored",
    "Streams",
    "Target",
    "TargetKind",
    "UsageError",
    "Varying",
    "Writer",
    "blend",
    "check",
    "choose",
    "clipped",
    "crc",
    "images_only",
    "mirror",
    "param",
    "paste",
    "row_array",
    "shares",
    "sides_of",
]


def __getattr__(name: str) -> Any:
    if name not in _KERNELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"augtool.kernels.{_KERNELS[name]}"), name)
