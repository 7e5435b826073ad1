"""A block: what its rows are made of, and how, as a table of row numbers and draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.planning.chain import Link, Option, is_chain

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

NO_SOURCE = -1


@dataclass(frozen=True)
class Block:
    """A table of t rows, of which m are made; the others are partners that those need.

    links
        The chain that makes them.
    members
        (k,) int64, the source rows that are read, each once.
    base
        (t,) int64, the member that each row begins with.
    partners
        For each mixing step (t, S − 1) int64, the rows of the table that it mixes in; a row that is
        its own partner has none.
    draws
        The columns of all steps, (t, …) each, named ``<step>_<column>``, and of each choice.
    spared
        For each step that not all rows take (t,) bool, the rows that it leaves as they are.
    out_rows
        (t,) int64, the output row that each row is, or would be.
    start, stop
        The m rows of the table that are made.
    weight
        (m, S) float32, what each source contributes to the label; None until the owners of the
        pixels are known.
    area
        (m, S) float32, each source's share of the pixels, where ``weight`` follows another rule.
    bare
        (m,) bool, the rows of several sources in which no object is seen, so that their weights are
        those of the area; None where objects have no part in weights.
    unmet
        (t,) bool, the rows with a partner that the recipe's pairing does not want, or without one;
        None when there is no such row.
    measured
        Whether the columns that come from pixels are in ``draws`` already.
    """

    links: tuple[Link, ...]
    members: Ints
    base: Ints
    partners: Mapping[str, Ints]
    draws: Mapping[str, Array]
    spared: Mapping[str, Bools]
    out_rows: Ints
    start: int
    stop: int
    weights: Floats | None = None
    area: Floats | None = None
    bare: Bools | None = None
    unmet: Bools | None = None
    measured: bool = False

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def made(self) -> slice:
        """Which rows of the table are made."""
        return slice(self.start, self.stop)

    @property
    def out(self) -> Ints:
        """(m,) int64, the output row of each row."""
        return self.out_rows[self.made]

    @property
    def weight(self) -> Floats:
        """(m, S) float32, what each source contributes to the label."""
        assert self.weights is not None, "look at the block first"
        return self.weights

    @property
    def slots(self) -> Ints:
        """(m, S) int64, what each row is made of, base first: indices into ``members``, −1 for
        slots that a row does not have."""
        state = self.base[:, None]
        for link in self.links:
            state = self._joined(link, state)
        return state[self.made]

    @property
    def src(self) -> Ints:
        """(m, S) int64 source rows, base first; −1 for slots that a row does not have."""
        slots = self.slots
        return np.where(slots < 0, NO_SOURCE, self.members[slots])

    @property
    def columns(self) -> dict[str, Array]:
        """What is stored of the draws: (m, …) each; where there are several links also each mixing
        step's partners, as output rows."""
        stored = {name: values[self.made] for name, values in self.draws.items()}
        if is_chain(self.links):
            for link in self.links:
                for option in link.steps:
                    if option.slots > 1:
                        stored[f"{option.name}_partner"] = self._partner_rows(link, option)
        return stored

    def columns_of(self, step: str) -> dict[str, Array]:
        """The made rows' columns of one step, under the names that its method gave them."""
        return {name: values[self.made] for name, values in self.draws_of(step).items()}

    def draws_of(self, step: str) -> dict[str, Array]:
        """(t, …) all rows' columns of one step, under the names that its method gave them."""
        (option,) = (one for link in self.links for one in link.steps if one.name == step)
        names = [column.name for column in option.columns]
        return {name: self.draws[f"{step}_{name}"] for name in names}

    def took(self, link: Link) -> Array:
        """(t,) which option of a link each row takes; −1 for none at all."""
        if not link.choice:
            return np.zeros(len(self.base), np.int8)
        return self.draws[f"{link.choice}_option"]

    def part(self, low: int, high: int) -> Block:
        """Rows low … high−1 of those that are made; the table stays."""
        weights = None if self.weights is None else self.weights[low:high]
        area = None if self.area is None else self.area[low:high]
        bare = None if self.bare is None else self.bare[low:high]
        start, stop = self.start + low, min(self.start + high, self.stop)
        return dataclasses.replace(
            self, start=start, stop=stop, weights=weights, area=area, bare=bare
        )

    def compact(self) -> Block:
        """The same rows in a table, and with members, of only what they need."""
        if len(self) == len(self.base):
            return self
        needed = made = np.arange(self.start, self.stop)
        for link in reversed(self.links):
            partners = [
                self.partners[option.name][needed] for option in link.steps if option.slots > 1
            ]
            needed = np.unique(np.concatenate([needed, *(each.ravel() for each in partners)]))
        rows = np.concatenate([made, np.setdiff1d(needed, made)])
        place = np.zeros(len(self.base), np.int64)  # what is not in the new table is never used
        place[rows] = np.arange(len(rows))
        members, base = np.unique(self.base[rows], return_inverse=True)
        return dataclasses.replace(
            self,
            members=self.members[members],
            base=base.astype(np.int64),
            partners={name: place[values[rows]] for name, values in self.partners.items()},
            draws={name: values[rows] for name, values in self.draws.items()},
            spared={name: values[rows] for name, values in self.spared.items()},
            out_rows=self.out_rows[rows],
            unmet=None if self.unmet is None else self.unmet[rows],
            start=0,
            stop=len(made),
        )

    def _joined(self, link: Link, state: Ints) -> Ints:
        """(t, S) what each row is made of after a link, from what it was before it."""
        if link.slots == 1:
            return state
        width = state.shape[1]
        joined = np.full((len(state), width * link.slots), NO_SOURCE)
        joined[:, :width] = state
        took = self.took(link)
        for number, option in enumerate(link.options):
            if option is not None and option.slots > 1:
                rows = np.flatnonzero(took == number)
                partner = self.partners[option.name][rows]
                taken = np.where((partner == rows[:, None])[:, :, None], NO_SOURCE, state[partner])
                end = width * option.slots
                joined[rows, width:end] = taken.reshape(len(rows), end - width)
        return joined

    def _partner_rows(self, link: Link, option: Option) -> Ints:
        chosen = self.partners[option.name][self.made]
        itself = chosen == np.arange(self.start, self.stop)[:, None]
        partner = np.where(itself, NO_SOURCE, self.out_rows[chosen])
        if link.choice:
            number = link.options.index(option)
            partner[self.took(link)[self.made] != number] = NO_SOURCE
        return partner
