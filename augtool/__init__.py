"""augtool turns a labelled image data set into a mixed one, offline.

    >>> import augtool
    >>> job = augtool.Job("data/", "mixed.h5", augtool.Recipe((augtool.step("cutmix", alpha=1.0),)))
    >>> summary = augtool.run(job)  # doctest: +SKIP
    >>> mixed = augtool.open("mixed.h5")  # doctest: +SKIP

Names are imported when they are first used, so that ``import augtool`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augtool.errors import AugtoolError as AugtoolError
    from augtool.job import Job as Job
    from augtool.mixing.in_memory import cutmix as cutmix
    from augtool.outputs.output import Output as Output
    from augtool.outputs.output import open as open
    from augtool.pipeline.summary import Summary as Summary
    from augtool.recipe.recipe import Reading as Reading
    from augtool.recipe.recipe import Recipe as Recipe
    from augtool.recipe.recipe import step as step
    from augtool.run import run as run

_HOME = {
    "AugtoolError": "errors",
    "cutmix": "mixing.in_memory",
    "open": "outputs.output",
    "Job": "job",
    "Output": "outputs.output",
    "Reading": "recipe.recipe",
    "Recipe": "recipe.recipe",
    "Summary": "pipeline.summary",
    "run": "run",
    "step": "recipe.recipe",
}
__all__ = [
    "AugtoolError",
    "Job",
    "Output",
    "Reading",
    "Recipe",
    "Summary",
    "cutmix",
    "open",
    "run",
    "step",
]


class _Package(ModuleType):
    """Keeps ``augtool.run`` the function when the module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'augtool' has no attribute {name!r}")
    return getattr(import_module(f"augtool.{_HOME[name]}"), name)
