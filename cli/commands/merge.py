"""Put HDF5 shards, or several outputs, into one file."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from .. import options, stdout
from ._command import Command


@click.command("merge", cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--out", "-o", "output", required=True, metavar="FILE.h5", help="The file to make.")
@click.option("--compression", metavar="gzip[:LEVEL]", help="Compress images and labels.")
@click.option("--overwrite", is_flag=True, help="Replace --out, once the new one is complete.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@options.DEBUG
def command(paths: tuple[str, ...], output: str, as_json: bool, quiet: bool, **given: Any) -> None:
    """Put the HDF5 shards of a run into one file, or several outputs after one another.

    PATH is a folder of shards, or a file. Outputs must have equal fields, classes and layout. The
    shards of one run become the file that the run would have made without shards.
    """
    from augtool.pipeline.merge import merge

    from ..progress import Meter
    from ..report import counted, human_bytes

    with Meter(quiet=quiet or as_json) as meter:
        merged = merge(
            paths,
            output,
            overwrite=given["overwrite"],
            compression=given["compression"],
            listener=meter,
        )
    if as_json:
        stdout.as_json(dataclasses.asdict(merged))
    if not quiet:
        files = counted(merged.files, "file")
        click.echo(
            f"{output}: {counted(merged.rows, 'row')} of {files}, {human_bytes(merged.nbytes)}",
            err=True,
        )
