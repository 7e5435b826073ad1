"""The bound of a folder job: the JPEGs of ``FOLDER`` read and decoded by two processes.

The decoder is augtool's. Files are listed before the pass, and every image goes into the same
memory: nothing is checked, mixed or written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import simplejpeg

from benchmarks import data
from benchmarks.rivals import _processes

_PORTION = 256


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    files = [(os.fsencode(file), file.stat().st_size) for _, file in data.files_by_class(folder)]
    height, width, _, _ = simplejpeg.decode_jpeg_header(_content(*files[0]))

    def work(portions: Iterator[int]) -> None:
        out = np.empty((height, width, 3), np.uint8)
        for number in portions:
            for name, size in files[number * _PORTION : (number + 1) * _PORTION]:
                simplejpeg.decode_jpeg(_content(name, size), "RGB", buffer=out)

    seconds = _processes.timed(work, -(-len(files) // _PORTION))
    click.echo(json.dumps({"seconds": seconds}))


def _content(name: bytes, size: int) -> bytes:
    handle = os.open(name, os.O_RDONLY)
    try:
        return os.read(handle, size)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
