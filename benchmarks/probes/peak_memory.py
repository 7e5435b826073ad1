"""The anonymous memory of the processes of a command: ``IMAGES COMMAND…``.

Prints the most that one process had at a time, in MB, and that without 300 bytes an image, which
the listing and the targets may take. Looked at every few milliseconds, in /proc.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from pathlib import Path

import click

_EVERY = 0.01
_ROW_BYTES = 300


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("images", type=int)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def main(images: int, command: tuple[str, ...]) -> None:
    began, most = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as job:
        while job.poll() is None:
            most = max([most, *map(_anonymous, _family(job.pid))])
            time.sleep(_EVERY)
        told = json.loads(job.stdout.read()) if job.stdout and job.returncode == 0 else None
    if told is None:
        raise SystemExit(f"exit {job.returncode}")
    peak = most / 1e6
    beyond = peak - images * _ROW_BYTES / 1e6
    figures = {"seconds": told["seconds"], "command_seconds": time.perf_counter() - began}
    click.echo(json.dumps({**figures, "peak_MB": peak, "peak_MB_beyond_rows": beyond}))


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                children = (task / "children").read_text()
                found.extend(map(int, children.split()))
    return found


def _anonymous(pid: int) -> int:
    """Bytes of memory that no file is behind; none when the process has ended."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
