"""A source of noise, and outputs made of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import augtool
from augtool.job import Job
from augtool.pipeline.summary import Summary

ROWS = 330


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pixels of noise, two targets and label images."""
    path, rng = tmp_path / "photos.h5", np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file["images"] = rng.integers(0, 256, (ROWS, 9, 14, 3), np.uint8)
        file["labels"] = rng.integers(0, 4, ROWS)
        file["age"] = rng.random((ROWS, 2), np.float32)
        file["ids"] = rng.integers(0, 200, (ROWS, 9, 14), np.uint8)
        for key in ("class_names", "class_names_labels"):
            file.attrs[key] = json.dumps(["airplane", "b/ird", "ship", "", "never"])
    return path


@pytest.fixture
def make(
    photos: Path, job: Callable[..., Job], tmp_path: Path
) -> Callable[..., tuple[Path, Summary]]:
    """Run a job on the photos; its output and summary."""

    def run(output: str, source: Path = photos, **given: Any) -> tuple[Path, Summary]:
        names = {one.name for one in dataclasses.fields(Job)} - {"recipe"}
        options = {name: given.pop(name) for name in names & set(given)}
        made = dataclasses.replace(job(source, output, **given), **options)
        return tmp_path / output, augtool.run(made)

    return run
