"""Run a fuzz target by atheris: ``pip install atheris``, then ``python tests/fuzz/fuzz_tar.py``.

Options go to libFuzzer: ``-max_total_time=300``, ``-runs=100000``. What breaks a promise is written
to ``crash-…`` in the working directory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def fuzz(name: str) -> None:
    """Feed the target ``name`` until it breaks or time is up."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["augtool", "tarfile", "zipfile", "numpy.lib"]):
        import targets  # type: ignore[import-not-found]

    call = targets.checked(name)
    with tempfile.TemporaryDirectory() as folder:
        targets.seeds(name, Path(folder))
        atheris.Setup([*sys.argv, folder, "-max_len=20000"], call)
        atheris.Fuzz()
