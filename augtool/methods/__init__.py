"""The mixing methods, one file each; `_contract` says what a method is."""

from __future__ import annotations

from typing import Any, cast

from augtool import registry
from augtool.methods._contract import Method, Slots


def names() -> tuple[str, ...]:
    """The names of all methods, sorted."""
    return registry.names("methods")


def load(name: str) -> Method:
    """The method of this name. Raises `UsageError`, with the nearest name, when there is none."""
    return cast(Method, registry.load("methods", name))


def slots_of(name: str, params: Any) -> int:
    """How many source rows one output row of the method of this name is made of."""
    method = load(name)
    return method.slots(params) if isinstance(method, Slots) else method.SLOTS
