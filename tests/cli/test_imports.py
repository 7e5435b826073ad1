"""What asking for help costs: the heavy packages are loaded when there is work for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"numba", "h5py", "numpy", "PIL", "tqdm", "simplejpeg", "llvmlite", "multiprocessing"}
PROGRAM = """
import contextlib, io, json, sys
{do}
print(json.dumps(sorted(set(sys.modules))))
"""
COMMAND = """
from augtool_cli.main import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main({arguments!r})
"""


def loaded(do: str) -> set[str]:
    program = [sys.executable, "-c", PROGRAM.format(do=do)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["cutmx"], ["plan"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(COMMAND.format(arguments=arguments)) == set()


@pytest.mark.parametrize("arguments", [["inspect", "--help"], ["preview", "--help"]])
def test_help_of_a_command_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(COMMAND.format(arguments=arguments)) == set()


@pytest.mark.parametrize("arguments", [["cutmix", "--help"], ["plan", "cutmix", "--help"]])
def test_help_of_a_method_loads_numpy_at_most(arguments: list[str]) -> None:
    assert loaded(COMMAND.format(arguments=arguments)) <= {"numpy"}


def test_the_library_loads_nothing_heavy_until_it_is_used() -> None:
    assert loaded("import augtool") == set()
    assert loaded("import augtool; augtool.Recipe; augtool.AugtoolError") == set()
