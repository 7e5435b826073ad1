"""Options that commands share, and how their values become a `Job`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from augtool.errors import UsageError

from . import values

if TYPE_CHECKING:
    from augtool.job import Job
    from augtool.recipe import Reading, Recipe, Step

Decorator = Callable[[Any], Any]


def together(*options: Decorator) -> Decorator:
    """One decorator of several, shown in help in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _load_config(ctx: click.Context, _param: Any, file: Path | None) -> None:
    """Make a TOML file's values the defaults; an option given on the command line beats them."""
    if file is None:
        return
    import tomllib

    from augtool.params import did_you_mean

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--config {file}: {error}") from None
    known = {
        option.lstrip("-").replace("-", "_"): param.name
        for param in ctx.command.params
        for option in (*param.opts, *param.secondary_opts)
        if option.startswith("--")
    }
    defaults = {}
    for key, value in table.items():
        if key.replace("-", "_") not in known:
            raise UsageError(f"--config {file}: unknown key {key!r}{did_you_mean(key, known)}")
        defaults[known[key.replace("-", "_")]] = value
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


CONFIG = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_load_config,
    is_eager=True,
    expose_value=False,
    help="Take options from a TOML file; those on the command line win.",
)

INPUT = click.option(
    "--in", "-i", "input", required=True, metavar="PATH", help="Image folder, HDF5 file, or sample:"
)

TALK = together(
    click.option("--json", "as_json", is_flag=True, help="Report as JSON on stdout."),
    click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors."),
    click.option("--verbose", "-v", is_flag=True, help="Say more."),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)

READING = together(
    click.option("--size", type=values.Size(), help="Bring folder images to this size."),
    click.option(
        "--fit",
        type=click.Choice(["crop", "stretch", "pad"]),
        default="crop",
        show_default=True,
        help="With --size: resize the short side and keep the centre, resize both, or pad.",
    ),
    click.option(
        "--resample",
        type=click.Choice(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]),
        default="bilinear",
        show_default=True,
        help="How images are resized (with antialias).",
    ),
    click.option(
        "--background",
        type=values.Colour(),
        default="255,255,255",
        show_default=True,
        help="Behind transparent pixels and around padded images.",
    ),
    click.option(
        "--mode",
        type=click.Choice(["L", "RGB", "L16"]),
        help="Read as grey, colour, or 16-bit grey.  [default: RGB]",
    ),
    click.option(
        "--classes",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Class folders in order, one a line, or folder<TAB>name.",
    ),
    click.option("--split", metavar="NAME", help="Read this split's folder under --in."),
    click.option("--image-key", metavar="KEY", help="HDF5: the data set of images."),
    click.option("--label-key", metavar="KEY", help="HDF5: the data set of labels."),
    click.option(
        "--layout", type=click.Choice(["NHWC", "NHW", "NCHW"]), help="HDF5: the images' axes."
    ),
    click.option(
        "--target",
        type=click.Choice(["classes", "vector"]),
        help="Take labels as class ids, or as vectors to regress.",
    ),
    click.option("--num-classes", type=click.IntRange(min=1), help="K, when names do not say."),
    click.option(
        "--label-base",
        type=click.IntRange(0, 1),
        default=0,
        show_default=True,
        help="The number of the first class.",
    ),
)

RECIPE = together(
    click.option(
        "--prob",
        type=click.FloatRange(0, 1),
        help="Apply the method to a row with this probability.  [default: the method's]",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Equal seeds, equal rows.",
    ),
    click.option(
        "--copies",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Mixed passes over the source.",
    ),
    click.option("--num", "-n", type=click.IntRange(min=1), help="Make this many rows."),
    click.option(
        "--limit", type=click.IntRange(min=1), help="Use this many source rows, spread evenly."
    ),
    click.option(
        "--order",
        type=click.Choice(["shuffled", "source"]),
        default="shuffled",
        show_default=True,
        help="source: row c·n + i is based on source row i.",
    ),
    click.option(
        "--keep-originals", is_flag=True, help="Put one unmixed pass before the mixed ones."
    ),
    click.option(
        "--label-smoothing",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        help="s: labels become y·(1−s) + s/K.",
    ),
)

RUN = together(
    click.option(
        "--out", "-o", "output", required=True, metavar="FILE", help="What to make: mixed.h5"
    ),
    click.option(
        "--workers",
        "-j",
        type=values.Workers(),
        default="auto",
        show_default=True,
        help="Processes; auto asks the machine, and runs small jobs in this process.",
    ),
    click.option("--compression", metavar="gzip[:LEVEL]", help="Compress images and labels."),
    click.option(
        "--preview",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Also draw a grid of the first rows, as PNG.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace --out once the new one is complete."),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="At a broken image: stop, or go on without it (exit 3).",
    ),
    click.option("--dry-run", is_flag=True, help="Say what would be made, and stop."),
)


def reading_from(given: Mapping[str, Any]) -> Reading:
    """The `Reading` of the options in `READING`."""
    from augtool.recipe import Reading

    return Reading(
        size=given["size"],
        fit=given["fit"],
        resample=given["resample"],
        background=given["background"],
        mode=given["mode"],
        classes=_class_list(given["classes"]),
        split=given["split"],
        image_key=given["image_key"],
        label_key=given["label_key"],
        layout=given["layout"],
        target=given["target"],
        num_classes=given["num_classes"],
        label_base=given["label_base"],
    )


def recipe_from(given: Mapping[str, Any], step: Step) -> Recipe:
    """The `Recipe` of one step and the options in `READING` and `RECIPE`."""
    from augtool.recipe import Recipe

    return Recipe(
        steps=(step,),
        seed=given["seed"],
        copies=given["copies"],
        num=given["num"],
        keep_originals=given["keep_originals"],
        limit=given["limit"],
        order=given["order"],
        label_smoothing=given["label_smoothing"],
        reading=reading_from(given),
    )


def job_from(given: Mapping[str, Any], step: Step) -> Job:
    """The `Job` of one step and all shared options."""
    from augtool.job import Job

    return Job(
        input=given["input"],
        output=given["output"],
        recipe=recipe_from(given, step),
        workers=given["workers"],
        compression=given["compression"],
        on_error=given["on_error"],
        overwrite=given["overwrite"],
    )


def _class_list(file: Path | None) -> tuple[tuple[str, str], ...] | None:
    """The lines of ``--classes``: (folder, caption) each."""
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--classes {file}: {error}; it must be a UTF-8 text file") from None
    pairs = [line.rstrip().partition("\t") for line in lines if line.strip()]
    folders = [folder for folder, _, _ in pairs]
    twice = {folder for folder in folders if folders.count(folder) > 1}
    if twice or not folders:
        fault = f"{min(twice)!r} is listed twice" if twice else "the file lists no class"
        raise UsageError(f"--classes {file}: {fault}; give one class folder a line")
    return tuple((folder, caption or folder) for folder, _, caption in pairs)
