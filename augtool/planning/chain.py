"""The steps of a recipe as links of a chain: their names, and what they do to who owns a pixel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from augtool import methods
from augtool.errors import UsageError
from augtool.methods._contract import Column, Measures, Method, Remaps
from augtool.recipe.recipe import Choice, Step

CHOICE = "choice"


@dataclass(frozen=True)
class Option:
    """A step under the name that its columns and streams have: ``cutmix``, then ``cutmix2``.

    ``place`` says where it stands in its recipe, "step 2: option 1"; empty when it stands alone.
    """

    name: str
    step: Step
    place: str = ""

    @cached_property
    def method(self) -> Method:
        """The module of its method."""
        return methods.load(self.step.method)

    @cached_property
    def slots(self) -> int:
        """How many rows of the state before it one row is made of."""
        return methods.slots_of(self.step.method, self.step.params)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """What it draws and measures, under the method's own names."""
        return self.method.columns(self.step.params)

    @cached_property
    def measures(self) -> Measures | None:
        """Its method, if that looks at pixels before it can be applied."""
        return self.method if isinstance(self.method, Measures) else None

    @cached_property
    def remaps(self) -> Remaps | None:
        """Its method, if that treats maps unlike pixels."""
        return self.method if isinstance(self.method, Remaps) else None

    def on_maps(self, fill: int) -> Any:
        """The parameters with which the step treats maps of whole numbers."""
        if fill not in self._on_maps:
            params = self.step.params
            remapped = params if self.remaps is None else self.remaps.on_maps(params, str(fill))
            self._on_maps[fill] = remapped
        return self._on_maps[fill]

    @cached_property
    def _on_maps(self) -> dict[int, Any]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        fields = dataclasses.fields(self)  # a module cannot be pickled
        return {field.name: getattr(self, field.name) for field in fields}

    @property
    def described(self) -> str:
        """ "step 2: option 1: cutmix": how messages name it."""
        return f"{self.place}: {self.step.method}" if self.place else self.step.method

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise `UsageError`, with the place of the step, when it cannot mix rows of this shape."""
        try:
            self.method.check_shape(self.step.params, shape)
        except UsageError as error:
            raise UsageError(f"{self.place}: {error}" if self.place else str(error)) from None


@dataclass(frozen=True)
class Link:
    """One place of a chain: each row takes one of ``options``, drawn by ``weights``; None leaves it
    as it is.

    ``choice`` names the link when there is something to choose, and is empty for a plain step.
    """

    options: tuple[Option | None, ...]
    weights: tuple[float, ...] = (1.0,)
    choice: str = ""

    @cached_property
    def steps(self) -> tuple[Option, ...]:
        """The options that do something."""
        return tuple(option for option in self.options if option is not None)

    @cached_property
    def slots(self) -> int:
        """How many rows of the state before it one row is made of, at most."""
        return max((option.slots for option in self.steps), default=1)

    @property
    def measures(self) -> bool:
        """Whether an option looks at pixels before it can be applied."""
        return any(option.measures is not None for option in self.steps)


def links_of(steps: Sequence[Step | Choice]) -> tuple[Link, ...]:
    """The links of a recipe's steps, each step with a name of its own."""
    used: dict[str, int] = {}

    def named(name: str) -> str:
        used[name] = used.get(name, 0) + 1
        return name if used[name] == 1 else f"{name}{used[name]}"

    def options(one: Choice, place: str) -> tuple[Option | None, ...]:
        return tuple(
            None if each is None else Option(named(each.method), each, f"{place}: option {number}")
            for number, each in enumerate(one.steps, start=1)
        )

    def link(one: Step | Choice, place: str) -> Link:
        if isinstance(one, Choice):
            return Link(options(one, place), one.weights, named(CHOICE))
        return Link((Option(named(one.method), one, place if len(steps) > 1 else ""),))

    return tuple(link(one, f"step {number}") for number, one in enumerate(steps, start=1))


def is_chain(links: Sequence[Link]) -> bool:
    """Whether there is more than one step, so that a row is more than its sources and one draw."""
    return len(links) > 1 or bool(links[0].choice)


def layers_of(links: Sequence[Link]) -> tuple[tuple[Link, ...], ...]:
    """The links in runs: each run but the first begins with one that needs the finished rows of the
    whole block, to mix them or to look at them."""
    layers: list[list[Link]] = []
    for link in links:
        if not layers or link.slots > 1 or link.measures:
            layers.append([])
        layers[-1].append(link)
    return tuple(map(tuple, layers))


def is_tracked(links: Sequence[Link]) -> bool:
    """Whether only a map of its pixels' owners says what a row's sources weigh.

    It does not take one for a single mixing link among steps that leave every pixel its owner: its
    own weights are those of the row.
    """
    mixing = sum(link.slots > 1 for link in links)
    loses = any(
        option.method.OWNERS == "moved" and option.remaps is not None
        for link in links
        for option in link.steps
    )
    return mixing > 1 or (mixing == 1 and loses)


def first_blend(links: Sequence[Link]) -> Option | None:
    """The first step after which a pixel can have several owners."""
    steps = (option for link in links for option in link.steps)
    return next((option for option in steps if option.method.OWNERS == "blended"), None)


def blends(links: Sequence[Link]) -> bool:
    """Whether a pixel can have several owners."""
    return first_blend(links) is not None


def kernels_of(steps: Sequence[Step | Choice], *, by_objects: bool = False) -> tuple[str, ...]:
    """The names of the kernels that a recipe's steps call, and those of owners where they are
    followed; ``by_objects`` when objects are weighed."""
    links = links_of(steps)
    names = [name for link in links for option in link.steps for name in option.method.KERNELS]
    owners = ("source_map",) if by_objects or is_tracked(links) else ()
    return tuple(dict.fromkeys((*names, *owners)))
