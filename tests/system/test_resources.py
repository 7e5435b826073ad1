"""How many workers a machine takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from augtool.system import resources


@pytest.mark.parametrize(
    ("cpu_max", "expected"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_the_containers_quota_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu_max: str, expected: int
) -> None:
    (tmp_path / "cpu.max").write_text(cpu_max)
    monkeypatch.setattr(resources, "_CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(
        resources.os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False
    )
    assert resources.processors() == expected


def test_the_quota_of_an_older_container_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text("300000")
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    monkeypatch.setattr(resources, "_CPU_MAX", tmp_path / "missing")
    monkeypatch.setattr(resources, "_CFS", tmp_path)
    monkeypatch.setattr(
        resources.os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False
    )
    assert resources.processors() == 3


def test_affinity_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_quota", lambda: float("inf"))
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda _pid: {3}, raising=False)
    assert resources.processors() == 1


def test_little_memory_means_fewer_workers_but_never_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "processors", lambda: 16)
    monkeypatch.setattr(resources, "_container_room", lambda: None)
    monkeypatch.setattr(resources, "_MEMINFO", tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1048576 kB\n")
    assert resources.workers_for(block_bytes=64 << 20) == 3
    (tmp_path / "meminfo").write_text("MemAvailable: 1 kB\n")
    assert resources.workers_for(block_bytes=64 << 20) == 1


def test_a_containers_memory_limit_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "max").write_text("1000000")
    (tmp_path / "now").write_text("400000")
    monkeypatch.setattr(resources, "_MEMORY_MAX", tmp_path / "max")
    monkeypatch.setattr(resources, "_MEMORY_NOW", tmp_path / "now")
    assert resources.free_memory() == 600_000
