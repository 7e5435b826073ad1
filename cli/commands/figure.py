"""Draw a figure for a paper: A, B and what methods, or rows of an output, make of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from .. import build_job, config, options, param_types
from ._command import Command
from ._steps import steps_of

if TYPE_CHECKING:
    from augtool.recipe.recipe import Choice, Step
    from augtool.report.figure import Figure


@click.command("figure", cls=Command)
@click.argument("path", metavar="[OUT]", required=False)
@click.option(
    "--in",
    "-i",
    "inputs",
    required=True,
    multiple=True,
    metavar="PATH",
    help="The source of OUT; without OUT a source, or image files (once for each) whose names are "
    "their classes.",
)
@click.option(
    "--out",
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="figure.svg",
    show_default=True,
    metavar="FILE.svg|FILE.png",
    help="The figure to write; an older one of augtool is replaced.",
)
@options.OVERWRITE
@click.option(
    "--pick",
    type=param_types.Numbers(),
    help="Show these rows of OUT; without OUT these rows of the source as A.",
)
@click.option(
    "--methods", metavar="A,B,…", help="One column per method.  [default: those that change pixels]"
)
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="'METHOD NAME=VALUE …'",
    help="One column for this step, such as 'cutmix alpha=0.2'; repeat it.",
)
@click.option(
    "--lam",
    type=param_types.Shares(),
    help="One column for each of these λ, of one method (cutmix unless --methods says).",
)
@click.option(
    "--box-sampler",
    type=click.Choice(["clip", "inside"]),
    help="With --lam: where boxes of CutMix may lie.",
)
@click.option(
    "--rows",
    type=param_types.Whole(1, 100),
    default=3,
    show_default=True,
    help="Pairs of images shown.",
)
@click.option(
    "--seed", type=param_types.Whole(0), default=0, show_default=True, help="Seed of the draws."
)
@click.option(
    "--mask/--no-mask",
    default=None,
    help="Show which source each pixel comes from.  [default: with OUT]",
)
@click.option(
    "--outline/--no-outline", default=True, show_default=True, help="Outline pasted boxes."
)
@click.option("--title", default="", metavar="TEXT", help="A line above the figure.")
@click.option("--wrap", type=param_types.Whole(1), help="At most so many columns side by side.")
@click.option("--scale", type=param_types.Whole(1, 64), help="PNG: enlarge by this whole factor.")
@click.option(
    "--dpi", type=param_types.Whole(1, 4800), help="PNG: store this resolution in the file."
)
@click.option(
    "--plain",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write each image alone and unscaled, as PNG.",
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PNG: a font file for the text.",
)
@options.READING
@click.option(
    "--other-source",
    is_flag=True,
    help="Take --in even when its names, sizes or labels are not those of the first time.",
)
@config.CONFIG
@options.DEBUG
def command(path: str | None, inputs: tuple[str, ...], output: Path, **given: Any) -> None:
    """Draw a figure for a paper, as SVG or PNG: images A and B, and what is made of them.

    With OUT, an output of augtool, rows of it are made again from their stored plan, with base,
    partners and the owners of their pixels. Without it the same pairs are shown under several
    methods, or under one with several λ; the partner is the same in all columns.
    """
    from augtool.report.drawing import save_figure, save_plain
    from augtool.report.figure import write_plain

    _check(output, path, inputs, given)
    figure = _of_rows(path, inputs, given) if path else _of_methods(inputs, given)
    drawn = {name: given[name] for name in ("outline", "wrap", "scale", "font", "dpi")}
    size = save_figure(figure, output, overwrite=given["overwrite"], **drawn)
    said = f"{output}: {len(figure.columns)} columns, {len(figure.columns[0].panels)} rows"
    click.echo(said + (f", {size[0]}×{size[1]}" if size else ""), err=True)
    if given["plain"] is not None:
        count = write_plain(figure, given["plain"], save_plain)
        click.echo(f"{given['plain']}: {count} images", err=True)


def _check(
    output: Path, path: str | None, inputs: tuple[str, ...], given: Mapping[str, Any]
) -> None:
    """Raise `UsageError` for places and options that do not go together."""
    if output.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--out {output}: a figure is SVG or PNG; end its name in .svg or .png")
    reads = build_job.inputs_read(given, *filter(None, (path, *inputs)))
    build_job.check_apart("--out", output, reads)
    if given["plain"] is not None:
        build_job.check_apart("--plain", given["plain"], reads)
    of_png = [name for name in ("scale", "dpi", "font") if given[name] is not None]
    if of_png and output.suffix.lower() == ".svg":
        raise UsageError(f"--{of_png[0]} does not apply to SVG; remove it, or write a .png")
    of_methods = [name for name in ("methods", "steps", "lam", "box_sampler") if given[name]]
    if path and of_methods:
        name = of_methods[0].replace("_", "-").replace("steps", "step")
        raise UsageError(f"--{name} does not apply to rows of an output; remove it or {path}")
    if given["box_sampler"] and not given["lam"]:
        raise UsageError("--box-sampler needs --lam; or write --step 'cutmix box_sampler=inside'")


def _of_rows(path: str, inputs: tuple[str, ...], given: Mapping[str, Any]) -> Figure:
    from augtool.outputs import output
    from augtool.recipe.recipe import Reading
    from augtool.report.figure import of_rows
    from augtool.report.rows import spread
    from augtool.verification.rerender import Input

    if build_job.reading_from(given) != Reading():
        raise UsageError(
            f"{path}: its recipe says how its source is read; remove the options of reading"
        )
    source = Input(
        inputs,
        build_job.masks_from(given),
        given["labels"],
        given["in_format"],
        given["other_source"],
    )
    with output.looked_at(path) as opened:
        rows = given["pick"] or spread(len(opened), given["rows"]).tolist()
        mask = given["mask"] is not False
        return of_rows(opened, rows, source, mask=mask, title=given["title"])


def _of_methods(inputs: tuple[str, ...], given: Mapping[str, Any]) -> Figure:
    from augtool.report.figure import of_methods

    return of_methods(
        inputs,
        _columns(given),
        rows=given["rows"],
        pick=given["pick"],
        seed=given["seed"],
        reading=build_job.reading_from(given),
        mask=bool(given["mask"]),
        title=given["title"],
    )


def _columns(given: Mapping[str, Any]) -> list[tuple[str, Step | Choice]]:
    """The heading and the step of each column."""
    from augtool.report.figure import method_columns, shown_methods, sweep

    names = [one.strip() for one in given["methods"].split(",")] if given["methods"] else []
    if given["lam"] is not None:
        if len(names) > 1 or given["steps"]:
            raise UsageError("--lam shows one method: name one with --methods, without --step")
        method = names[0] if names else "cutmix"
        return [*sweep(method, given["lam"], box_sampler=given["box_sampler"])]
    columns: list[tuple[str, Step | Choice]] = [*method_columns(names)]
    columns += zip(given["steps"], steps_of(given["steps"]), strict=True)
    return columns or [*method_columns(shown_methods())]
