"""Apply: plan columns and pixels in, pixels out. The one place where methods meet pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool import methods
from augtool.methods._contract import Measures, Prepares, Statistics
from augtool.plan import Block, Plan, idle, weights_of
from augtool.recipe import Step

Pixels = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Members:
    """The pixels that a block's rows are made of: ``pixels[i]`` (*shape) is the source row i when
    ``by_row``, else the block's member i."""

    pixels: Pixels
    by_row: bool = False

    def slots(self, block: Block) -> npt.NDArray[np.int64]:
        """(m, S) where in ``pixels`` each row's sources are."""
        return block.src if self.by_row else block.slots


def prepared(step: Step, statistics: Statistics) -> Step:
    """The step with what its method must know of the whole source, such as its mean colour."""
    method = methods.load(step.method)
    if not isinstance(method, Prepares):
        return step
    return dataclasses.replace(step, params=method.prepare(step.params, statistics))


def measured(plan: Plan, block: Block, members: Members) -> Block:
    """The block with the columns that come from its pixels, for methods that must look first."""
    step = plan.step
    method = methods.load(step.method)
    if not isinstance(method, Measures):
        return block
    columns = block.columns_of(step.method)
    slots = members.slots(block)
    columns.update(method.measure(step.params, members.pixels, slots, columns))
    if block.spared is not None:
        idle(columns, method.columns(step.params), block.spared)
    return dataclasses.replace(
        block,
        columns={f"{step.method}_{name}": values for name, values in columns.items()},
        weight=weights_of(step, columns, plan.shape, len(block)),
    )


def apply(plan: Plan, block: Block, members: Members, out: Pixels) -> None:
    """Make a measured block's rows: ``out`` (m, *shape)."""
    step = plan.step
    columns = block.columns_of(step.method)
    method = methods.load(step.method)
    method.apply(step.params, members.pixels, members.slots(block), columns, out)
