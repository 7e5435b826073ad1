"""What the stored plan of an output says that the steps did to one row."""

from __future__ import annotations

import numpy as np

from augtool.outputs.output import Output
from augtool.planning.chain import Link, Option


def taken(output: Output, link: Link, row: int) -> Option | None:
    """The option of a link that a row took."""
    if not link.choice:
        return link.options[0]
    number = int(output.field(f"{link.choice}_option")[row])
    return link.options[number] if number >= 0 else None


def idle_in(output: Output, option: Option, row: int) -> bool:
    """Whether what a step drew for a row is what leaves it as it is."""
    drawn = {
        column: np.asarray(output.field(f"{option.name}_{column.name}")[row])
        for column in option.columns
    }
    idle = (value == np.asarray(column.idle, value.dtype) for column, value in drawn.items())
    return bool(drawn) and all(bool(one.all()) for one in idle)
