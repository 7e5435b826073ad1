"""Readers of other projects, on what augtool writes: ``pip install -e ".[readers]"``, then
``python -m pytest -m readers tests/readers``."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.job import Job
from augtool.recipe.recipe import Recipe, step

ROWS = 150
NAMES = ("airplane", "bird", "ship", "truck")
HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A run that does not ask for them neither imports the readers nor reports them as skipped."""
    del collection_path
    return None if config.getoption("markexpr") == "readers" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here are of this group; what other projects warn of is theirs."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("readers")
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of noise, 9 × 14, of four classes with names."""
    path = tmp_path_factory.mktemp("readers") / "in.h5"
    with h5py.File(path, "w") as file:
        pixels = np.random.default_rng(2).integers(0, 256, (ROWS, 9, 14, 3), dtype=np.uint8)
        file["images"], file["labels"] = pixels, np.arange(ROWS) % len(NAMES)
        file.attrs["class_names"] = json.dumps(NAMES)
    return path


@pytest.fixture(scope="session")
def make(source: Path) -> Callable[..., Path]:
    """An output of the one recipe: ``make("mixed.tar")``, ``make("shards", format="tar")``."""

    def run(name: str, **given: Any) -> Path:
        path = source.parent / name
        if not path.exists():
            recipe = Recipe((step("cutmix"),))
            job = Job(str(source), str(path), recipe, encode="auto", workers=0)
            augtool.run(replace(job, **given))
        return path

    return run


@pytest.fixture(scope="session")
def mixed(make: Callable[..., Path]) -> augtool.Output:
    """The rows that every reader must find, from the HDF5 file."""
    return augtool.open(make("mixed.h5"))


@pytest.fixture
def command(source: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A command line that writes a tar to stdout, for readers that run one."""
    places = str(Path(sys.executable).parent), os.environ["PATH"]
    monkeypatch.setenv("PATH", os.pathsep.join(places))
    return f"augtool cutmix --in {shlex.quote(str(source))} --out - --format tar --quiet"
