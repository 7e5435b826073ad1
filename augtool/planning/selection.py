"""Which source rows take part, which are held out, and how often the others are in a pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from augtool import rng
from augtool.errors import SourceError, UsageError
from augtool.planning.holdout import held_out
from augtool.planning.row_info import Known
from augtool.planning.samplers import Places, balanced, dealt, listed, weighted
from augtool.recipe.recipe import Recipe

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """What a recipe takes of a source: the places of a pass, or None for each of its rows once; the
    rows that are held out, rising; and what is odd about it."""

    places: Places | None
    held: Ints | None = None
    warnings: tuple[str, ...] = ()


def sample_of(
    recipe: Recipe, rows: int, good: Ints | None, known: Known, block_rows: int
) -> Sample:
    """Take a sample of a source of ``rows`` rows, of which ``good`` can be read (None: all), for
    blocks of ``block_rows``.

    Raises `UsageError` for what cannot be met and `SourceError` when nothing is left.
    """
    chosen, warnings = _chosen(recipe, rows, good, known)
    held = None
    if recipe.sampling.holdout is not None:
        _check_some(chosen)
        candidates = _all(chosen, rows)
        held, said = held_out(recipe.sampling.holdout, candidates, known)
        chosen, warnings = np.setdiff1d(candidates, held, assume_unique=True), (*warnings, *said)
    if recipe.sampling.balance != "none":  # after the holdout, which does not depend on it
        option = f"balance {recipe.sampling.balance}"
        chosen, said = _of_known_class(_all(chosen, rows), known, option)
        warnings = (*warnings, *said)
    places = _places(recipe, rows, chosen, known, block_rows)
    _check_pairs(recipe, rows if chosen is None else chosen, known)
    return Sample(places, held, warnings)


def _chosen(
    recipe: Recipe, rows: int, good: Ints | None, known: Known
) -> tuple[Ints | None, tuple[str, ...]]:
    """The rows that take part, rising; None for all."""
    sampling, chosen = recipe.sampling, good
    warnings: list[str] = []
    if known.rows is not None:
        chosen = (
            known.rows if good is None else np.intersect1d(known.rows, good, assume_unique=True)
        )
    if known.classes is not None and sampling.only_classes is not None:
        chosen = _all(chosen, rows)
        chosen = chosen[np.isin(known.classes[chosen], known.chosen_classes())]
    if known.classes is not None and sampling.per_class is not None:
        chosen, said = _few_of_each(_all(chosen, rows), known, sampling.per_class, _seed(recipe))
        warnings.extend(said)
    usable = rows if chosen is None else len(chosen)
    if recipe.limit is not None and recipe.limit < usable:
        spread = np.arange(recipe.limit, dtype=np.int64) * usable // recipe.limit
        chosen = spread if chosen is None else chosen[spread]
    return chosen, tuple(warnings)


def _seed(recipe: Recipe) -> int:
    """The seed by which few rows of each class are drawn: where some are held out, that of these,
    so that a row is not held out in one run and mixed in another."""
    sampling = recipe.sampling
    return recipe.seed if sampling.holdout is None else sampling.holdout_seed


def _all(chosen: Ints | None, rows: int) -> Ints:
    return np.arange(rows) if chosen is None else chosen


def _few_of_each(
    candidates: Ints, known: Known, most: int, seed: int
) -> tuple[Ints, tuple[str, ...]]:
    """At most so many rows of each class, rising; rows of no known class are left out."""
    candidates, said = _of_known_class(candidates, known, f"per-class {most}")
    assert known.classes is not None
    generator = rng.stream(seed, "", "per_class", 0, 0)
    around = candidates[generator.permutation(len(candidates))]
    around = around[np.argsort(known.classes[around], kind="stable")]
    present, starts, run, counts = np.unique(
        known.classes[around], return_index=True, return_inverse=True, return_counts=True
    )
    chosen = np.sort(around[np.arange(len(around)) - starts[run] < most])
    few = np.flatnonzero(counts < most)
    if not len(few):
        return chosen, said
    first = f"{known.names[present[few[0]]]} with {counts[few[0]]}"
    classes = "a class has" if len(few) == 1 else f"{len(few)} classes have"
    return chosen, (*said, f"per-class {most}: {classes} fewer rows, such as {first}")


def _of_known_class(candidates: Ints, known: Known, option: str) -> tuple[Ints, tuple[str, ...]]:
    """The candidates of which the class is known, and what to say of those that are left out."""
    assert known.classes is not None
    chosen = candidates[known.classes[candidates] >= 0]
    out = len(candidates) - len(chosen)
    if not out:
        return chosen, ()
    rows = f"{out:,} of {len(candidates):,} rows"
    return chosen, (f"{option}: {rows} are left out: their class is not known",)


def _places(
    recipe: Recipe, rows: int, chosen: Ints | None, known: Known, block_rows: int
) -> Places | None:
    sampling = recipe.sampling
    _check_some(chosen)
    keys = known.keys if sampling.alike else None
    if sampling.balance != "none":
        if sampling.pair == "same-group":
            raise UsageError(
                "pair same-group: the rows of a group are not balanced by class; "
                "use row-weights instead of balance"
            )
        assert known.classes is not None
        candidates = _all(chosen, rows)
        classes = known.classes[candidates]
        blocks_hold_pairs = min(block_rows, len(candidates)) >= 3 * len(np.unique(classes))
        if sampling.balance == "classes" and (blocks_hold_pairs or not sampling.alike):
            return dealt(candidates, classes, recipe.seed)
        return balanced(candidates, classes, sampling.balance, recipe.seed)
    if known.weights is not None:
        candidates = _all(chosen, rows)
        candidates = candidates[known.weights[candidates] > 0]
        if not len(candidates):
            raise UsageError("row-weights: all rows have weight 0; give some a weight above 0")
        weights = known.weights[candidates]
        return weighted(
            candidates, weights, recipe.seed, None if keys is None else keys[candidates]
        )
    if keys is not None:
        candidates = _all(chosen, rows)
        return listed(candidates, keys[candidates])
    return None if chosen is None else listed(chosen)


def _check_some(chosen: Ints | None) -> None:
    if chosen is not None and not len(chosen):
        raise SourceError("no row of the source takes part: ask for more classes or rows")


def _check_pairs(recipe: Recipe, chosen: Ints | int, known: Known) -> None:
    """Raise `UsageError` when no pair can be as it should be."""
    sampling = recipe.sampling
    if known.keys is None:
        return
    keys = known.keys if isinstance(chosen, int) else known.keys[chosen]
    _, counts = np.unique(keys, return_counts=True)
    what = "group" if sampling.by_group else "class"
    if sampling.alike and counts.max() == 1:
        raise UsageError(
            f"pair {sampling.pair}: no {what} has two rows; use pair any or other-{what}"
        )
    if not sampling.alike and len(counts) == 1:
        raise UsageError(
            f"pair {sampling.pair}: all {len(keys)} rows are of one {what}; use pair any"
        )
