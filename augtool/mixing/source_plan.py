"""The plan of a recipe over an open source."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from augtool.methods._contract import ChannelStatistics
from augtool.mixing import labels
from augtool.mixing.apply import prepared
from augtool.mixing.channel_stats import channel_statistics
from augtool.mixing.row_info import known_of
from augtool.planning.block import Ints
from augtool.planning.plan import Plan, make_plan
from augtool.recipe.recipe import Recipe
from augtool.sources._contract import Source


def plan_of(recipe: Recipe, source: Source, skipped: Sequence[int] = ()) -> Plan:
    """The plan of a recipe over the rows of a source but those that are ``skipped``."""
    assert source.shape is not None
    good = None
    if skipped:
        good = np.setdiff1d(np.arange(source.n), skipped)
    known = known_of(recipe.sampling, source)
    plan = make_plan(recipe, source.n, source.shape, source.dtype.itemsize, good, known)
    return dataclasses.replace(plan, recipe=_prepared(plan.recipe, source, plan.rows_of_pass()))


def _prepared(recipe: Recipe, source: Source, selection: Ints | None) -> Recipe:
    """The recipe with what its methods must know of the source, such as its mean colour."""

    def statistics() -> ChannelStatistics:
        return channel_statistics(source, recipe.seed, selection)

    steps = tuple(prepared(one, statistics) for one in recipe.steps)
    return dataclasses.replace(recipe, steps=steps)


def plan_warnings(source: Source, plan: Plan) -> tuple[str, ...]:
    """What is odd about the classes that take part."""
    target = source.targets[0]
    unmixed = all(link.slots == 1 for link in plan.links)
    if target.kind != "classes" or unmixed or plan.recipe.label_noise:
        return plan.warnings
    present = np.flatnonzero(labels.mass(target, plan.rows_of_pass()))
    if len(present) > 1:
        return plan.warnings
    return (*plan.warnings, "all images are of one class: mixing them changes no label")
