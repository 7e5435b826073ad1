"""Draw a grid of images with their labels, from an input or an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import build_job, config, options, param_types
from ._command import Command


@click.command("preview", cls=Command)
@click.argument("path", metavar="PATH")
@click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="preview.png",
    show_default=True,
    metavar="FILE.png",
    help="The picture to write; an older picture of augtool is replaced.",
)
@click.option(
    "--rows", type=param_types.Whole(1), default=4, show_default=True, help="Rows of the grid."
)
@click.option(
    "--cols", type=param_types.Whole(1), default=8, show_default=True, help="Images in a row."
)
@click.option(
    "--pick", type=param_types.Numbers(), help="Show these rows of the data, in this order."
)
@click.option("--seed", type=param_types.Whole(0), help="Show rows drawn with this seed.")
@click.option("--scale", type=param_types.Whole(1), help="Enlarge images by this whole factor.")
@click.option(
    "--outline/--no-outline",
    default=False,
    help="Outline pasted boxes that no later step moved.  [default: no]",
)
@click.option(
    "--show-masks", is_flag=True, help="Draw label images under their images; so does --masks."
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A font file for the captions.",
)
@options.OVERWRITE
@click.option(
    "--plain",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write each shown image alone and unscaled, as PNG.",
)
@options.READING
@config.CONFIG
@options.DEBUG
def command(path: str, output: Path, **given: Any) -> None:
    """Draw a grid of images, each with its label under it.

    PATH is an output of augtool, or anything that it reads. Images may differ in size.
    """
    from augtool.preview.grid import save
    from augtool.preview.preview import View, preview_of

    reads = build_job.inputs_read(given, path, option="PATH")
    build_job.check_picture("--out", output, reads, (), overwrite=given["overwrite"])
    if given["plain"] is not None:
        build_job.check_apart("--plain", given["plain"], reads)
    view = View(
        rows=given["rows"],
        cols=given["cols"],
        pick=given["pick"],
        seed=given["seed"],
        scale=given["scale"],
        outline=given["outline"],
        masks=given["show_masks"] or given["masks"] not in (None, "none"),
        font=given["font"],
        plain=given["plain"],
    )
    reading, masks = build_job.reading_from(given), build_job.masks_from(given)
    image = preview_of(path, view, reading, masks, given["labels"], given["in_format"])
    save(image, output, "--out", overwrite=given["overwrite"])
    click.echo(f"{output}: {image.width}×{image.height}", err=True)
