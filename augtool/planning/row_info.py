"""What sampling has to know of the rows of a source: classes, groups and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from augtool.errors import UsageError
from augtool.params import did_you_mean
from augtool.recipe.sampling import Sampling

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Known:
    """The values of a source's n rows that a `Sampling` needs; None for those that it does not.

    sampling
        With hashes of what files said, and no path.
    classes
        (n,) class ids of the main target; −1 where it is not known.
    names
        What the classes are called.
    groups
        (n,) the number of each row's group.
    weights
        (n,) numbers from 0.
    rows
        (k,) the only rows that take part, rising.
    carried
        (n, …) by key: numbers, booleans, or UTF-8 bytes of fixed length.
    """

    sampling: Sampling
    classes: Ints | None = None
    names: tuple[str, ...] = ()
    groups: Ints | None = None
    weights: Values | None = None
    rows: Ints | None = None
    carried: Mapping[str, Values] = field(default_factory=dict)

    @property
    def keys(self) -> Ints | None:
        """(n,) what pairs are made by."""
        if self.sampling.pair == "any":
            return None
        return self.groups if self.sampling.by_group else self.classes

    def chosen_classes(self) -> Ints:
        """The ids of ``only_classes``. Raises `UsageError` for an unknown one."""
        asked = self.sampling.only_classes or ()
        known = {name: number for number, name in enumerate(self.names)}
        numbers = {str(number): number for number in range(len(self.names))}
        for one in asked:
            if one not in known and one not in numbers:
                raise UsageError(
                    f"only-classes: there is no class {one!r}{did_you_mean(one, self.names)}"
                )
        return np.array([known.get(one, numbers.get(one, 0)) for one in asked], np.int64)
