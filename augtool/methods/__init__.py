"""The mixing methods, one file each; `_contract` says what a method is."""

from __future__ import annotations

from typing import cast

from augtool import _modules
from augtool.methods._contract import Method


def names() -> tuple[str, ...]:
    """The names of all methods, sorted."""
    return _modules.names("methods")


def load(name: str) -> Method:
    """The method of this name. Raises `UsageError`, with the nearest name, when there is none."""
    return cast(Method, _modules.load("methods", name))
