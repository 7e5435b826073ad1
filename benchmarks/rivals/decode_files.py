"""The bound of a folder job: the JPEGs of ``FOLDER`` read and decoded by two processes.

The decoder is augtool's. Files are listed before the pass, and every image goes into the same
memory: nothing is checked, mixed or written. With a ``SIDE`` each image is also brought to that
size, cropped to its centre, in the fewest steps that give augtool's pixels: that is augtool's own
function, called for one file after another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import simplejpeg

from benchmarks import data
from benchmarks.rivals import _processes

_PORTION = 256
_FEW = 4  # large files: both processes must be busy to the end


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("side", type=int, default=0)
def main(folder: Path, side: int) -> None:
    files = [(os.fsencode(file), file.stat().st_size) for _, file in data.files_by_class(folder)]
    portion = _FEW if side else _PORTION
    one = _resized(side) if side else _straight(files[0])

    def work(portions: Iterator[int]) -> None:
        for number in portions:
            for name, size in files[number * portion : (number + 1) * portion]:
                one(_content(name, size))

    seconds = _processes.timed(work, -(-len(files) // portion))
    click.echo(json.dumps({"seconds": seconds}))


def _straight(first: tuple[bytes, int]) -> Callable[[bytes], Any]:
    height, width, _, _ = simplejpeg.decode_jpeg_header(_content(*first))
    out = np.empty((height, width, 3), np.uint8)
    return lambda content: simplejpeg.decode_jpeg(content, "RGB", buffer=out)


def _resized(side: int) -> Callable[[bytes], Any]:
    from augtool.codecs import decode
    from augtool.recipe.recipe import Reading

    reading, out = Reading(size=(side, side)), np.empty((side, side, 3), np.uint8)
    return lambda content: decode.decode_into(content, reading, out)


def _content(name: bytes, size: int) -> bytes:
    handle = os.open(name, os.O_RDONLY)
    try:
        return os.read(handle, size)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
