"""What `verify` and `check` say, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augtool.inspection.check import KINDS, Found, check
from augtool.outputs.output import Output
from augtool.planning.plan import Plan
from augtool.report.words import shortened
from augtool.sources._contract import Source
from augtool.verification.verify import verify

if TYPE_CHECKING:
    from augtool.report.options import Options
    from augtool.system.progress import Listener

_SHOWN = 50  # findings of a kind
_SAME = ("duplicate", "two classes")


def verified(output: Output, workers: int | None) -> dict[str, Any]:
    """The result of comparing an output with its records, and the digest of its content."""
    found = verify(str(output.path), with_digest=True, workers=workers)
    return {
        "rows": found.rows,
        "digest": found.digest or "",
        "problems": [shortened(str(one)) for one in found.problems[:_SHOWN]],
        "more": max(0, len(found.problems) - _SHOWN),
        "notes": [shortened(one) for one in found.notes],
    }


def of_source(
    options: Options,
    source: Source | None,
    plan: Plan | None,
    specs: Sequence[str] = (),
    listener: Listener | None = None,
) -> dict[str, Any]:
    """What `augtool check` finds in the source of a report, and which copies lie on both sides of
    its hold-out."""
    given = options.source
    report = check(
        specs or (given.spec if given else ()),
        plan.recipe.reading if plan is not None else options.reading,
        labels=given.labels if given else None,
        kind=given.kind if given else None,
        workers=options.workers,
        listener=listener,
    )
    kinds = list[dict[str, Any]]()
    for kind, words in KINDS.items():
        found = [one for one in report.found if one.kind == kind]
        if found:
            examples = [[shortened(one.path), shortened(one.words)] for one in found[:_SHOWN]]
            about = {"kind": kind, "words": words, "count": len(found)}
            kinds.append({**about, "examples": examples})
    return {
        "images": report.rows,
        "sizes": [list(one) for one in report.sizes],
        "more_sizes": report.more_sizes,
        "kinds": kinds,
        "held": None if plan is None or plan.held is None else _leaks(report.found, plan, source),
    }


def _leaks(found: Sequence[Found], plan: Plan, source: Source | None) -> dict[str, Any]:
    """The images of which one copy is mixed and another held out."""
    assert plan.held is not None and source is not None
    held = np.zeros(source.n, np.bool_)
    held[plan.held] = True
    copies: dict[int, list[int]] = {}
    for one in found:
        if one.kind in _SAME and one.row is not None:
            copies.setdefault(one.like[0], [one.like[0]]).append(one.row)
    leaks = [
        [
            shortened(source.name(next(row for row in rows if not held[row]))),
            shortened(source.name(next(row for row in rows if held[row]))),
        ]
        for rows in copies.values()
        if len({bool(held[row]) for row in rows}) == 2
    ]
    groups = None
    if plan.recipe.sampling.group_by is not None:
        groups = _groups_on_both_sides(plan, source, held)
    return {
        "rows": int(held.sum()),
        "leaks": leaks[:_SHOWN],
        "count": len(leaks),
        "groups": groups,
        "group_by": shortened(plan.recipe.sampling.group_by or ""),
    }


def _groups_on_both_sides(plan: Plan, source: Source, held: Any) -> int:
    """How many groups have rows that are held out and rows that are mixed."""
    from augtool.mixing.row_info import known_of

    known = known_of(plan.recipe.sampling, source)
    if known.groups is None:
        return 0
    used = plan.rows_of_pass()
    mixed = known.groups if used is None else known.groups[used]
    return len(np.intersect1d(known.groups[held], mixed))
