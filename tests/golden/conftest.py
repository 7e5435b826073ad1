"""The inputs that the tests here share."""

from __future__ import annotations

from pathlib import Path

import golden_inputs
import pytest


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inputs of `golden_inputs`; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("golden")
    golden_inputs.make(folder)
    return folder
