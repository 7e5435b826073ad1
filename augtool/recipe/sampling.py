"""Sampling: which source rows a run is made of, how often each, and which are mixed together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from augtool.errors import UsageError

Pair = Literal["any", "other-class", "same-class", "other-group", "same-group"]
Balance = Literal["none", "classes", "sqrt"]


@dataclass(frozen=True)
class Sampling:
    """What of a source takes part. ``rows``, ``only_classes``, ``per_class`` and the recipe's
    ``limit`` choose rows, in this order; ``holdout`` parts them; ``balance`` or ``row_weights``
    says how often each is in a pass.

    A KEY is an array or a property of the source, such as ``patient``. A FILE (.csv, .txt, .npy)
    has one value a row; an output's recipe has only its name and a hash of what it said:
    ``weights.csv#1f0a…``. With such a name the file must say the same again.

    pair
        Which rows are mixed: ``any``; of another or of the same class (the main target's); of
        another or of the same group.
    group_by
        KEY or FILE: rows of one value are a group.
    balance
        ``classes``: each class equally often as the base of a row, within one row, wherever
        ``num`` ends the output (with ``pair`` same-class and more classes than a third of a block
        has rows: in whole passes); ``sqrt``: in proportion to the square root of its count, in
        whole passes. Rows of unknown class are left out.
    row_weights
        KEY or FILE: how often each row is drawn, in proportion, in whole passes; those of weight 0
        take no part.
    only_classes
        Names or numbers of classes.
    per_class
        At most this many rows of each class, drawn by the seed (see ``holdout_seed``).
    rows
        FILE with one row a line, its name or its number.
    holdout
        The share of rows, in 0…1, that is not mixed and becomes the validation output: whole
        groups with ``group_by``, and the same share of each class.
    holdout_seed
        Draws the rows that are held out, and with a ``holdout`` those of ``per_class``. The
        recipe's ``seed`` does not: so mixtures of several seeds have one validation output, of
        which none has seen a row.
    carry
        KEYs whose values are copied from each row's base, as fields ``carry_<key>``.
    """

    pair: Pair = "any"
    group_by: str | None = None
    balance: Balance = "none"
    row_weights: str | None = None
    only_classes: tuple[str, ...] | None = None
    per_class: int | None = None
    rows: str | None = None
    holdout: float | None = None
    holdout_seed: int = 0
    carry: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, words in (("pair", Pair), ("balance", Balance)):
            if getattr(self, name) not in get_args(words):
                raise UsageError(
                    f"{name} {getattr(self, name)}: choose {', '.join(get_args(words))}"
                )
        if self.per_class is not None and self.per_class < 1:
            raise UsageError(f"per-class {self.per_class}: must be at least 1")
        if self.holdout is not None and not 0 < self.holdout < 1:
            raise UsageError(f"holdout {self.holdout:g}: must be above 0 and below 1")
        if self.holdout_seed < 0:
            raise UsageError(f"holdout-seed {self.holdout_seed}: must be at least 0")
        if self.holdout_seed and self.holdout is None:
            raise UsageError("holdout-seed: nothing is held out; add holdout, such as 0.2")
        if self.only_classes is not None and not self.only_classes:
            raise UsageError("only-classes: names no class; leave it out")
        last = [key.rpartition("/")[2] for key in self.carry]
        if len(set(last)) < len(last):
            raise UsageError(f"carry {', '.join(self.carry)}: two would have the same field")
        if self.balance != "none" and self.row_weights is not None:
            raise UsageError("balance and row-weights both say how often a row is drawn: give one")
        if self.by_group and self.group_by is None:
            raise UsageError(f"pair {self.pair}: say what a group is, with group-by")
        if self.group_by is not None and not self.by_group and self.holdout is None:
            raise UsageError(
                "group-by: nothing uses it; add pair same-group or other-group, or holdout"
            )

    @property
    def by_group(self) -> bool:
        """Whether pairs are of the same group, or of others."""
        return self.pair.endswith("-group")

    @property
    def alike(self) -> bool:
        """Whether rows of a class or group are mixed with each other."""
        return self.pair.startswith("same")

    @property
    def draws(self) -> bool:
        """Whether rows are drawn, some several times in a pass."""
        return self.balance != "none" or self.row_weights is not None


EVERYTHING = Sampling()
