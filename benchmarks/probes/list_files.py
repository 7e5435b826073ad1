"""Opening an image folder, as a run does before its first task: ``FOLDER``.

Prints the seconds, the rows, the most memory that the process had, in MB, which counts libraries
too, and how often a listener heard of files that were found.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import click

from augtool.recipe.recipe import Reading
from augtool.sources import open_source
from augtool.system import progress


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    heard: list[int] = []
    with tempfile.TemporaryDirectory() as scratch, progress.to(heard.append):
        began = time.perf_counter()
        source = open_source(str(folder), Reading(), Path(scratch))
        seconds = time.perf_counter() - began
    figures = {"seconds": seconds, "rows": source.n, "peak_MB": _peak(), "heard": len(heard)}
    click.echo(json.dumps(figures))


def _peak() -> float:
    """The most memory that this program had at a time, in MB. What `resource` tells counts that of
    the process that started it."""
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
