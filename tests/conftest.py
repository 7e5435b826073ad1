"""Small inputs that many tests share."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import settings

from augtool import kernels
from augtool.engines import open_engine
from augtool.engines.processes import warm_up
from augtool.job import Job
from augtool.outputs import output
from augtool.recipe.recipe import Reading, Recipe, step

# Other processes take their time. The suite is the same each time it runs; ``--hypothesis-profile
# random`` looks further.
settings.register_profile("random", deadline=None)
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread the whole suite over the processors; some files, or ``-n 0``, stay in one process.

    Not in ``addopts``, where it would forbid ``-p no:xdist``.
    """
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    unsaid = getattr(config.option, "numprocesses", 0) is None and config.option.dist == "no"
    if whole and unsaid and not hasattr(config, "workerinput"):
        config.option.numprocesses = "auto"
        config.option.dist = "worksteal"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Have every kernel in the cache before the processes of the suite begin: modules of tests
    import kernels, so that each process would compile them all. An error comes again there."""
    files = Path(kernels.__path__[0]).glob("[!_]*.py")
    largest_first = sorted(files, key=lambda file: file.stat().st_size, reverse=True)
    with ThreadPoolExecutor(len(specs)) as compilers:
        for file in largest_first:
            command = [sys.executable, "-c", f"import augtool.kernels.{file.stem}"]
            compilers.submit(subprocess.run, command, check=False)


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> None:
    """Start the fork server with the kernels in it, as the command line does."""
    warm_up(("paste",))
    with open_engine(1) as engine:
        engine.submit(os.getpid).result()


@pytest.fixture
def owners(tmp_path: Path) -> Callable[..., Path]:
    """Make an HDF5 file whose image i is i everywhere, so that a pixel says where it came from."""

    def make(n: int = 330, size: tuple[int, int] = (9, 14), classes: int = 7) -> Path:
        path = tmp_path / f"owners-{n}-{size[0]}x{size[1]}.h5"
        rows = np.arange(n, dtype=np.uint16)
        with h5py.File(path, "w") as file:
            file["images"] = np.broadcast_to(rows[:, None, None, None], (n, *size, 3))
            file["labels"] = rows.astype(np.int64) * classes // n
        return path

    return make


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Make a job with small blocks that runs in this process."""

    def make(source: Path | str, output: str = "mixed.h5", **given: Any) -> Job:
        params = given.pop("params", {})
        run_options = {
            name: given.pop(name)
            for name in ("workers", "compression", "on_error", "overwrite", "task_blocks")
            if name in given
        }
        recipe = Recipe(
            (step("cutmix", **params),),
            reading=given.pop("reading", Reading()),
            block_rows=given.pop("block_rows", 64),
            **given,
        )
        return Job(str(source), str(tmp_path / output), recipe, **{"workers": 0, **run_options})

    return make


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run the installed command in this process: (exit code, stdout, stderr). Outputs are looked
    at here, too, where the command has a child process for it, which takes a while."""
    from importlib.metadata import entry_points

    monkeypatch.setattr(output, "isolated", lambda function, *args: function(*args))
    (point,) = entry_points(group="console_scripts", name="augtool")
    main = point.load()

    def run(*arguments: object) -> tuple[int, str, str]:
        with _signal_handlers_kept(), pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, out, err

    return run


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
