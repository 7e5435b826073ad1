"""Draw a grid of images with their labels, from an input or an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from augtool.errors import UsageError

from .. import options, values
from ._command import Command


@click.command("preview", cls=Command)
@click.argument("path", metavar="FILE|FOLDER")
@click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="preview.png",
    show_default=True,
    help="The PNG to write; it is replaced when it exists.",
)
@click.option(
    "--rows", type=click.IntRange(min=1), default=4, show_default=True, help="Rows of the grid."
)
@click.option(
    "--cols", type=click.IntRange(min=1), default=8, show_default=True, help="Images in a row."
)
@click.option("--pick", type=values.Numbers(), help="Show these rows of the data, in this order.")
@click.option("--seed", type=click.IntRange(min=0), help="Show rows drawn with this seed.")
@click.option("--scale", type=click.IntRange(min=1), help="Enlarge images by this whole factor.")
@click.option("--outline/--no-outline", default=False, help="Outline the pasted boxes.")
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A font file for the captions.",
)
@options.READING
@options.CONFIG
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(path: str, output: Path, **given: Any) -> None:
    """Draw a grid of images, each with its label under it.

    FILE|FOLDER is an output of augtool or anything that it reads. Images may differ in size.
    """
    from augtool.look import View, preview_of
    from augtool.preview import save

    if output.suffix.lower() != ".png":
        raise UsageError(f"--out {output}: the preview is a PNG; end its name in .png")
    view = View(
        rows=given["rows"],
        cols=given["cols"],
        pick=given["pick"],
        seed=given["seed"],
        scale=given["scale"],
        outline=given["outline"],
        font=given["font"],
    )
    image = preview_of(path, view, options.reading_from(given))
    save(image, output)
    click.echo(f"{output}: {image.width}×{image.height}", err=True)
