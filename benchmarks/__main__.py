"""``python -m benchmarks``: the table, or JSON, on stdout; what is going on, on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks import data, host, measure, report, rows, written
from benchmarks._contract import Setting
from benchmarks.rivals import _tensorflow, _torchvision

_RUNS, _QUICK_RUNS = 5, 2
_KEPT = "augtool-benchmark-data"  # in the user's scratch folder
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    "folders",
    type=_FOLDER,
    multiple=True,
    help="Class folders of your own JPEGs, for the folder jobs: small ones of one size, or photos "
    "of several sizes. Can be given twice.",
)
@click.option("--peers", is_flag=True, help="Race against other libraries too.")
@click.option("--only", multiple=True, type=click.Choice(rows.names()), help="Only this row.")
@click.option("--json", "as_json", is_flag=True, help="JSON with every sample, not a table.")
@click.option(
    "--quick", is_flag=True, help="Smaller jobs and fewer runs: 2 minutes, or 5 with --peers."
)
@click.option("--runs", type=click.IntRange(1), help=f"[default: {_RUNS}; quick: {_QUICK_RUNS}]")
@click.option("--images", type=click.IntRange(2), help="Images in each job.  [default: the row's]")
@click.option(
    "--scratch", type=_FOLDER, help="Where outputs go for the while, and made data for good."
)
@click.option(
    "--write",
    "page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put the results into this page, as docs/benchmarks.md, with plots and samples beside "
    "it. Rows that are not run keep theirs.",
)
def main(
    folders: tuple[Path, ...],
    peers: bool,
    only: tuple[str, ...],
    as_json: bool,
    quick: bool,
    runs: int | None,
    images: int | None,
    scratch: Path | None,
    page: Path | None,
) -> None:
    """Race augtool against the bound of this machine and against other libraries."""
    runs = runs or (_QUICK_RUNS if quick else _RUNS)
    setup = {**host.describe(), "runs": runs, "versions": host.package_versions()}
    if not as_json:
        click.echo(_heading(setup))
    measured, failed = [], False
    given = tuple(data.look_at(folder.resolve()) for folder in folders)
    there = _peers() if peers else None
    with _folders(scratch) as (kept, outputs):
        setting = Setting(kept, outputs, quick, images, given, there)
        for name in only or rows.names():
            one = _run_row(name, setting, runs)
            failed = failed or "failed" in one
            measured.append({**one, "setup": setup})
            if not as_json:
                click.echo(f"\n{one['table']}")
            if page is not None:  # after each: what is done stays when the rest is not
                written.write(page, measured)
    if as_json:
        click.echo(json.dumps({**setup, "rows": measured}, ensure_ascii=False, indent=2))
    sys.exit(int(failed))


def _run_row(name: str, setting: Setting, runs: int) -> dict[str, Any]:
    began = time.perf_counter()

    def tell(what: str) -> None:
        click.echo(f"{name}: {what} ({time.perf_counter() - began:.0f} s)", err=True)

    tell("making data")
    try:
        race = rows.load(name)(setting)
        results = measure.run(race, min(runs, race.most_runs or runs), setting.outputs, tell)
    except measure.CommandFailedError as error:
        tell(f"failed: {error}")
        return {"name": name, "failed": str(error), "table": f"{name}: failed: {error}"}
    return {**report.as_data(name, race, results), "seconds": time.perf_counter() - began}


def _peers() -> dict[str, str | None]:
    click.echo("looking for peers", err=True)
    return {"torchvision": _torchvision.why_not(), "tensorflow": _tensorflow.why_not()}


@contextlib.contextmanager
def _folders(scratch: Path | None) -> Iterator[tuple[Path, Path]]:
    """A folder for data, which stays if the user says where, and one for outputs."""
    with tempfile.TemporaryDirectory(prefix="augtool-", dir=scratch) as folder:
        temporary = Path(folder).resolve()
        kept = scratch.resolve() / _KEPT if scratch else temporary / "data"
        outputs = temporary / "outputs"
        kept.mkdir(exist_ok=True)
        outputs.mkdir()
        yield kept, outputs


def _heading(setup: dict[str, Any]) -> str:
    load = " ".join(map(str, setup["load"]))
    return (
        f"{setup['cpu']}, {setup['cores']} cores, load {load}, {setup['system']}\n"
        f"{written.versions_of(setup)}\n"
        f"medians of {setup['runs']} alternating runs after one warm-up (least–greatest)"
    )


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
