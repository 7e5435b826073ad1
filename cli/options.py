"""Options that commands share; `build_job` makes jobs of their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from . import param_types, sampling

Decorator = Callable[[Any], Any]


def together(*options: Decorator) -> Decorator:
    """One decorator of several, shown in help in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise click.BadParameter("it is empty", ctx, param)
    return value


def _none_empty(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for one in value:
        _not_empty(ctx, param, one)
    return value


INPUT = click.option(
    "--in",
    "-i",
    "input",
    required=True,
    multiple=True,
    metavar="PATH",
    callback=_none_empty,
    help="Image folder or zip of one, tar, Parquet, HDF5, npz, npy, sample:; repeat it, or give "
    "'x/*.h5' or 'x-{00..99}.tar', for several.",
)

OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace --out, whatever it is, unless it is an input."
)

DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")

TALK = together(
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors."),
    click.option("--verbose", "-v", is_flag=True, help="List all skipped inputs, and the records."),
    DEBUG,
)

_FOLLOW_LINKS = click.option(
    "--follow-links",
    is_flag=True,
    help="Read linked files and folders too; a folder once in a class.",
)

_LIMITS = (
    click.option(
        "--max-pixels",
        type=param_types.Whole(1),
        default=60_000_000,
        show_default=True,
        help="Images of more pixels are broken: a small file can declare any size.",
    ),
    click.option(
        "--max-unpacked",
        type=param_types.Bytes(),
        help="What a file, member or chunk may take in memory, and an array or archive unpack to.  "
        "[default: 256MiB; in all 1GiB, or 100 times its size]",
    ),
)

READING = together(
    click.option("--size", type=param_types.Size(), help="Bring images of a folder to this size."),
    click.option(
        "--fit",
        type=click.Choice(["crop", "stretch", "pad"]),
        default="crop",
        show_default=True,
        help="With --size: fill it and cut the rest, stretch both sides, or fit inside and pad.",
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
        type=param_types.Colour(),
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
    _FOLLOW_LINKS,
    click.option(
        "--image-key",
        metavar="KEY",
        help="The array or column of images, or its extension in tars.",
    ),
    click.option(
        "--label-key",
        metavar="KEY",
        multiple=True,
        help="The array, column, or extension in tars, of labels; repeat for several targets.",
    ),
    click.option(
        "--in-format",
        metavar="NAME",
        help="The format of --in: folder, tar, …  [default: by its content]",
    ),
    click.option(
        "--labels",
        metavar="FILE",
        callback=_not_empty,
        help="Labels of the images: CSV, JSON lines, Parquet or npy.",
    ),
    click.option("--name-column", metavar="NAME", help="Tables of labels: the images' names."),
    click.option(
        "--label-column",
        metavar="NAME",
        multiple=True,
        help="Tables, json in tars: the labels; repeat it for several targets.",
    ),
    click.option(
        "--label-sep", metavar="TEXT", help="Tables of labels: between several classes in a cell."
    ),
    click.option(
        "--label-from-name",
        metavar="REGEX",
        help="The class is the first (group) in an image's path.",
    ),
    click.option(
        "--label-missing",
        type=param_types.Text(),
        metavar="nan|VALUE",
        help="Arrays, tables: what stands for an unknown label.",
    ),
    click.option(
        "--masks",
        metavar="DIR|KEY|none",
        callback=_not_empty,
        help="Label images: a folder like --in's, an array, or not the array called masks.",
    ),
    click.option(
        "--layout", type=click.Choice(["NHWC", "NHW", "NCHW"]), help="HDF5, npz: the images' axes."
    ),
    click.option(
        "--target",
        type=click.Choice(["classes", "vector"]),
        help="Take labels as class ids, or as vectors to regress.",
    ),
    click.option("--num-classes", type=param_types.Whole(1), help="K, when names do not say."),
    click.option(
        "--label-base",
        type=param_types.Whole(0, 1),
        default=0,
        show_default=True,
        metavar="0|1",
        help="The number of the first class.",
    ),
    *_LIMITS,
)

BESIDE = together(
    click.option(
        "--in-format",
        metavar="NAME",
        help="The format of --in: folder, tar, …  [default: by its content]",
    ),
    click.option(
        "--labels",
        metavar="FILE",
        callback=_not_empty,
        help="Labels of the images of --in: CSV, JSON lines, Parquet or npy.",
    ),
    click.option(
        "--masks", metavar="DIR", callback=_not_empty, help="The folder of label images of --in."
    ),
    _FOLLOW_LINKS,
    *_LIMITS,
    click.option(
        "--other-source",
        is_flag=True,
        help="Take --in even when its names, sizes or labels are not those of the first time.",
    ),
)

RECIPE = together(
    click.option(
        "--seed",
        type=param_types.Whole(0),
        default=0,
        show_default=True,
        help="Equal seeds make equal rows.",
    ),
    click.option(
        "--copies",
        type=param_types.Copies(1),
        default=1,
        show_default=True,
        help="Mixed passes over the source; inf with --out -.",
    ),
    click.option(
        "--num", "-n", type=param_types.Whole(1), help="Make this many rows, in place of --copies."
    ),
    click.option(
        "--limit", type=param_types.Whole(2), help="Use this many source rows, spread evenly."
    ),
    click.option(
        "--order",
        type=click.Choice(["shuffled", "source"]),
        default="shuffled",
        show_default=True,
        help="source: row i of each copy is based on source row i.",
    ),
    click.option(
        "--keep-originals", is_flag=True, help="Put one unmixed pass before the mixed ones."
    ),
    click.option(
        "--label-smoothing",
        type=param_types.Number(),
        default=0.0,
        show_default=True,
        metavar="S",
        help="Labels become y·(1−S) + S/K; multi-hot ones y·(1−S) + S/2.",
    ),
    click.option(
        "--label-noise",
        type=param_types.Number(),
        default=0.0,
        show_default=True,
        metavar="P",
        help="Label each source row, with this probability, as another class, drawn uniformly by "
        "the seed; label_clean keeps the true one.",
    ),
    click.option(
        "--mask-fill",
        type=param_types.Integer(),
        default=0,
        show_default=True,
        metavar="ID",
        help="The id of a mask where pixels are erased or beyond the border.",
    ),
    click.option(
        "--weight-by",
        type=click.Choice(["area", "masks"]),
        default="area",
        show_default=True,
        help="Weigh a source by its pixels, or by how much of its object (mask not 0) is seen.",
    ),
)

SAMPLING = together(*sampling.OPTIONS, sampling.ONLY_ROWS)

SAMPLING_RUN = together(*sampling.OPTIONS, sampling.ROWS, sampling.HOLDOUT_OUT)

OUTPUT = click.option(
    "--out",
    "-o",
    "output",
    required=True,
    metavar="FILE|DIR|-",
    callback=_not_empty,
    help="What to make: mixed.h5, mixed.tar; or with --format a folder, or - for stdout.",
)

WRITING = together(
    click.option(
        "--workers",
        "-j",
        type=param_types.Workers(),
        default="auto",
        show_default=True,
        help="Processes; auto asks the machine, and runs small jobs in this process.",
    ),
    click.option(
        "--format",
        metavar="NAME",
        help="The format of a folder or of stdout: hdf5, tar, …  [default: by the name of --out]",
    ),
    click.option("--shards", type=param_types.Integer(), metavar="N", help="Make so many files."),
    click.option(
        "--shard-size",
        type=param_types.Text(),
        metavar="ROWS|BYTES",
        help="Make files of about so many rows (10000) or bytes (512MB).",
    ),
    click.option(
        "--index",
        type=click.Choice(["timm"]),
        help="Shards of tar: also write what timm wants to know, in .augtool/.",
    ),
    click.option("--compression", metavar="gzip[:LEVEL]", help="HDF5: compress images, labels."),
    click.option(
        "--encode",
        metavar="auto|jpg:Q|png|webp:Q|npy",
        default="auto",
        show_default=True,
        help="Images in tars and folders: auto is jpg:95 for sources of JPEGs, else png.",
    ),
    click.option(
        "--labels-as",
        type=click.Choice(["dense", "sparse"]),
        default="dense",
        show_default=True,
        help="K weights a row, or the sources' classes beside their weights.",
    ),
    click.option(
        "--out-layout",
        type=click.Choice(["NHWC", "NCHW"]),
        default="NHWC",
        show_default=True,
        help="The order of the axes of images in arrays.",
    ),
)

RUN = together(
    WRITING,
    click.option(
        "--copy",
        type=param_types.Integer(),
        metavar="E",
        help="--out -: make copy E alone, from 0.",
    ),
    click.option(
        "--task-index",
        type=param_types.Integer(),
        default=0,
        metavar="I",
        help="--out -: make share I, from 0, of --num-tasks.",
    ),
    click.option(
        "--num-tasks",
        type=param_types.Integer(),
        default=1,
        metavar="N",
        help="--out -: so many runs share the rows of each copy.",
    ),
    click.option(
        "--listing",
        metavar="FILE",
        callback=_not_empty,
        help="Keep what is in --in here, so that other runs need not look; made when missing.",
    ),
    click.option(
        "--scratch",
        metavar="DIR",
        callback=_not_empty,
        help="Unpack compressed inputs here while the run lasts.  [default: beside --out]",
    ),
    click.option(
        "--preview",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE.png",
        help="Also draw a grid of the first rows; an older picture of augtool is replaced.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on with what a stopped run of this job has left; the output has the same bytes. "
        "Nothing is done when it is complete.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Tell inputs apart by what is in their files too, not by times: reads all once.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace --out, once the new one is complete."),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "skip"]),
        default="fail",
        show_default=True,
        help="At a broken image: stop, or go on without it (exit 3).",
    ),
    click.option(
        "--max-errors",
        type=param_types.Integer(),
        metavar="N",
        help="--on-error skip: fail when more images than this are broken.",
    ),
    click.option(
        "--errors",
        metavar="FILE",
        callback=_not_empty,
        help="List every file of --in that is not used, with the reason, as JSON lines; an older "
        "list is replaced.",
    ),
    click.option("--dry-run", is_flag=True, help="Say what would be made, and make nothing."),
)
