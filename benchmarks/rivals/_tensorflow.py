"""tensorflow, quietly. As a program, this module only tries the import."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def load() -> Any:
    """tensorflow, without its remarks on the machine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    return import_module("tensorflow")


def why_not() -> str | None:
    """Why tensorflow cannot be raced against; None when it can."""
    if find_spec("tensorflow") is None:
        return "tensorflow not installed"
    command = (sys.executable, "-m", __name__)
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    last = (tried.stderr.strip() or f"exit {tried.returncode}").splitlines()[-1]
    return f"cannot be imported: {last}"


if __name__ == "__main__":
    load()
