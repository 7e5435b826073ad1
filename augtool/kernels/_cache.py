"""Where compiled kernels are kept: a folder in the user's cache, named by all they depend on."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

CHOSEN = "NUMBA_CACHE_DIR"


@functools.cache
def folder() -> Path:
    """The folder for these sources, on this processor, with these versions.

    So nothing that is in it can be of other code, which numba, who looks only at the file of a
    kernel, would not notice. Raises `ImportError` without llvmlite or numba, `OSError` when the
    sources cannot be read.
    """
    digest = hashlib.sha256()
    for source in (*sorted(Path(__file__).parent.glob("*.py")), _version_of_numba()):
        digest.update(source.read_bytes())
    for depends_on in (sys.version, *processor(), *_versions()):
        digest.update(repr(depends_on).encode())
    chosen = os.environ.get(CHOSEN)
    root = Path(chosen) if chosen else _of_the_user() / "augtool"
    return root / f"kernels-{digest.hexdigest()[:16]}"


def processor() -> tuple[str, str, str]:
    """What code is made for: the system, the processor and its features, as LLVM names them."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def _versions() -> tuple[str, ...]:
    import llvmlite
    import numpy as np

    return llvmlite.__version__, np.__version__


def _version_of_numba() -> Path:
    """The file that has it: to ask numba is to import it."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        raise ImportError("numba is missing")
    return Path(spec.origin).parent / "_version.py"


def _of_the_user() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
