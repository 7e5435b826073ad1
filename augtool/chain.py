"""The steps of a recipe as links of a chain: their names, and what they do to who owns a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from augtool import methods
from augtool.methods._contract import Column, Measures, Method, Remaps
from augtool.recipe import Choice, Step

CHOICE = "choice"


@dataclass(frozen=True)
class Option:
    """A step under the name that its columns and streams have: ``cutmix``, then ``cutmix2``."""

    name: str
    step: Step

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
        return {"name": self.name, "step": self.step}  # a module cannot be pickled


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

    def option(one: Step) -> Option:
        return Option(named(one.method), one)

    return tuple(
        Link(
            tuple(None if each is None else option(each) for each in one.steps),
            one.weights,
            named(CHOICE),
        )
        if isinstance(one, Choice)
        else Link((option(one),))
        for one in steps
    )


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


def blends(links: Sequence[Link]) -> bool:
    """Whether a pixel can have several owners."""
    return any(option.method.OWNERS == "blended" for link in links for option in link.steps)


def kernels_of(steps: Sequence[Step | Choice], *, by_objects: bool = False) -> tuple[str, ...]:
    """The names of the kernels that a recipe's steps call, and those of owners where they are
    followed; ``by_objects`` when objects are weighed."""
    links = links_of(steps)
    names = [name for link in links for option in link.steps for name in option.method.KERNELS]
    owners = ("owners",) if by_objects or is_tracked(links) else ()
    return tuple(dict.fromkeys((*names, *owners)))
