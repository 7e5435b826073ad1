"""Jobs that are worth killing, and what is left of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROWS, BLOCK_ROWS, COPIES = 2048, 64, 3
PROGRAM = "from augtool_cli.main import main; main()"
FORMS: dict[str, tuple[str, ...]] = {
    "h5": ("mixed.h5",),
    "h5-gzip": ("mixed.h5", "--compression", "gzip:1"),
    "h5-shards": ("mixed", "--format", "h5", "--shards", "5"),
    "h5-gzip-shards": ("mixed", "--format", "h5", "--shards", "5", "--compression", "gzip:1"),
    "npy": ("mixed", "--format", "npy"),
    "npz": ("mixed.npz",),
    "tar": ("mixed.tar",),
    "tar-shards": ("mixed", "--format", "tar", "--shards", "5"),
    "parquet": ("mixed.parquet",),
    "parquet-shards": ("mixed", "--format", "parquet", "--shards", "5"),
    "folder": ("mixed", "--format", "folder"),
}


@dataclass(frozen=True)
class Place:
    """A folder with a source and a recipe of many small blocks, where jobs are run."""

    folder: Path

    @property
    def journal(self) -> Path | None:
        """That of the job that was run here, if it is there."""
        return next(self.folder.glob(".mixed*.augtool/journal"), None)

    def outputs(self) -> list[Path]:
        """All final names."""
        return [*self.folder.glob("mixed*")]

    def clear(self) -> None:
        """Remove the output."""
        for path in self.outputs():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def contents(self) -> dict[str, str]:
        """sha256 of each file of the output."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for root in self.outputs()
            for path in sorted(root.rglob("*") if root.is_dir() else [root])
            if path.is_file()
        }

    def command(self, form: str, workers: int, *more: str) -> list[str]:
        """The command line of a job, without Python."""
        name, *options = FORMS[form]
        recipe = ("mix", "--recipe", "recipe.toml", "--in", "in", "--out", name)
        return [*recipe, *options, "--workers", str(workers), "--resume", *more]

    def start(
        self, form: str, workers: int, before: Sequence[str] = (), program: str = PROGRAM
    ) -> subprocess.Popen[str]:
        """Start a job in a session of its own, by another program if ``before`` is one."""
        return subprocess.Popen(
            [*before, sys.executable, "-c", program, *self.command(form, workers)],
            cwd=self.folder,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def place_in(folder: Path, rows: int = ROWS) -> Place:
    """A place with rows of noise, ten classes, and blocks of 64 rows."""
    rng = np.random.default_rng(5)
    (folder / "in").mkdir()
    np.save(folder / "in" / "x_train.npy", rng.integers(0, 256, (rows, 24, 40, 3), np.uint8))
    np.save(folder / "in" / "y_train.npy", np.arange(rows) % 10)
    (folder / "recipe.toml").write_text(
        f"block_rows = {BLOCK_ROWS}\ncopies = {COPIES}\n"
        '[[steps]]\nmethod = "flip"\n[[steps]]\nmethod = "fmix"\n'  # it takes its time
    )
    return Place(folder)


def members(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, _group, its = path.read_text().rpartition(")")[2].split()[:4]
            if int(its) == session and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def end(run: subprocess.Popen[str]) -> None:
    """Leave nothing of a session running, whatever went wrong."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    if run.stderr is not None:
        run.stderr.close()
