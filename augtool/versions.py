"""The versions that a result depends on."""

from __future__ import annotations

import platform
import sys
import zlib
from importlib.metadata import PackageNotFoundError, version

ENCODERS = ("numpy", "h5py", "pillow", "simplejpeg")
_ALL = ("augtool", "click", "numpy", "numba", "llvmlite", "h5py", "pillow", "simplejpeg", "tqdm")


def of(package: str) -> str:
    """The installed version, or "absent"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def recorded() -> dict[str, str]:
    """The versions that matter for an output's bytes, as they are stored in it."""
    return {**{name: of(name) for name in ENCODERS}, "zlib": zlib.ZLIB_RUNTIME_VERSION}


def report() -> dict[str, str]:
    """What a bug report needs: packages, Python, system and machine."""
    return {
        **{name: of(name) for name in _ALL},
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        "system": platform.platform(),
        "machine": platform.machine(),
    }
