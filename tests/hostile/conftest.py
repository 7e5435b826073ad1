"""Real processes over hostile inputs, and the builder of these."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_CORPUS = Path(__file__).parent / "corpus.py"
_PROGRAM = """
import resource, sys
{before}
from augtool_cli.main import main
try:
    main()
finally:
    from multiprocessing import forkserver
    if forkserver._forkserver._forkserver_pid is not None:
        forkserver._forkserver._stop()  # wait for it and its children, so that they count
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds) >> 10
    open({peak!r}, "w").write(str(peak))
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, the lines on stderr, stdout, and the megabytes that it took
    at most."""

    code: int
    lines: list[str]
    out: str
    megabytes: int

    @property
    def said(self) -> str:
        """The only line of an error."""
        (line,) = [line for line in self.lines if not line.startswith("making ")]
        assert line.startswith("augtool: "), line
        assert line.isprintable()
        assert "bug" not in line and "Traceback" not in line
        return line.removeprefix("augtool: ")


@pytest.fixture(scope="session")
def corpus() -> ModuleType:
    """tests/hostile/corpus.py."""
    spec = importlib.util.spec_from_file_location("hostile_corpus", _CORPUS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def augtool(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ended]:
    """Run the command in ``tmp_path`` as a process of its own; ``before`` is a statement that it
    executes first."""
    peak = tmp_path_factory.mktemp("peak") / "megabytes"

    def run(*arguments: object, before: str = "pass", **given: Any) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(before=before, peak=str(peak))]
            + [os.fsdecode(one) if isinstance(one, bytes) else str(one) for one in arguments],
            cwd=tmp_path,
            capture_output=True,
            timeout=100,
            check=False,
            **given,
        )
        err = ended.stderr.decode("utf-8", "backslashreplace")
        assert "Traceback" not in err, err
        out = ended.stdout.decode("utf-8", "backslashreplace")
        return Ended(ended.returncode, err.splitlines(), out, int(peak.read_text()))

    return run
