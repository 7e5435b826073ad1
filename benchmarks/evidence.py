"""``python -m benchmarks.evidence --data cifar10``: train on augtool's rows.

A list of runs, one after the other. Each is a process with one thread; what has its result file
in ``benchmarks/evidence/`` is not run again, and a run that was stopped goes on after its last
epoch while ``--scratch`` is kept. docs/evidence.md is made from the results: ``python
docs/make.py``. Needs ``pip install -e ".[evidence]"``.
"""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "evidence"
_CIFAR = ROOT / "examples" / "train_cifar10.py"
_FEATURES = ROOT / "examples" / "feature_mix.py"
_TABLES = Path(__file__).resolve().parent / "small_tables.py"
_ALPHAS = ("0.1", "0.25", "0.5", "1", "2", "4")
_LAYERS = ("image", "conv1", "stage1", "stage2", "stage3")


@dataclass(frozen=True)
class Arm:
    """One of the ways of training that a table compares: a script's own options.

    ``alone`` arms are run with the first seed only.
    """

    name: str
    options: tuple[str, ...]
    script: Path = _CIFAR
    alone: bool = False


@dataclass(frozen=True)
class Table:
    """A comparison: each arm is trained once with each seed, and compared with ``against``.

    ``common`` options go to all arms; arms of a seed begin with one state.
    """

    number: int
    title: str
    common: tuple[str, ...]
    arms: tuple[Arm, ...]
    against: str
    seeds: int = 3


@dataclass(frozen=True)
class Run:
    """One training: an arm of a table with a seed."""

    table: Table
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """What its files are called: ``1-none-shuffled-0``."""
        return f"{self.table.number}-{self.arm.name}-{self.seed}"

    @property
    def result(self) -> Path:
        """The file with its figures, a line an epoch."""
        return RESULTS / f"{self.name}.csv"

    def command(self, data: str, scratch: str) -> list[str]:
        """What is run."""
        where = f"{scratch}/{self.name}"
        return [
            *("python", str(self.arm.script.relative_to(ROOT)), "--data", data),
            *self.table.common,
            *self.arm.options,
            *("--seed", str(self.seed), "--threads", "1"),
            *("--initial", f"{scratch}/initial-{self.seed}.pt"),
            *("--scratch", f"{scratch}/rows", "--out", where),
        ]


def _arm(name: str, options: str, script: Path = _CIFAR, alone: bool = False) -> Arm:
    return Arm(name, tuple(shlex.split(options)), script, alone)


_SMALL = ("--recipe", "usual", "--rows", "5000", "--epochs", "150")

TABLES = (
    Table(
        1,
        "How much of the Keras example's gain is CutMix, and how much is the order of the rows?",
        ("--recipe", "keras", "--epochs", "15"),
        (
            _arm("none-shuffled", "--method none"),
            _arm("none-fixed", "--method none --order fixed"),
            _arm("cutmix-shuffled", "--method 'cutmix alpha=0.25'"),
            _arm("cutmix-fixed", "--method 'cutmix alpha=0.25' --order fixed"),
        ),
        "none-fixed",
    ),
    Table(
        2,
        "How many copies are as good as fresh rows each epoch?",
        (),
        (
            *(
                _arm(f"copies-{copies}", f"{shlex.join(_SMALL)} --copies {copies}")
                for copies in ("1", "2", "5", "15", "fresh")
            ),
            _arm("online", f"{shlex.join(_SMALL)} --method none --online 1"),
            _arm("none", f"{shlex.join(_SMALL)} --method none"),
            *(
                _arm(f"whole-{copies}", f"--recipe usual --epochs 15 --copies {copies}", alone=True)
                for copies in ("1", "5", "fresh")
            ),
        ),
        "copies-fresh",
    ),
    Table(
        3,
        "Methods side by side",
        _SMALL,
        (
            _arm("none", "--method none"),
            _arm("cutout", "--method cutout"),
            _arm("erase", "--method erase"),
            _arm("gridmask", "--method 'gridmask preset=\"cifar\"'"),
            _arm("mixup", "--method mixup"),
            _arm("cutmix", "--method cutmix"),
            _arm("smoothing", "--method none --label-smoothing 0.1"),
            _arm("cutout-smoothing", "--method cutout --label-smoothing 0.1"),
            _arm("mixup-cutout", "--method mixup cutout"),
            _arm("mixup-erase", "--method mixup erase"),
            _arm("crop-flip-mixup", "--method crop flip mixup --still"),
        ),
        "none",
    ),
    Table(
        4,
        "How strongly to mix",
        _SMALL,
        (
            *(_arm(f"cutmix-{alpha}", f"--method 'cutmix alpha={alpha}'") for alpha in _ALPHAS),
            *(
                _arm(f"mixup-{alpha}", f"--method 'mixup alpha={alpha}'")
                for alpha in ("0.2", "0.5", "1")
            ),
        ),
        "cutmix-1",
    ),
    *(
        Table(
            5,
            "Wrong labels",
            (*_SMALL, "--label-noise", share),
            tuple(
                _arm(f"noise{share}-{name}", f"--method {method}")
                for name, method in (
                    ("none", "none"),
                    ("mixup-8", "'mixup alpha=8'"),
                    ("mixup-32", "'mixup alpha=32'"),
                    ("cutmix", "cutmix"),
                )
            ),
            f"noise{share}-none",
        )
        for share in ("0.2", "0.5", "0.8")
    ),
    Table(
        6,
        "mixup on small tables of numbers",
        (),
        tuple(
            _arm(f"{data}-{name}", f"--table {data} --seeds 20 {mixing}", _TABLES)
            for data in ("iris", "wine", "breast_cancer")
            for name, mixing in (("none", ""), ("mixup", "--alpha 0.2"))
        ),
        "",
        seeds=1,  # each run has 20
    ),
    Table(
        8,
        "Mixing features, and other ways to mix images",
        _SMALL,
        (
            *(_arm(f"features-{layer}", f"--layer {layer}", _FEATURES) for layer in _LAYERS),
            *(
                _arm(name, f"--method {name}")
                for name in ("cutmix", "fmix", "resizemix", "saliencymix", "smoothmix", "jigsaw")
            ),
        ),
        "cutmix",
    ),
)


def runs(tables: Sequence[int] = ()) -> Iterator[Run]:
    """All runs in order: table by table, and in a table seed by seed, so that each seed that is
    done is a whole comparison."""
    for number, group in itertools.groupby(TABLES, lambda table: table.number):
        if tables and number not in tables:
            continue
        several = list(group)
        for seed in range(max(table.seeds for table in several)):
            for table in several:
                for arm in table.arms:
                    if seed < (1 if arm.alone else table.seeds):
                        yield Run(table, arm, seed)


def train(run: Run, data: Path, scratch: Path) -> bool:
    """Do a run, or what is left of it; whether its result is there."""
    scratch.mkdir(parents=True, exist_ok=True)
    command = run.command(str(data), str(scratch))
    limits = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    with (scratch / f"{run.name}.log").open("a", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, *command[1:]],
            cwd=ROOT,
            env={**os.environ, **limits},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode == 0:
        RESULTS.mkdir(exist_ok=True)
        unfinished = run.result.with_suffix(".part")
        shutil.copyfile(scratch / run.name / "log.csv", unfinished)
        unfinished.replace(run.result)
    return done.returncode == 0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="CIFAR-10 as images: train/ and test/, each with one folder per class.",
)
@click.option(
    "--scratch",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()) / "augtool-evidence",
    help="Where mixed rows, and runs that are not finished, are kept.",
)
@click.option("--table", "tables", type=int, multiple=True, help="Only the runs of this table.")
@click.option("--processes", type=click.IntRange(1), default=1, help="Runs side by side.")
@click.option("--list", "only_list", is_flag=True, help="Print what would be run, and run nothing.")
def main(
    data: Path | None, scratch: Path, tables: tuple[int, ...], processes: int, only_list: bool
) -> None:
    """Do the runs that have no result yet, one after the other."""
    waiting = [run for run in runs(tables) if not run.result.exists()]
    if only_list:
        for run in waiting:
            click.echo(shlex.join(run.command(str(data or "DATA"), str(scratch))))
        return
    if data is None:
        raise click.UsageError("--data is missing: name the folder of images to train on")
    where = data.resolve(), scratch.resolve()

    def do(run: Run) -> bool:
        click.echo(f"{run.name}: begins", err=True)
        done = train(run, *where)
        log = where[1] / f"{run.name}.log"
        click.echo(f"{run.name}: {'done' if done else f'FAILED; see {log}'}", err=True)
        return done

    with ThreadPoolExecutor(processes) as pool:
        done = list(pool.map(do, waiting))
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.evidence")
