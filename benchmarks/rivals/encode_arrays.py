"""The bound of a job whose output is encoded: the images of ``SOURCE`` (HDF5) encoded by two
processes and dropped. ``ENCODING`` is ``gzip``, ``png`` or ``jpg``, by the encoders that augtool
uses and with its parameters.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import simplejpeg
from PIL import Image

from benchmarks.rivals import _processes

_PORTION = 8
_CHUNK_BYTES = 256 << 10
_GZIP_LEVEL, _PNG_LEVEL, _QUALITY = 4, 1, 95


def _gzip(images: Any) -> None:
    fitting = _CHUNK_BYTES // images[0].nbytes
    rows = 1 << max(fitting.bit_length() - 1, 0)
    for start in range(0, len(images), rows):
        zlib.compress(images[start : start + rows], _GZIP_LEVEL)


def _png(images: Any) -> None:
    for image in images:
        Image.fromarray(image).save(io.BytesIO(), "PNG", compress_level=_PNG_LEVEL)


def _jpg(images: Any) -> None:
    for image in images:
        simplejpeg.encode_jpeg(image, _QUALITY, "RGB", "444")


_ENCODERS: dict[str, Callable[[Any], None]] = {"gzip": _gzip, "png": _png, "jpg": _jpg}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("encoding", type=click.Choice(sorted(_ENCODERS)))
def main(source: Path, encoding: str) -> None:
    with h5py.File(source) as file:
        given = file["images"]
        images = np.memmap(source, given.dtype, "r", given.id.get_offset(), given.shape)

    def work(portions: Iterator[int]) -> None:
        for number in portions:
            part = np.array(images[number * _PORTION : (number + 1) * _PORTION])
            _ENCODERS[encoding](part)

    seconds = _processes.timed(work, -(-len(images) // _PORTION))
    click.echo(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
