"""Draw the same few images, one method or one λ a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augtool.errors import UsageError

from .. import build_job, config, options, param_types
from ._command import Command

_MANY = 1000  # images of a source


@click.command("gallery", cls=Command)
@click.option(
    "--in",
    "-i",
    "inputs",
    required=True,
    multiple=True,
    metavar="PATH",
    help="A source, or image files (once for each) whose names are their classes.",
)
@click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="gallery.png",
    show_default=True,
    help="The PNG to write; an older picture of augtool is replaced.",
)
@click.option(
    "--methods", metavar="A,B,…", help="Which methods.  [default: those that change pixels]"
)
@click.option(
    "--lam",
    type=param_types.Shares(),
    help="One column for each of these λ, of one method (cutmix unless --methods says).",
)
@click.option(
    "--rows", type=click.IntRange(min=1), default=4, show_default=True, help="Images shown."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws."
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A font file for the captions.",
)
@options.OVERWRITE
@options.READING
@config.CONFIG
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(inputs: tuple[str, ...], output: Path, **given: Any) -> None:
    """Draw the same few images down the side, one method (or one λ) a column.

    The first column has the unmixed images; under each is its soft label.
    """
    from augtool.preview.gallery import columns_of, columns_of_lam, gallery_of
    from augtool.preview.grid import save

    reads = build_job.inputs_read(given, *inputs)
    build_job.check_picture("--out", output, reads, (), overwrite=given["overwrite"])
    names = _names(given["methods"], len(inputs))
    if given["lam"] is None:
        columns = columns_of(names)
    else:
        if given["methods"] and len(names) > 1:
            raise UsageError("--lam shows one method: name one with --methods")
        columns = columns_of_lam(names[0] if given["methods"] else "cutmix", given["lam"])
    image = gallery_of(
        inputs,
        columns,
        rows=given["rows"],
        seed=given["seed"],
        reading=build_job.reading_from(given),
        font=given["font"],
    )
    save(image, output, "--out", overwrite=given["overwrite"])
    click.echo(f"{output}: {image.width}×{image.height}", err=True)


def _names(text: str | None, inputs: int) -> list[str]:
    """The methods asked for, or all that have something to show; several inputs are images."""
    from augtool.preview.gallery import shown_methods

    if text:
        return [one.strip() for one in text.split(",")]
    return shown_methods(inputs if inputs > 1 else _MANY)
