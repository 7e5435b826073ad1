"""Real faults, by real processes: ``python -m pytest -m faults tests/faults``.

``--runs N`` kills so many runs in all, ``--fault-seed S`` draws the same faults again.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many faults, and which."""
    parser.addoption("--runs", type=int, default=44, help="kills of each kind, in all")
    parser.addoption("--fault-seed", type=int, default=None, help="what the faults are drawn by")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A run that does not ask for them neither takes the time nor reports them as skipped."""
    del collection_path
    return None if config.getoption("markexpr") == "faults" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here are of this group."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("faults")


def pytest_configure(config: pytest.Config) -> None:
    """Draw what is not given, for all processes of the tests."""
    if config.getoption("--fault-seed") is None:
        config.option.fault_seed = random.SystemRandom().randrange(1 << 32)


def pytest_report_header(config: pytest.Config) -> str:
    """What to give to draw the same faults again."""
    return f"faults are drawn by --fault-seed {config.getoption('--fault-seed')}"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where the system forbids all faults, nothing was tested: that is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and exitstatus == 0 and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
