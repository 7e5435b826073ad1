"""``python -m benchmarks``: the table, or JSON, on stdout; what is going on, on stderr."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks import host, measure, report, rows
from benchmarks._contract import Setting
from benchmarks.rivals import _torchvision

_RUNS, _QUICK_RUNS = 5, 3
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=_FOLDER, help="Class folders of JPEGs of one size, for folder jobs.")
@click.option("--peers", is_flag=True, help="Race against other libraries too.")
@click.option("--only", multiple=True, type=click.Choice(rows.names()), help="Only this row.")
@click.option("--json", "as_json", is_flag=True, help="JSON with every sample, not a table.")
@click.option("--quick", is_flag=True, help="Smaller jobs and fewer runs.")
@click.option("--runs", type=click.IntRange(1), help=f"[default: {_RUNS}; quick: {_QUICK_RUNS}]")
@click.option("--images", type=click.IntRange(2), help="Images in each job.  [default: the row's]")
@click.option("--scratch", type=_FOLDER, help="Where data and outputs go for the while.")
def main(
    data: Path | None,
    peers: bool,
    only: tuple[str, ...],
    as_json: bool,
    quick: bool,
    runs: int | None,
    images: int | None,
    scratch: Path | None,
) -> None:
    """Race augtool against the bound of this machine and against other libraries."""
    runs = runs or (_QUICK_RUNS if quick else _RUNS)
    there = {"torchvision": _torchvision.why_not()} if peers else None
    setup = {**host.describe(), "runs": runs, "versions": host.package_versions()}
    if not as_json:
        click.echo(_heading(setup))
    measured = []
    for name in only or rows.names():
        with tempfile.TemporaryDirectory(prefix="augtool-", dir=scratch) as folder:
            # Outputs of one row are gone before the next row's data are made.
            resolved = data.resolve() if data else None
            setting = Setting(Path(folder).resolve(), quick, images, resolved, there)
            measured.append(_run_row(name, setting, runs, as_json=as_json))
    if as_json:
        click.echo(json.dumps({**setup, "rows": measured}, ensure_ascii=False, indent=2))


def _run_row(name: str, setting: Setting, runs: int, *, as_json: bool) -> dict[str, Any]:
    def tell(what: str) -> None:
        click.echo(f"{name}: {what}", err=True)

    tell("making data")
    race = rows.load(name)(setting)
    try:
        results = measure.run(race, runs, setting.output, tell)
    except measure.CommandFailedError as error:
        raise click.ClickException(str(error)) from error
    if not as_json:
        click.echo(f"\n{report.as_table(race, results)}")
    return report.as_data(name, race, results)


def _heading(setup: dict[str, Any]) -> str:
    load = " ".join(map(str, setup["load"]))
    packages = ", ".join(f"{name} {version}" for name, version in setup["versions"].items())
    return (
        f"{setup['cpu']}, {setup['cores']} cores, load {load}, {setup['system']}\n{packages}\n"
        f"medians of {setup['runs']} alternating runs after one warm-up (least–greatest)"
    )


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
