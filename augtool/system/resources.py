"""What this machine lets a run use: processors and memory, by affinity and container limits."""

from __future__ import annotations

import math
import os
from pathlib import Path

_WORKER_BYTES = 200 << 20  # an interpreter with numba and the decoders, measured
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
_CFS = Path("/sys/fs/cgroup/cpu")
_MEMORY_MAX = Path("/sys/fs/cgroup/memory.max")
_MEMORY_NOW = Path("/sys/fs/cgroup/memory.current")
_MEMINFO = Path("/proc/meminfo")


def workers_for(block_bytes: int) -> int:
    """How many workers can run at once when each holds about twice ``block_bytes`` of pixels."""
    per_worker = _WORKER_BYTES + 2 * block_bytes
    return max(1, min(processors(), free_memory() // per_worker))


def processors() -> int:
    """Processors this process may use: its affinity, and the container's quota rounded up."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _quota())))


def free_memory() -> int:
    """Bytes that can be taken without swapping; a very large number where it is not known."""
    known = [_available(), _container_room()]
    return min(value for value in (*known, 1 << 60) if value is not None)


def _quota() -> float:
    """The container's processor quota (cgroup v2, then v1), or infinity."""
    quota, period = "", ""
    try:
        quota, period = _CPU_MAX.read_text().split()
    except (OSError, ValueError):
        try:
            quota = (_CFS / "cpu.cfs_quota_us").read_text()
            period = (_CFS / "cpu.cfs_period_us").read_text()
        except OSError:
            return math.inf
    try:
        share = int(quota) / int(period)
    except ValueError:  # "max"
        return math.inf
    return share if share > 0 else math.inf


def _available() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _container_room() -> int | None:
    try:
        return max(0, int(_MEMORY_MAX.read_text()) - int(_MEMORY_NOW.read_text()))
    except (OSError, ValueError):
        return None
