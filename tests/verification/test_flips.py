"""A change of a single byte that anyone could notice is found by `augtool verify`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

RUNS = 10  # 200 by hand: python tests/verification/flips.py --runs 200


@pytest.mark.filterwarnings("ignore:.*multi-threaded")  # of a fork, since Python 3.12
@pytest.mark.parametrize("name", ["out.h5", "npy", "out.tar", "out.parquet"])
def test_every_changed_byte_that_alters_an_output_is_found(name: str, tmp_path: Path) -> None:
    script = _script()
    flips = list(script.flips(script.made(tmp_path, name), RUNS, seed=7))
    assert [one for one in flips if one.altered and not one.found] == []
    assert sum(one.altered for one in flips) == RUNS


def _script() -> ModuleType:
    path = Path(__file__).with_name("flips.py")
    spec = importlib.util.spec_from_file_location("flips", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["flips"] = module  # as dataclasses need it
    spec.loader.exec_module(module)
    return module
