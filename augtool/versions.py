"""The versions that a result depends on."""

from __future__ import annotations

import platform
import re
import sys
import zlib
from pathlib import Path

ENCODERS = ("numpy", "h5py", "pillow", "simplejpeg")
_ALL = ("augtool", "click", "numpy", "numba", "llvmlite", "h5py", "pillow", "simplejpeg", "tqdm")


def of(package: str) -> str:
    """The installed version, or "absent".

    Taken from where installers put it: importing what parses all of it takes as long as a tenth of
    a small run.
    """
    for place in sys.path:
        for file in Path(place).glob(f"{package}-*.dist-info/METADATA"):
            found = re.search(r"^Version: (\S+)$", file.read_text("utf-8", "replace"), re.MULTILINE)
            if found is not None:
                return found[1]
    return _asked_for(package)


def _asked_for(package: str) -> str:
    """For what is installed in another way, such as in a zip or by an old tool."""
    from importlib.metadata import PackageNotFoundError, version

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
