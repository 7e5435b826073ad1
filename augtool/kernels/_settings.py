"""numba's settings: those of the environment, and none of the folder that a command is started in.

numba reads ``.numba_config.yaml`` there, beside somebody's data: it may have it print to stdout, or
keep its cache elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FILE = Path(".numba_config.yaml")


@contextlib.contextmanager
def of_no_file() -> Iterator[None]:
    """``with of_no_file(): import numba``. Where the caller has imported numba, or there is no such
    file, nothing is done."""
    if "numba" in sys.modules or not _FILE.exists():
        yield
        return
    modules: dict[str, Any] = sys.modules
    yaml = modules.get("yaml")
    modules["yaml"] = None  # cannot be imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that yaml cannot be imported
            yield
    finally:
        del modules["yaml"]
        if yaml is not None:
            modules["yaml"] = yaml
    modules["numba.core.config"].__dict__["_config_fname"] = os.devnull  # for when it looks again
