"""torchvision without its compiled operators.

``transforms.v2`` and ``datasets`` are plain torch and Pillow, but importing them registers fake
versions of the compiled operators, which fails where there are none (a torchvision that was built
for another torch, or for none). With ``torch.library.register_fake`` replaced by a decorator that
returns its function, the import goes through; no operator that is used here is concerned.

To install it: ``pip install torch==2.13.0``, then ``pip install --no-deps torchvision==0.28.0``.
As a program, this module only tries the import.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

BATCH = 128


def load() -> tuple[ModuleType, ModuleType, ModuleType]:
    """torch, torchvision.transforms.v2 and torchvision.datasets."""
    torch = import_module("torch")
    library: Any = import_module("torch.library")
    real = library.register_fake
    library.register_fake = _registers_nothing
    try:
        v2 = import_module("torchvision.transforms.v2")
        return torch, v2, import_module("torchvision.datasets")
    finally:
        library.register_fake = real


def why_not() -> str | None:
    """Why torchvision cannot be raced against; None when it can."""
    missing = [name for name in ("torch", "torchvision") if find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed"
    command = (sys.executable, "-m", __name__)
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    return f"cannot be imported: {tried.stderr.strip().splitlines()[-1]}"


def _registers_nothing(*_: Any, **__: Any) -> Callable[[Any], Any]:
    return lambda function: function


if __name__ == "__main__":
    load()
