"""Making the rows of a stored plan again, without a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from augtool.job import Job
from augtool.outputs.stored_plan import attributes_of, recipe_in


def render_job(plan: str, inputs: Sequence[str], output: str, **given: Any) -> Job:
    """The `Job` that makes the rows of ``plan``, an output or a saved plan, again from ``inputs``;
    ``given`` are other fields of `Job`.

    Raises `UsageError` and `SourceError` when there is no whole plan at ``plan``.
    """
    recipe = recipe_in(plan, attributes_of(plan))
    first, *more = inputs
    return Job(first, output, recipe, more_inputs=tuple(more), plan=plan, **given)
