"""What a result depends on: the machine, its state, and the versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from augtool import versions
from augtool.system import resources

_PEERS = ("torch", "torchvision", "tensorflow", "keras")


def describe() -> dict[str, Any]:
    """The processor, cores and memory that may be used, the system, and the load right now."""
    return {
        "cpu": _cpu_model(),
        "cores": resources.processors(),
        "free_memory_gb": round(resources.free_memory() / 1e9, 1),
        "system": platform.platform(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def package_versions() -> dict[str, str]:
    """Of Python, of augtool and what it stands on, and of the peers."""
    known = versions.report()
    packages = {name: known[name] for name in known if name not in ("system", "machine")}
    return {**packages, **{name: _version(name) for name in _PEERS}}


def _version(name: str) -> str:
    """tensorflow may be installed under another name, such as tensorflow-cpu."""
    known = (versions.of(each) for each in (name, f"{name}-cpu"))
    return next((one for one in known if one != "absent"), "absent")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
